//! `cvmctl dlq replay`: sends dead letters to the work queue again, where that can help.

use std::collections::HashSet;
use std::num::NonZeroU32;

use clap::Args;
use cvm_aws::queue::SqsDelivery;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;

use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::desk::Desk;
use crate::dlq::desk::Outgoing;
use crate::dlq::fate::Fate;
use crate::dlq::filter::Choice;
use crate::dlq::letter::Letter;
use crate::dlq::native;
use crate::dlq::pace::Pace;
use crate::dlq::pace::rate;
use crate::dlq::place::Place;
use crate::dlq::post::SqsPost;
use crate::dlq::report::Report;
use crate::dlq::standing::Standing;
use crate::dlq::walk::End;
use crate::dlq::walk::Walk;
use crate::site::Part;
use crate::site::Site;
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
        let site = context.site().await?;
        let place = Place::open(&site).await?;
        let letters = place.depth().await?;
        if !self.care.dry_run {
            let question =
                format!("Send {filter} to the work queue again? There are about {letters} in all.");
            context.consent(&self.care, &question)?;
        }
        let mut report = Report::new(context, self.care.dry_run, letters);
        let walk = Walk {
            post: &place.post,
            filter,
            clock: &SystemClock,
            stop: context.stop(),
        };
        let end = if self.care.dry_run {
            preview(&walk, &place.registry, &mut report).await
        } else {
            self.send(&site, &place, &walk, &mut report).await?
        };
        report.conclude(&end)
    }

    async fn send(
        &self,
        site: &Site,
        place: &Place,
        walk: &Walk<'_, SqsPost, SystemClock>,
        report: &mut Report,
    ) -> Result<(End, bool), Trouble> {
        let trails = site.trails().await?;
        let queue = site.name(Part::Queue).await?;
        let delivery = SqsDelivery::new(site.sqs(), queue, place.url.clone());
        let mut outgoing = Outgoing {
            desk: Desk {
                post: &place.post,
                registry: &place.registry,
                notes: &trails,
                clock: &SystemClock,
                hand: site.hand(self.care.reason.clone()).await?,
            },
            delivery: &delivery,
            pace: Pace::new(self.rate),
            sent: HashSet::new(),
        };
        let handle = async |letter: &Letter| Box::pin(outgoing.replay(letter)).await;
        Ok(walk.run(report, handle).await)
    }
}

/// Says what would be done, and does nothing.
async fn preview(
    walk: &Walk<'_, SqsPost, SystemClock>,
    registry: &DynamoRegistry,
    report: &mut Report,
) -> (End, bool) {
    let handle = async |letter: &Letter| {
        let standing = Standing::of(registry, letter).await?;
        Ok(Fate::Would(standing.verdict(letter, SystemClock.now())))
    };
    walk.run(report, handle).await
}
