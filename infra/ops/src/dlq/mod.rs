//! `cvmctl dlq`: what may be asked of dead letters, and who answers.

mod about;
mod desk;
mod discard;
mod errand;
mod fate;
mod filter;
mod groups;
pub mod letter;
mod list;
mod native;
pub mod note;
mod pace;
mod place;
pub mod post;
mod replay;
mod report;
mod round;
#[cfg(test)]
mod sample;
pub(crate) mod shelf;
mod show;
pub mod standing;
pub mod verdict;
mod walk;

use clap::Subcommand;

use crate::cli::EXITS;
use crate::cli::Exit;
use crate::context::Context;
use crate::trouble::Trouble;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Dlq {
    /// List dead letters by reason or one by one, with what their devices' rows say
    #[command(after_help = format!("{}\n\n{EXITS}", list::LOOK))]
    List(list::List),
    /// Show one dead letter and its device
    #[command(after_help = EXITS)]
    Show(show::Show),
    /// Send dead letters to the work queue again
    #[command(after_help = format!("{}\n\n{EXITS}", replay::WAY))]
    Replay(replay::Replay),
    /// Throw dead letters away
    #[command(after_help = format!("{}\n\n{EXITS}", discard::LOSS))]
    Drop(discard::Discard),
}

impl Dlq {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        match self {
            Self::List(args) => Box::pin(args.run(context)).await,
            Self::Show(args) => Box::pin(args.run(context)).await,
            Self::Replay(args) => Box::pin(args.run(context)).await,
            Self::Drop(args) => Box::pin(args.run(context)).await,
        }
    }
}
