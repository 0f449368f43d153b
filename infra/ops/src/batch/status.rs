//! `cvmctl batch status`: how many devices of a batch stand how, once or until none is on its way.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use clap::Args;
use cvm_aws::system::SystemClock;

use crate::batch::counts::Counts;
use crate::batch::id::BatchId;
use crate::batch::reading::Pair;
use crate::batch::reading::Reading;
use crate::batch::store;
use crate::batch::submit::id;
use crate::batch::watch::End;
use crate::batch::watch::Watch;
use crate::batch::watch::Watched;
use crate::cli::Exit;
use crate::context::Context;
use crate::terminal::complain;
use crate::trouble::Trouble;

/// Which batch to count.
#[derive(Args, Debug)]
pub struct Status {
    /// The batch
    #[arg(value_name = "ID", value_parser = id)]
    id: BatchId,
    /// Wait until no device is on its way
    #[arg(long)]
    watch: bool,
    /// How many certificates AWS IoT issues a second, for a first guess at the time
    #[arg(long, value_name = "N", default_value = "10")]
    quota: NonZeroU32,
}

impl Status {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let stop = context.stop();
        let site = context.site().await?;
        let (_, manifest) = store::open(&site, &self.id).await?;
        let mut reading = Reading::new(&site, &manifest).await?;
        let Some((open, counts)) = count(&mut reading, stop).await? else {
            return Ok(Exit::Stopped);
        };
        if !self.watch {
            counts.print(context);
            return Ok(Exit::Done);
        }
        let (rows, quota) = ((open, counts), self.quota.get());
        let watch = Watch::new(&reading.table, &SystemClock, stop, quota, rows);
        let (end, counts) = watch.until_the_end().await;
        counts.print(context);
        match end {
            End::Over => Ok(Exit::Done),
            End::Stopped => {
                let id = &self.id;
                complain(&format!(
                    "stopped; to go on: cvmctl batch status {id} --watch"
                ));
                Ok(Exit::Stopped)
            }
            End::Failed(failure) => Err(Trouble::calling("the device table", &failure)),
        }
    }
}

/// All rows counted, and those that are on their way; `None` if somebody wanted it to stop.
async fn count(
    reading: &mut Reading,
    stop: &AtomicBool,
) -> Result<Option<(Vec<Watched>, Counts)>, Trouble> {
    let (mut open, mut counts) = (Vec::new(), Counts::default());
    while let Some(pairs) = reading.next().await? {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        for pair in pairs {
            let standing = pair.standing();
            counts.add(standing, 1);
            match pair {
                Pair::Sound(wanted, ..) if standing.is_on_its_way() => {
                    open.push(Watched::new(&wanted, standing));
                }
                Pair::Sound(..) | Pair::Bad(_) => {}
            }
        }
    }
    Ok(Some((open, counts)))
}
