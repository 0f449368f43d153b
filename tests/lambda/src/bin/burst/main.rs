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
use cvm_lambda::hosts;
use cvm_lambda::hosts::Rush;
use cvm_lambda::procs::Procs;
use cvm_lambda::shell;
use cvm_lambda::shell::Bar;
use cvm_local::functions::Functions;
use cvm_local::workspace::Workspace;

use crate::args::Args;
use crate::args::Form;
use crate::report::Report;
use crate::report::side_by_side;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    shell::run("burst", burst(&args)).await
}

async fn burst(args: &Args) -> Result<bool, Error> {
    shell::check_output(args.json.as_deref())?;
    let plan = args.plan();
    let mut reports = Vec::new();
    for form in args.form.each() {
        let report = Box::pin(one(args, &plan, *form)).await?;
        println!("{report}");
        reports.push(report);
    }
    if let [one, other] = reports.as_slice() {
        println!("{}", side_by_side(one, other));
    }
    let figures = match reports.as_slice() {
        [one] => one.json(),
        all => all
            .iter()
            .map(|report| (report.form.name().to_owned(), report.json()))
            .collect(),
    };
    shell::save(args.json.as_deref(), &figures)?;
    Ok(reports.iter().all(Report::is_good))
}

async fn one(args: &Args, plan: &Plan, form: Form) -> Result<Report, Error> {
    let dir = tempfile::Builder::new().prefix("cvm-burst-").tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let backend = if args.emulator {
        Box::pin(Backend::emulator(args.profile())).await?
    } else {
        Backend::stand_in(plan.stand_in()).await?
    };
    let procs = Procs::start(&["ingest", "worker", "cvm-server", "mariadbd"]);
    let outcome = if form == Form::Host {
        let binary = hosts::binary(args.profile()).await?;
        let servers = args.servers.into();
        let rush = Rush::prepare(&backend, &binary, plan, servers, dir.path());
        Box::pin(Box::pin(rush).await?.run(&told(plan))).await?
    } else {
        let workspace = Workspace::find().await?;
        let shown = cvm_local::functions::Progress::Shown;
        let functions = Functions::build(&workspace, args.profile(), shown).await?;
        let burst = Box::pin(Burst::prepare(&backend, &functions, plan, dir.path())).await?;
        Box::pin(burst.run(&told(plan))).await?
    };
    let costs = procs.costs();
    backend.stop().await;
    Ok(Report {
        form,
        plan: plan.clone(),
        outcome,
        costs,
    })
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
