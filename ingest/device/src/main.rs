//! The command line: reads its arguments, clock and environment, and says in one line how it went.

mod args;
mod report;

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser as _;
use cvm_device::Error;
use cvm_device::conformance::Outcome;
use cvm_device::vend::Progress;
use cvm_shared::time::UnixMillis;

use args::Cli;
use args::Command;
use args::ConformanceArgs;
use args::ConnectArgs;
use args::VendArgs;
use report::Report;
use report::connected_report;
use report::fail;
use report::judged_line;
use report::judged_report;
use report::vended_report;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (json, ended) = match Cli::parse().command {
        Command::Vend(args) => (args.json, vend(&args).await),
        Command::Connect(args) => (args.json, connect(&args).await),
        Command::Conformance(args) => (args.json, conformance(&args).await),
    };
    match ended {
        Ok(report) => report.print(json),
        Err(error) => fail(&error, json),
    }
}

async fn vend(args: &VendArgs) -> Result<Report, Error> {
    let config = args.config()?;
    let quiet = args.json;
    let listener = move |progress: Progress| {
        if !quiet {
            eprintln!("{progress}");
        }
    };
    let vended = cvm_device::vend(&config, &now, &listener).await?;
    Ok(vended_report(&vended))
}

#[expect(clippy::disallowed_methods, reason = "this is the shell")]
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixMillis::default().plus(since.unwrap_or_default())
}

async fn connect(args: &ConnectArgs) -> Result<Report, Error> {
    let connected = cvm_device::connect(&args.config()?).await?;
    Ok(connected_report(&connected))
}

async fn conformance(args: &ConformanceArgs) -> Result<Report, Error> {
    let quiet = args.json;
    let listener = move |outcome: &Outcome| {
        if !quiet {
            println!("{}", judged_line(outcome));
        }
    };
    let config = args.config()?;
    let outcomes = cvm_device::conformance::conformance(&config, now, &listener).await?;
    Ok(judged_report(&outcomes))
}
