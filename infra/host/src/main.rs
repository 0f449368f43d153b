//! The host form's process: reads its settings, and serves, or makes the tables, or only says what it was told.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;
use cvm_aws::telemetry;
use cvm_host::config::HostConfig;
use cvm_host::serve::ServeError;
use cvm_host::serve::migrate;
use cvm_host::serve::serve;
use cvm_host::settings::SettingsError;
use cvm_host::settings::example;
use cvm_host::settings::gather;

/// Certificate Vending Machine: door, worker and janitor in one process, with MySQL.
///
/// Settings come from the file and from variables CVM_..., which come first. `--print-config` shows all of them.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(flatten)]
    from: From,
    /// Say whether the settings are right, and do nothing else
    #[arg(long)]
    check_config: bool,
    /// Print a file with every setting, its default and its meaning
    #[arg(long, conflicts_with_all = ["check_config", "config"])]
    print_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Args, Debug)]
struct From {
    /// The file with the settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the database's tables, or change them to those of this version; needs the right to
    Migrate {
        #[command(flatten)]
        from: From,
    },
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the runtime cannot be started: {0}")]
    Runtime(std::io::Error),
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.print_config {
        print!("{}", example());
        return ExitCode::SUCCESS;
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cvm-server: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the environment, once"
)]
fn run(args: Args) -> Result<(), Error> {
    let (from, is_migration) = match args.command {
        Some(Command::Migrate { from }) => (from, true),
        None => (args.from, false),
    };
    let env = gather(from.config.as_deref(), std::env::vars())?;
    let config = HostConfig::from_env(env).map_err(SettingsError::from)?;
    if args.check_config {
        println!("the settings are right");
        return Ok(());
    }
    telemetry::start(config.level);
    let runtime = tokio::runtime::Runtime::new().map_err(Error::Runtime)?;
    if is_migration {
        runtime.block_on(migrate(config))?;
        println!("the tables are those of this version");
    } else {
        runtime.block_on(Box::pin(serve(config)))?;
    }
    Ok(())
}
