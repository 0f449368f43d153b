//! `cvmctl dlq drop`: throws dead letters away, each with its reason in its device's trail.

use clap::Args;

use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::errand::Errand;
use crate::dlq::fate::Fate;
use crate::dlq::filter::Choice;
use crate::dlq::letter::Letter;
use crate::dlq::standing::Standing;
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
        let question = format!("Throw {filter} away?");
        let errand = Errand::begin(context, filter, &self.care, &question).await?;
        if self.care.dry_run {
            return errand.walk(async |_| Ok(Fate::WouldDrop)).await;
        }
        let trails = errand.site.trails().await?;
        let desk = errand.desk(&trails).await?;
        let handle = async |letter: &Letter| {
            let standing = Standing::of(desk.registry, letter).await?;
            desk.discard(letter, standing.row()).await?;
            Ok(Fate::Dropped)
        };
        errand.walk(handle).await
    }
}
