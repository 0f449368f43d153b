//! The command line as types: what may be asked, and with which exit code it is answered.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::trail::Reason;

use crate::audit::Audit;
use crate::batch;
use crate::completions;
use crate::cost;
use crate::devices;
use crate::dlq;
use crate::moving;
use crate::report;
use crate::status;
use crate::sweep;

/// The exit codes, for every command's help.
pub const EXITS: &str = "\
Exit codes:
  0    done
  1    some rows were refused, or there is no such thing
  2    wrong usage, or a file that cannot be used
  3    AWS or the database could not be reached or refused; run it again
  4    asked first, and the answer was no
  130  stopped by Ctrl-C; run it again to go on";

const PLACE: &str = "\
Where things are: --stack names the CloudFormation stack, and its outputs the rest. Each can be named
by itself instead: CVM_TABLE, CVM_QUEUE_URL, CVM_DEAD_LETTER_QUEUE_URL, CVM_BUCKET, CVM_AUDIT_TABLE,
CVM_JANITOR_FUNCTION, CVM_GUARD_TABLE. Region and credentials are those of every AWS tool.
A machine on a host is named by its database instead: --store, with the password in a file. The way to it is
encrypted and verified unless it is a socket or this machine's own. No AWS is called then, unless CVM_QUEUE_URL
and CVM_DEAD_LETTER_QUEUE_URL say that its queues are on SQS, or CVM_BUCKET that its batches and bundles are on S3.";

/// Operates the Certificate Vending Machine
#[derive(Debug, Parser)]
#[command(name = "cvmctl", version, after_help = format!("{PLACE}\n\n{EXITS}"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// For all commands.
    #[command(flatten)]
    pub common: Common,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The CloudFormation stack
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "CVM_STACK",
        hide_env_values = true
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub stack: Option<String>,
    /// The device table, if it is not the stack's
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "CVM_TABLE",
        hide_env_values = true
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub table: Option<String>,
    /// A host's database instead of a stack.
    #[arg(
        help = "A host's database instead of a stack (mysql://USER@HOST:3306/NAME, without a password)",
        long,
        global = true,
        value_name = "URL",
        env = "CVM_STORE",
        hide_env_values = true
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub store: Option<String>,
    /// The file with the password of the database
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CVM_STORE_PASSWORD_FILE",
        hide_env_values = true
    )]
    pub store_password_file: Option<PathBuf>,
    /// The authority that the database's certificate is from (PEM); by default those that everybody knows
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CVM_STORE_CA",
        hide_env_values = true
    )]
    pub store_ca: Option<PathBuf>,
    /// How to answer
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Output,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import, list, show, reset, disable and revoke devices
    #[command(subcommand)]
    Devices(devices::Devices),
    /// Provision a factory's devices, a file at a time
    #[command(subcommand)]
    Batch(batch::Batch),
    /// List, show, replay and drop dead letters
    #[command(subcommand)]
    Dlq(dlq::Dlq),
    /// Send the janitor round now
    #[command(after_help = format!("{}\n\n{EXITS}", sweep::ROUND))]
    Sweep(sweep::Sweep),
    /// Read, check and export the trails of devices
    #[command(subcommand)]
    Audit(Audit),
    /// Show how things stand, on one screen
    #[command(after_help = format!("{}\n\n{EXITS}", status::COST))]
    Status(status::Status),
    /// Move devices and trails between a stack and a host's database
    #[command(subcommand)]
    Move(moving::Move),
    /// Work out what the machine costs, by part
    #[command(after_help = format!("{}\n\n{EXITS}", cost::MADE_OF))]
    Cost(cost::Cost),
    /// Write a batch's report as one HTML page
    #[command(after_help = format!("{}\n\n{EXITS}", report::COST))]
    Report(report::Report),
    /// Write completions for a shell, or the man page
    #[command(after_help = EXITS)]
    Completions(completions::Completions),
}

/// How to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs: one object a line
    Json,
    /// For spreadsheets
    Csv,
}

/// For commands that change something.
#[derive(Args, Clone, Debug, Default)]
pub struct Care {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask first
    #[arg(long, short)]
    pub yes: bool,
    /// Why, for the trail; no secret
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<Reason>,
}

fn reason(text: &str) -> Result<Reason, Malformed> {
    Reason::parse(text)
}

/// Reads a serial number.
pub fn serial(text: &str) -> Result<SerialNumber, Malformed> {
    SerialNumber::parse(text)
}

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done, or had been before.
    Done = 0,
    /// Some rows were refused, or the device is unknown.
    Refused = 1,
    /// The question was wrong.
    Usage = 2,
    /// AWS or the database did not answer as it should.
    Aws = 3,
    /// The operator was asked and said no.
    Declined = 4,
    /// Stopped by Ctrl-C (128 + SIGINT, as shells have it).
    Stopped = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_sound() {
        Cli::command().debug_assert();
    }
}
