//! `cargo factory`: a hundred thousand devices imported, a thousand submitted, each cut off by Ctrl-C and gone on with.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use cvm_factory::batch::batch;
use cvm_factory::import::Plan;
use cvm_factory::import::import;
use cvm_factory::site::Site;
use cvm_lambda::error::Error;
use cvm_lambda::shell;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;

use crate::report::Report;

/// A factory's work through the real cvmctl, on an AWS in memory: cut off by Ctrl-C, gone on with, accounted for.
#[derive(Parser)]
#[command(name = "cargo factory")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Import devices: rows a second, and the memory that ten times the rows take.
    Import {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
        rows: u64,
        /// Only check the rows.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        how: How,
    },
    /// Submit a batch, cut it off twice while it is sending, go on, and hold results against rows.
    Batch {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=100_000))]
        devices: u64,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Args)]
struct How {
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Build cvmctl and the functions without optimisation: sooner ready, not what ships.
    #[arg(long)]
    dev: bool,
}

impl How {
    fn profile(&self) -> Profile {
        if self.dev {
            Profile::Dev
        } else {
            Profile::Release
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    shell::run("factory", factory(&cli.command)).await
}

async fn factory(command: &Command) -> Result<bool, Error> {
    let (Command::Import { how, .. } | Command::Batch { how, .. }) = command;
    shell::check_output(how.json.as_deref())?;
    let workspace = Workspace::find().await?;
    let site = Site::start(&workspace, how.profile()).await?;
    let report = match *command {
        Command::Import { rows, dry_run, .. } => {
            let plan = Plan { rows, dry_run };
            Report::of_import(&Box::pin(import(&site, plan)).await?)
        }
        Command::Batch { devices, .. } => {
            let functions = Functions::build(&workspace, how.profile(), Progress::Shown).await?;
            Report::of_batch(&Box::pin(batch(&site, &functions, devices)).await?)
        }
    };
    report.print();
    shell::save(how.json.as_deref(), &report.json)?;
    Ok(report.is_good)
}
