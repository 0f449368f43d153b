//! `cargo measure`: what a certificate costs in calls, rounds, processor time, memory, and how a fleet fares.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;
use cvm_lambda::shell;

#[tokio::main]
async fn main() -> ExitCode {
    let args = cli::Args::parse();
    shell::run("measure", cli::measure(&args)).await
}
