//! `cvmctl audit`: the trails of devices, read, checked and exported.

mod export;
pub mod lines;
mod show;
mod verify;

use clap::Subcommand;

use crate::cli::EXITS;
use crate::cli::Exit;
use crate::context::Context;
use crate::trouble::Trouble;

const CHAIN: &str = "\
Every change of a device's row carries a hash over itself and all changes before it; the row keeps the
last one. The entries are written by another function from the table's stream, with the right to add and
none to change. So an entry that was changed, left out or made up shows, and so does a row that somebody
changed by hand.

On a host (--store) an entry is written in the transaction of its change. There it is the database's grants
that keep entries as they are: no account of the machine's should have the right to change or delete one.";

/// What to do with trails.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Show the trail of one device
    #[command(after_help = EXITS)]
    Show(show::Show),
    /// Check trails against their devices
    #[command(after_help = format!("{CHAIN}\n\n{EXITS}"))]
    Verify(verify::Verify),
    /// Write all trails to a file, one JSON object a line
    #[command(after_help = EXITS)]
    Export(export::Export),
}

impl Audit {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        match self {
            Self::Show(args) => args.run(context).await,
            Self::Verify(args) => args.run(context).await,
            Self::Export(args) => args.run(context).await,
        }
    }
}
