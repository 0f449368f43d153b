//! cvmctl: reads the command line, carries out one command and ends with its exit code.

use std::process::ExitCode;

use clap::Parser as _;
use cvm_ops::cli::Cli;
use cvm_ops::cli::Command;
use cvm_ops::context::Context;
use cvm_ops::terminal::complain;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(cli.common);
    let result = match cli.command {
        Command::Devices(command) => command.run(&context).await,
        Command::Audit(command) => command.run(&context).await,
        Command::Status(command) => command.run(&context).await,
        Command::Dlq(command) => command.run(&context).await,
        Command::Sweep(command) => command.run(&context).await,
        Command::Batch(command) => command.run(&context).await,
        Command::Move(command) => command.run(&context).await,
        Command::Cost(command) => command.run(&context).await,
        Command::Report(command) => Box::pin(command.run(&context)).await,
        Command::Completions(command) => command.run(),
    };
    let exit = result.unwrap_or_else(|trouble| {
        complain(&trouble.message);
        trouble.exit
    });
    exit.into()
}
