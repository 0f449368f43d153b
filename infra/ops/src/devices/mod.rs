//! `cvmctl devices`: what may be asked of devices, and who answers.

mod change;
mod enter;
mod export;
mod filter;
mod generate;
mod list;
mod show;
pub mod story;

use clap::Subcommand;

use crate::cli::EXITS;
use crate::cli::Exit;
use crate::context::Context;
use crate::trouble::Trouble;

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub enum Devices {
    /// Add the devices in a file to the table, or new ones
    #[command(after_help = format!("{}\n\n{EXITS}", enter::FILE))]
    Import(enter::Import),
    /// List devices by state, serial number and time
    #[command(after_help = format!("{}\n\n{EXITS}", list::COST))]
    List(list::List),
    /// Show all that the table knows of one device
    #[command(after_help = EXITS)]
    Show(show::Show),
    /// Write all devices to a file, without secrets and verifiers
    #[command(after_help = format!("{}\n\n{EXITS}", list::COST))]
    Export(export::Export),
    /// Let devices apply again; the certificate that one had is deactivated and deleted first
    #[command(after_help = EXITS)]
    Reset(change::Change),
    /// Bar devices that have no certificate
    #[command(after_help = EXITS)]
    Disable(change::Change),
    /// Let disabled devices apply
    #[command(after_help = EXITS)]
    Enable(change::Change),
    /// Take devices' certificates away and bar them
    #[command(after_help = format!("{}\n\n{EXITS}", change::REVOKING))]
    Revoke(change::Revoke),
}

impl Devices {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        match self {
            Self::Import(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Show(args) => args.run(context).await,
            Self::Export(args) => args.run(context).await,
            Self::Reset(args) => args.run(context, change::Deed::Reset).await,
            Self::Disable(args) => args.run(context, change::Deed::Disable).await,
            Self::Enable(args) => args.run(context, change::Deed::Enable).await,
            Self::Revoke(args) => args.run(context).await,
        }
    }
}
