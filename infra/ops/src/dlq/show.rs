//! `cvmctl dlq show`: everything of one dead letter but its text, and how its device stands.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use clap::Args;
use cvm_aws::system::SystemClock;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock as _;

use crate::cli::Exit;
use crate::context::Context;
use crate::devices::story::Story;
use crate::dlq::about::About;
use crate::dlq::letter::Letter;
use crate::dlq::place::Place;
use crate::dlq::post::Post;
use crate::dlq::report::calling;
use crate::dlq::report::given_back;
use crate::dlq::round::Round;
use crate::dlq::standing::Standing;
use crate::terminal::say;
use crate::trouble::Trouble;

/// Which letter to show.
#[derive(Args, Debug)]
pub struct Show {
    /// The message's id, as `dlq list --each` shows it
    #[arg(value_name = "MESSAGE_ID")]
    id: String,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let place = Place::open(&site).await?;
        let stop = context.stop();
        let mut round = Round::new(&place.post);
        let found = self.find(&mut round, stop).await;
        let seen = round.count();
        given_back(round.give_back().await);
        let Some(letter) = found.map_err(|failure| calling(&failure))? else {
            if stop.load(Ordering::Relaxed) {
                return Ok(Exit::Stopped);
            }
            let message = format!("no such letter among {seen}; one in use is hidden for a while");
            return Err(Trouble::refused(message));
        };
        let standing = Standing::of(&place.registry, &letter).await;
        let standing = standing.map_err(|failure| calling(&failure))?;
        let about = About::of(&letter, &standing, SystemClock.now());
        let story = standing.row().map(Story::of);
        say(&about.told(story.as_ref(), context.output, context.styled));
        Ok(Exit::Done)
    }

    async fn find<P: Post>(
        &self,
        round: &mut Round<'_, P>,
        stop: &AtomicBool,
    ) -> Result<Option<Letter>, Failure> {
        while !stop.load(Ordering::Relaxed) {
            let Some(page) = round.next().await? else {
                break;
            };
            let found = page.into_iter().find(|letter| letter.id == self.id);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
