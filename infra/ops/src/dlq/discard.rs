//! `cvmctl dlq drop`: throws dead letters away, each with its reason in its device's trail.

use clap::Args;
use cvm_aws::system::SystemClock;

use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::desk::Desk;
use crate::dlq::fate::Fate;
use crate::dlq::filter::Choice;
use crate::dlq::letter::Letter;
use crate::dlq::place::Place;
use crate::dlq::post::SqsPost;
use crate::dlq::report::Report;
use crate::dlq::standing::Standing;
use crate::dlq::walk::End;
use crate::dlq::walk::Walk;
use crate::site::Site;
use crate::trouble::Trouble;

pub(super) const LOSS: &str = "\
The rows stay as they are: a device that waits is served all the same once the janitor sends its order
again, and one that failed may ask again. --reason is needed, and goes to the trail of each letter's
device. What a letter without a device was is only said on standard error: keep it.";

/// Which letters to throw away.
#[derive(Args, Debug)]
pub struct Discard {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    care: Care,
}

impl Discard {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let filter = self.choice.filter()?;
        if self.care.reason.is_none() && !self.care.dry_run {
            return Err(Trouble::usage("say why, for the trail: --reason TEXT"));
        }
        let site = context.site().await?;
        let place = Place::open(&site).await?;
        let letters = place.depth().await?;
        if !self.care.dry_run {
            let question = format!("Throw {filter} away? There are about {letters} in all.");
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
            let handle = async |_: &Letter| Ok(Fate::WouldDrop);
            walk.run(&mut report, handle).await
        } else {
            self.drop(&site, &place, &walk, &mut report).await?
        };
        report.conclude(&end)
    }

    async fn drop(
        &self,
        site: &Site,
        place: &Place,
        walk: &Walk<'_, SqsPost, SystemClock>,
        report: &mut Report,
    ) -> Result<(End, bool), Trouble> {
        let trails = site.trails().await?;
        let desk = Desk {
            post: &place.post,
            registry: &place.registry,
            notes: &trails,
            clock: &SystemClock,
            hand: site.hand(self.care.reason.clone()).await?,
        };
        let handle = async |letter: &Letter| {
            let standing = Standing::of(&place.registry, letter).await?;
            desk.discard(letter, standing.row()).await?;
            Ok(Fate::Dropped)
        };
        Ok(walk.run(report, handle).await)
    }
}
