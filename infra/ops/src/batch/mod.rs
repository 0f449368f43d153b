//! `cvmctl batch`: a factory's devices, a file at a time, from the file to certificates that wait for them.
//!
//! From outside in: the commands (`submit`, `list`, `status`, `cancel`, `results`, `bundles`); the file
//! (`source`, `csv_file`, `ndjson`, `check`) and what is kept of it ([`id`], [`row`], [`manifest`], [`about`],
//! `store`); what a row's device may have ([`judge`], `standing`, `calling_off`), which is decided in pure functions; the
//! way into the queue (`work`, [`submitter`], `insist`, `rate`); what is watched (`watch`, `pace`, `counts`);
//! and what comes out (`reading`, `folder`).

pub mod about;
mod bundles;
mod calling_off;
mod cancel;
mod check;
mod counts;
mod csv_file;
mod folder;
pub mod id;
pub(crate) mod insist;
pub mod judge;
mod list;
pub mod manifest;
mod ndjson;
mod pace;
mod rate;
pub(crate) mod reading;
pub(crate) mod results;
pub mod row;
#[cfg(test)]
mod sample;
mod source;
pub(crate) mod standing;
mod status;
pub(crate) mod store;
pub(crate) mod submit;
pub mod submitter;
mod watch;
mod work;

use clap::Subcommand;

use crate::cli::EXITS;
use crate::cli::Exit;
use crate::context::Context;
use crate::trouble::Trouble;

/// What to do with batches.
#[derive(Debug, Subcommand)]
pub enum Batch {
    /// Ask for the certificates of the devices in a file, and wait for them
    #[command(after_help = format!("{}\n{}\n\n{EXITS}", submit::HELP, watch::COST))]
    Submit(submit::Submit),
    /// List the batches
    #[command(after_help = EXITS)]
    List(list::List),
    /// Count a batch's devices by state
    #[command(after_help = format!("{}\n\n{EXITS}", watch::COST))]
    Status(status::Status),
    /// Take back what a batch has asked for and no worker has taken up yet
    #[command(after_help = format!("{}\n\n{EXITS}", cancel::HELP))]
    Cancel(cancel::Cancel),
    /// Tell what became of every row of a batch
    #[command(after_help = format!("{}\n\n{EXITS}", results::HELP))]
    Results(results::Results),
    /// Fetch the bundles that wait for a batch's devices, to install them at the factory
    #[command(after_help = format!("{}\n\n{EXITS}", bundles::HELP))]
    Bundles(bundles::Bundles),
}

impl Batch {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        match self {
            Self::Submit(args) => Box::pin(args.run(context)).await,
            Self::List(args) => args.run(context).await,
            Self::Status(args) => args.run(context).await,
            Self::Cancel(args) => args.run(context).await,
            Self::Results(args) => args.run(context).await,
            Self::Bundles(args) => args.run(context).await,
        }
    }
}
