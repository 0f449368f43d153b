//! The command line as types: what may be asked, and with which exit code it is answered.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;

use crate::login::Auth;

const EXITS: &str = "\
Exit codes:
  0    done
  1    some rows were refused, or there is no such device
  2    wrong usage, or a file that cannot be imported
  3    AWS could not be reached or refused; run it again
  130  stopped by Ctrl-C; run it again to go on";

const FILE: &str = "\
The file is CSV with a header. Its columns, in any order:
  productid     the serial number (a-z A-Z 0-9 : _ -)
  secret        the device's secret, 32 random bytes at best; only its verifier is stored
  thingName     the Thing to bind to; if empty, the serial number
  policyName    the AWS IoT policy to attach; if empty, --default-policy
  thingType, thingGroup, attributes (name=value;name=value)    may be left out
  auth          proof or any; if empty or left out, --default-auth

A secret must have 112 bits (NIST SP 800-63B), judged by its length and characters: 28 hex digits, or
19 mixed letters and digits. A weaker one is refused, or with --stretch-weak-secrets stored stretched
(argon2id; 20 to 40 rows a second on each of up to 4 cores). Its device sends it and cannot prove it, so
auth must be any, and the stack needs WeakSecrets=stretch.

A row that is in the table already is never changed, so a file can be imported again at any time.
Refused rows are listed by line; with --output json there is one object per line, the summary last.";

/// Operates the Certificate Vending Machine
#[derive(Debug, Parser)]
#[command(name = "cvmctl", version, after_help = EXITS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import devices, or show one
    #[command(subcommand)]
    Devices(Devices),
}

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub enum Devices {
    /// Add the devices in a CSV file to the table
    #[command(after_help = format!("{FILE}\n\n{EXITS}"))]
    Import(Import),
    /// Show all that the table knows of one device
    #[command(after_help = EXITS)]
    Show(Show),
}

/// How to import.
#[derive(Args, Debug)]
pub struct Import {
    /// The file
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// The device table
    #[arg(long, value_name = "NAME", env = "CVM_TABLE", hide_env_values = true)]
    #[arg(required_unless_present = "dry_run", value_parser = NonEmptyStringValueParser::new())]
    pub table: Option<String>,
    /// The policy of rows that name none
    #[arg(long, value_name = "NAME", value_parser = policy)]
    pub default_policy: Option<PolicyName>,
    /// How devices may log in whose rows do not say
    #[arg(long, value_name = "AUTH", value_enum, default_value_t)]
    pub default_auth: Auth,
    /// Take secrets that could be guessed, too: stretched, each with a salt of its own
    #[arg(long)]
    pub stretch_weak_secrets: bool,
    /// Check every row and write nothing; no table is needed
    #[arg(long)]
    pub dry_run: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// What to show.
#[derive(Args, Debug)]
pub struct Show {
    /// The device
    #[arg(value_name = "SERIAL", value_parser = serial)]
    pub serial: SerialNumber,
    /// The device table
    #[arg(long, value_name = "NAME", env = "CVM_TABLE", hide_env_values = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub table: String,
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// How to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

fn policy(text: &str) -> Result<PolicyName, Malformed> {
    PolicyName::parse(text)
}

fn serial(text: &str) -> Result<SerialNumber, Malformed> {
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
    /// AWS did not answer as it should.
    Aws = 3,
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
