//! `cargo burst`: thousands of devices at once, of workers that are throttled, killed and told everything twice.

mod args;
mod report;

use std::process::ExitCode;

use clap::Parser as _;
use cvm_lambda::backend::Backend;
use cvm_lambda::burst::Burst;
use cvm_lambda::burst::Plan;
use cvm_lambda::burst::Progress;
use cvm_lambda::error::Error;
use cvm_lambda::shell;
use cvm_lambda::shell::Bar;
use cvm_local::functions::Functions;
use cvm_local::workspace::Workspace;

use crate::args::Args;
use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    shell::run("burst", burst(&args)).await
}

async fn burst(args: &Args) -> Result<bool, Error> {
    shell::check_output(args.json.as_deref())?;
    let plan = args.plan();
    let workspace = Workspace::find().await?;
    let functions = Functions::build(
        &workspace,
        args.profile(),
        cvm_local::functions::Progress::Shown,
    )
    .await?;
    let dir = tempfile::Builder::new().prefix("cvm-burst-").tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let backend = if args.emulator {
        Box::pin(Backend::emulator(args.profile())).await?
    } else {
        Backend::stand_in(plan.stand_in()).await?
    };
    let burst = Box::pin(Burst::prepare(&backend, &functions, &plan, dir.path())).await?;
    let outcome = Box::pin(burst.run(&told(&plan))).await?;
    let report = Report { plan, outcome };
    println!("{report}");
    shell::save(args.json.as_deref(), &report.json())?;
    backend.stop().await;
    Ok(report.is_good())
}

/// Shows how it goes.
fn told(plan: &Plan) -> impl Fn(Progress) + Sync {
    let bar = Bar::new("burst", plan.devices);
    move |now: Progress| {
        bar.set(now.confirmed);
        bar.tell(format_args!(
            "{} queued, {} workers killed",
            now.queued, now.kills
        ));
    }
}
