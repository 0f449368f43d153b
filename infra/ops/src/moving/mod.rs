//! `cvmctl move`: from a stack to a host's database, and back.
//!
//! Keys go first, then trails, then rows: a device that has arrived has all that it needs. `side` is one of the two
//! stores, `copy` brings one to the other, `verify` holds them against each other, `tally` is what is told.

mod copy;
mod keys;
mod rows;
mod side;
mod tally;
mod trails;
mod verify;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::cli::Care;
use crate::cli::EXITS;
use crate::cli::Exit;
use crate::context::Context;
use crate::moving::side::Side;
use crate::moving::tally::Tally;
use crate::terminal::complain;
use crate::trouble::Trouble;

const SIDES: &str = "\
Both sides are named: the stack by --stack (or by CVM_TABLE, CVM_AUDIT_TABLE and CVM_GUARD_TABLE), the
database by --store.";

const CLOSING: &str = "\
Close the source first: nothing here can see whether it still takes requests. Take its address away from the
devices, let its workers finish (no row may be Issuing, and its queue should be empty), and stop its janitor.
Work its dead letters off, for they are not moved.

Copied are devices (with revision, epoch, generation and trail as they are), trails, and whose key is whose.
A row that is there and the same is left alone, an older one of the same device is brought forward, any other
is told and left as it is. So it may be stopped anywhere and run again.

Not copied are orders: the janitor of the target sends those of devices that wait again, within a few of its
rounds. Neither are bundles: a device whose bundle still waits must fetch it before, is served by its policy
(redeliver, replace), or is reset, unless the host keeps its bundles in the same bucket (CVM_BUCKET). Nor are
batches and nonces. After a move to a stack its devices are to be counted: cvmctl status --recount.

To write trails and keys into a stack needs rights beyond OperatorPolicy (dynamodb:PartiQLInsert on all of the
table of trails, dynamodb:Scan on the guard's): those of whoever deploys it.";

const COMPARING: &str = "\
Every row, every entry of every trail and every key is looked for on the other side, from both sides. Nothing
is changed. What differs is named by its columns; values are not shown.";

/// How to move.
#[derive(Debug, Subcommand)]
pub enum Move {
    /// Copy devices, trails and keys from one side to the other
    #[command(after_help = format!("{SIDES}\n\n{CLOSING}\n\n{EXITS}"))]
    Copy(Copy),
    /// Hold both sides against each other
    #[command(after_help = format!("{SIDES}\n\n{COMPARING}\n\n{EXITS}"))]
    Verify(Verify),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The database of --store
    Database,
    /// The stack's tables
    Stack,
}

/// What to copy where.
#[derive(Args, Debug)]
pub struct Copy {
    /// The side that is to have what the other one has
    #[arg(long, value_enum, value_name = "SIDE")]
    to: Target,
    /// Hold both sides against each other afterwards
    #[arg(long)]
    verify: bool,
    /// How many problems are told one by one; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    /// Do not ask first
    #[arg(long, short)]
    yes: bool,
}

/// How to compare.
#[derive(Args, Debug)]
pub struct Verify {
    /// How many differences are told one by one; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
}

impl Move {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        match self {
            Self::Copy(args) => Box::pin(args.run(context)).await,
            Self::Verify(args) => Box::pin(args.run(context)).await,
        }
    }
}

impl Copy {
    async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let (stack, host) = context.both().await?;
        let (stack, host) = (Side::of(&stack).await?, Side::of(&host).await?);
        let (from, to) = match self.to {
            Target::Database => (stack, host),
            Target::Stack => (host, stack),
        };
        let question = format!(
            "Copy all devices of {} to {}? The source must take no requests any more.",
            from.name, to.name
        );
        let care = Care {
            yes: self.yes,
            ..Care::default()
        };
        context.consent(&care, &question)?;
        let stop = context.stop();
        let mut tally = Tally::new(context, self.show);
        let copied = copy::copy(&from, &to, &mut tally, stop).await;
        tally.print("copied");
        let is_over = copied?;
        if !is_over {
            complain("stopped; run it again to go on");
            return Ok(Exit::Stopped);
        }
        let exit = tally.exit();
        if !self.verify {
            return Ok(exit);
        }
        let verified = compared(context, (&from, &to), self.show).await?;
        Ok(if exit == Exit::Done { verified } else { exit })
    }
}

impl Verify {
    async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let (stack, host) = context.both().await?;
        let (stack, host) = (Side::of(&stack).await?, Side::of(&host).await?);
        compared(context, (&stack, &host), self.show).await
    }
}

async fn compared(
    context: &Context,
    (here, there): (&Side, &Side),
    show: usize,
) -> Result<Exit, Trouble> {
    let stop = context.stop();
    let mut tally = Tally::new(context, show);
    let compared = verify::verify((here, there), &mut tally, stop).await;
    tally.print("compared");
    if compared? {
        return Ok(tally.exit());
    }
    complain("stopped: not all of it was compared");
    Ok(Exit::Stopped)
}
