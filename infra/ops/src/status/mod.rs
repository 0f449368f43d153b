//! `cvmctl status`: one screen for who is called at 3 a.m.

mod look;
mod recent;
mod recount;
mod screen;

use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;

use crate::cli::Exit;
use crate::cli::Output;
use crate::context::Context;
use crate::status::look::Look;
use crate::terminal::say;
use crate::trouble::Trouble;

/// What it costs, and how fresh it is.
pub const COST: &str = "\
The states are counted by the ledger as devices move (one write for each of its batches, no scan), some
seconds behind. One look costs about 20 small reads, and two metrics ($0.01 for 500 looks). --recount reads
the whole table once, at about $0.03 for a million devices, and sets the count right; devices that move
meanwhile may be counted wrong again.

A host's database (--store) counts its devices and their deeds at each look, so there is nothing to set right.";

/// How to look.
#[derive(Args, Debug)]
pub struct Status {
    /// Look again and again, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// How many seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "watch")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// Certificates a second that the account may issue, for the time that is left
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    quota: f64,
    /// Count the devices by reading the whole table
    #[arg(long, conflicts_with = "watch")]
    recount: bool,
}

impl Status {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        if self.recount {
            return recount::recount(&site, context).await;
        }
        let stop = context.stop();
        loop {
            let look = Box::pin(Look::at(&site)).await?;
            if self.watch && context.output == Output::Table {
                // Home, and clear to the end: the last look is overwritten.
                say("\u{1b}[H\u{1b}[J");
            }
            say(&screen::told(&look, self.quota, context));
            if !self.watch {
                return Ok(Exit::Done);
            }
            for _ in 0..self.every * 10 {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Exit::Stopped);
                }
                SystemClock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
