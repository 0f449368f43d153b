//! cvmctl: reads the command line, builds the clients and carries out one command.

use std::error::Error;
use std::fs::File;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::ProvideCredentials as _;
use clap::Parser as _;
use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::roster::DynamoRoster;
use cvm_aws::system::SystemRandom;
use cvm_ops::cli::Cli;
use cvm_ops::cli::Command;
use cvm_ops::cli::Devices;
use cvm_ops::cli::Exit;
use cvm_ops::cli::Import;
use cvm_ops::cli::Show;
use cvm_ops::import::DryRun;
use cvm_ops::import::End;
use cvm_ops::import::HeaderError;
use cvm_ops::import::Login;
use cvm_ops::import::Options;
use cvm_ops::import::Summary;
use cvm_ops::import::import_with;
use cvm_ops::show::Story;
use cvm_ops::terminal;
use cvm_ops::terminal::Watch;
use cvm_ops::terminal::complain;
use cvm_ops::terminal::say;
use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry as _;

/// Raised by the first Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Devices(command) = Cli::parse().command;
    let result = match command {
        Devices::Import(args) => import_devices(args).await,
        Devices::Show(args) => show_device(args).await,
    };
    let exit = result.unwrap_or_else(|trouble| {
        complain(&trouble.message);
        trouble.exit
    });
    exit.into()
}

/// Why a command ended before it could answer.
struct Trouble {
    exit: Exit,
    message: String,
}

impl Trouble {
    fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }

    fn aws(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Aws,
            message: message.into(),
        }
    }
}

async fn import_devices(args: Import) -> Result<Exit, Trouble> {
    let path = args.file.display();
    let file = File::open(&args.file).map_err(|e| Trouble::usage(format!("{path}: {e}")))?;
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let options = Options {
        default_policy: args.default_policy.clone(),
    };
    let login = login(&args);
    let watch = Watch::new(bytes, args.output, &STOP);
    tokio::spawn(heed_ctrl_c());
    let refuse = |error: HeaderError| Trouble::usage(format!("{path}: {error}"));
    let table = args.table.clone().unwrap_or_default();
    let result = if args.dry_run {
        import_with(file, &DryRun, &options, &login, &watch).await
    } else {
        let roster = DynamoRoster::new(dynamodb().await?, table.clone());
        import_with(file, &roster, &options, &login, &watch).await
    };
    watch.finish();
    let summary = result.map_err(refuse)?;
    say(&terminal::summary(
        &summary,
        args.dry_run,
        args.output,
        styled(),
    ));
    Ok(conclude(&summary, &table))
}

/// Here randomness comes in.
fn login(args: &Import) -> Login<'static> {
    let salts: &dyn Random = &SystemRandom;
    Login {
        default_auth: args.default_auth,
        salts: args.stretch_weak_secrets.then_some(salts),
    }
}

/// What is left to say after the summary, and the exit code.
fn conclude(summary: &Summary, table: &str) -> Exit {
    match &summary.end {
        End::Complete if summary.refused() == 0 => Exit::Done,
        End::Complete => Exit::Refused,
        End::Stopped => {
            complain("stopped; import the file again to go on");
            Exit::Stopped
        }
        End::Failed(failure) => {
            complain(&about(failure, table));
            Exit::Aws
        }
        End::Unreadable(reason) => {
            complain(&format!("the file was not read to its end: {reason}"));
            Exit::Refused
        }
    }
}

async fn show_device(args: Show) -> Result<Exit, Trouble> {
    let registry = DynamoRegistry::new(dynamodb().await?, args.table.clone());
    let record = match registry.load(&args.serial).await {
        Ok(Some(record)) => record,
        Ok(None) => {
            complain(&format!(
                "no device {} in table {}",
                args.serial, args.table
            ));
            return Ok(Exit::Refused);
        }
        Err(failure @ Failure::CorruptRow { .. }) => {
            complain(&format!("device {}: {failure}", args.serial));
            return Ok(Exit::Refused);
        }
        Err(failure) => return Err(Trouble::aws(about(&failure, &args.table))),
    };
    say(&terminal::story(&Story::of(&record), args.output, styled()));
    Ok(Exit::Done)
}

/// A failure with what to do about it.
fn about(failure: &Failure, table: &str) -> String {
    let advice = match failure.class() {
        Class::Wait | Class::Retry => "try again later",
        Class::Operator | Class::Never => "check the table's name, the region and your rights",
    };
    format!("table {table}: {failure}; {advice}")
}

/// The client; asks for region and credentials first, whose lack the service call would blame on
/// the network.
async fn dynamodb() -> Result<Client, Trouble> {
    let config = sdk_config(CallLimits::OPERATOR).await;
    if config.region().is_none() {
        return Err(Trouble::usage("no AWS region: set AWS_REGION or a profile"));
    }
    if let Some(credentials) = config.credentials_provider() {
        let found = credentials.provide_credentials().await;
        found.map_err(|error| Trouble::aws(format!("no AWS credentials: {}", root(&error))))?;
    }
    Ok(Client::new(&config))
}

/// The innermost reason: the outer ones say no more than "an error occurred".
fn root(error: &dyn Error) -> String {
    match error.source() {
        Some(inner) => root(inner),
        None => error.to_string(),
    }
}

/// Colours, if somebody is there to see them and has not declined (no-color.org).
fn styled() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// The first Ctrl-C lets the calls on their way come back, the second one does not wait.
async fn heed_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        STOP.store(true, Ordering::Relaxed);
        complain("stopping; once more to stop at once");
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(i32::from(Exit::Stopped as u8));
    }
}
