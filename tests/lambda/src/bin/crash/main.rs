//! `cargo crash`: every AWS call of a device's life struck in turn, and what came of each.

mod args;
mod report;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use cvm_lambda::backend::Backend;
use cvm_lambda::error::Error;
use cvm_lambda::matrix::Case;
use cvm_lambda::matrix::Crew;
use cvm_lambda::matrix::Ran;
use cvm_lambda::shell;
use cvm_lambda::shell::Bar;
use cvm_lambda::sweep;
use cvm_local::functions::Functions;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;
use cvm_privileges::recording;
use cvm_privileges::recording::Calls;
use cvm_standin::Options;

use crate::args::Args;
use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    shell::run("crash", crash(&args)).await
}

async fn crash(args: &Args) -> Result<bool, Error> {
    shell::check_output(args.json.as_deref())?;
    let workspace = Workspace::find().await?;
    let functions = Functions::build(&workspace, args.profile(), Progress::Shown).await?;
    let dir = tempfile::Builder::new().prefix("cvm-crash-").tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let backend = if args.standin {
        Backend::stand_in(Options::default()).await?
    } else {
        Box::pin(Backend::emulator(args.profile())).await?
    };
    let crew = Crew::start(&backend, &functions, args.lanes(), dir.path()).await?;
    let cases = plan(args, &crew).await?;
    let mut ran = struck(&crew, cases).await?;
    drop(crew);
    let swept =
        args.sweep() && after_sweep(&backend, &functions.janitor, dir.path(), &mut ran).await?;
    let report = Report {
        ran,
        swept,
        most_active: most_active(&backend),
    };
    println!("{report}");
    let made = backend.recorded();
    keep(&workspace, &made)?;
    let news = recording::failures(&made);
    for new in &news {
        println!("{new}");
    }
    shell::save(args.json.as_deref(), &report.json())?;
    backend.stop().await;
    Ok(report.is_good() && news.is_empty())
}

/// For `cargo privileges`.
fn keep(workspace: &Workspace, made: &Calls) -> Result<(), Error> {
    let path = workspace.cache()?.join("calls-crash.ndjson");
    let written = std::fs::write(&path, recording::text(made));
    written.map_err(|error| Error::disk(&path, error))
}

/// What is struck, of what was recorded.
async fn plan(args: &Args, crew: &Crew<'_>) -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for mode in args.modes() {
        let points = Box::pin(crew.record(mode)).await?;
        let numbered = points.into_iter().enumerate();
        for (index, point) in numbered.filter(|(index, _)| args.wants(index + 1)) {
            let case = |strike| Case {
                mode,
                number: index + 1,
                point: point.clone(),
                strike,
            };
            cases.extend(args.strikes().iter().copied().map(case));
        }
    }
    if cases.is_empty() {
        return Err(Error::Usage(
            "--only names a call that no life has".to_owned(),
        ));
    }
    Ok(cases)
}

async fn struck(crew: &Crew<'_>, cases: Vec<Case>) -> Result<Vec<Ran>, Error> {
    let bar = Bar::new("crash", cases.len());
    let done = |ran: &Ran| {
        bar.advance();
        if !ran.verdict.is_good() {
            bar.say(format_args!(
                "{}: {}",
                ran.case,
                report::outcome(&ran.verdict)
            ));
        }
    };
    Box::pin(crew.run(cases, &done)).await
}

/// Sweeps, and says how many orphans are left.
async fn after_sweep(
    backend: &Backend,
    janitor: &Path,
    dir: &Path,
    ran: &mut [Ran],
) -> Result<bool, Error> {
    let queues = backend.queues("sweep", 60).await?;
    let swept = sweep::sweep(backend, &queues, janitor, dir).await?;
    if swept {
        for one in ran {
            let orphans = one.verdict.orphans.iter().map(|orphan| &orphan.id);
            one.left = Some(backend.existing(orphans).await?.len());
        }
    }
    Ok(swept)
}

/// The stand-in counts at every instant, not only when we look.
fn most_active(backend: &Backend) -> Option<usize> {
    backend
        .account()
        .map(cvm_standin::Account::most_active_of_a_thing)
}
