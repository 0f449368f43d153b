//! `cargo fuzz-all`: builds the targets with counters, hunts in each for its share of the time, and
//! says what came of it. It ends with 1 if anything went wrong in one, with 2 if it could not run.

mod builder;
mod chase;
mod report;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::builder::Trouble;
use crate::chase::Chase;
use crate::report::Report;

/// The targets, in the order in which they are hunted in.
const TARGETS: [&str; 5] = ["http", "csr", "message", "proof", "import"];

/// Hunts for inputs that break a rule, in every target.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo fuzz-all")]
struct Args {
    /// How long, all targets together, without the build.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Only these targets.
    #[arg(long, value_name = "NAME", value_parser = TARGETS)]
    target: Vec<String>,
    /// The seed of all randomness; the same seed with the same time is not the same run, but near it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many targets at once; all cores if not said.
    #[arg(long)]
    jobs: Option<usize>,
    /// Forget what earlier hunts found, and begin with the seeds.
    #[arg(long)]
    fresh: bool,
    /// Only run this input in the one target, and let it crash.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing went wrong in any target.
fn run(args: &Args) -> Result<bool, Trouble> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let work = fuzz.join("../..").canonicalize()?.join("target/fuzz");
    let hunter = builder::hunter(&fuzz, &work)?;
    let chase = Chase {
        hunter,
        seeds: fuzz.join("corpus"),
        work: work.join("work"),
        seed: args.seed,
    };
    if args.fresh {
        chase.forget()?;
    }
    if let Some(input) = &args.input {
        return chase.once(&args.target, input);
    }
    let targets = chosen(args);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).clamp(1, targets.len());
    let report = Report::new(chase.all(&targets, args.seconds, jobs)?);
    println!("{report}");
    if let Some(file) = &args.json {
        std::fs::write(file, report.json())?;
    }
    Ok(report.is_clean())
}

fn chosen(args: &Args) -> Vec<&str> {
    let named = |target: &&str| args.target.is_empty() || args.target.iter().any(|t| t == target);
    TARGETS.into_iter().filter(named).collect()
}
