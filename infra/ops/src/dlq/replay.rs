//! `cvmctl dlq replay`: sends dead letters to the work queue again, where that can help.

use std::collections::HashSet;
use std::num::NonZeroU32;

use clap::Args;
use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;

use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::desk::Outgoing;
use crate::dlq::errand::Errand;
use crate::dlq::fate::Fate;
use crate::dlq::filter::Choice;
use crate::dlq::letter::Letter;
use crate::dlq::native;
use crate::dlq::pace::Pace;
use crate::dlq::pace::rate;
use crate::dlq::standing::Standing;
use crate::trouble::Trouble;

pub(super) const WAY: &str = "\
Each letter is judged by its device's row. It is sent if the row waits for it or has failed with
something that can be mended; dropped if the device has its certificate or has moved on; and left if
it would fail again. A letter is sent before its row is marked, and removed last: stopped anywhere, the
command can be run again, and what is done is not done twice. The rows' trails tell who did it.

--native has SQS move all letters by itself, without a look at rows: what is moot is sent as well (the
workers find out), message ids change, no trail tells of it, and it goes on after cvmctl has ended.";

/// Which letters to send again.
#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    choice: Choice,
    /// No more than so many a second
    #[arg(long, value_name = "N/s", default_value = "10/s", value_parser = rate)]
    rate: NonZeroU32,
    /// Have SQS move them all
    #[arg(long, conflicts_with_all = ["code", "serial", "older_than"])]
    native: bool,
    #[command(flatten)]
    care: Care,
}

impl Replay {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        if self.native {
            return native::run(context, self.rate, &self.care).await;
        }
        let filter = self.choice.filter()?;
        let question = format!("Send {filter} to the work queue again?");
        let errand = Errand::begin(context, filter, &self.care, &question).await?;
        if self.care.dry_run {
            preview(&errand).await
        } else {
            self.send(&errand).await
        }
    }

    async fn send(&self, errand: &Errand<'_>) -> Result<Exit, Trouble> {
        let trails = errand.site.trails().await?;
        let delivery = errand.site.deliveries().await?;
        let mut outgoing = Outgoing {
            desk: errand.desk(&trails).await?,
            delivery: &delivery,
            pace: Pace::new(self.rate),
            sent: HashSet::new(),
        };
        let handle = async |letter: &Letter| Box::pin(outgoing.replay(letter)).await;
        errand.walk(handle).await
    }
}

/// Says what would be done, and does nothing.
async fn preview(errand: &Errand<'_>) -> Result<Exit, Trouble> {
    let handle = async |letter: &Letter| {
        let standing = Standing::of(&errand.place.registry, letter).await?;
        Ok(Fate::Would(standing.verdict(letter, SystemClock.now())))
    };
    errand.walk(handle).await
}
