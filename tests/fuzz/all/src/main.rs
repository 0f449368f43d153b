//! `cargo fuzz-all`: builds the targets with libFuzzer, hunts in each for its share of the time, and
//! says what came of it. It ends with 1 if anything went wrong in one, with 2 if it could not run.

mod builder;
mod hunt;
mod instrument;
mod report;
mod share;
mod summary;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::builder::Trouble;
use crate::hunt::Ground;
use crate::hunt::Prey;
use crate::report::Report;

/// The targets, in the order in which they are hunted in.
const TARGETS: [Prey; 5] = [
    prey("http", 4096),
    prey("csr", 4200),
    prey("message", 4096),
    prey("proof", 2048),
    prey("import", 4096),
];

const fn prey(name: &'static str, longest: usize) -> Prey {
    Prey { name, longest }
}

/// Hunts for inputs that break a rule, in every target.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo fuzz-all")]
struct Args {
    /// How long, all targets together, without the build: the sum, however many run at once.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Only these targets.
    #[arg(long, value_name = "NAME", value_parser = TARGETS.map(|target| target.name))]
    target: Vec<String>,
    /// The seed of libFuzzer's randomness.
    #[arg(long, default_value_t = 1)]
    seed: u32,
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
    if std::env::var_os(instrument::ASKED).is_some() {
        return instrument::compile(std::env::args_os());
    }
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
    let target = fuzz.join("../..").canonicalize()?.join("target/fuzz");
    let ground = Ground {
        hunters: builder::hunters(&fuzz, &target)?,
        fuzz,
        work: target.join("work"),
        seed: args.seed,
    };
    if args.fresh {
        ground.forget()?;
    }
    match (&args.input, chosen(args).as_slice()) {
        (Some(input), [target, ..]) => Ok(ground.once(*target, input)?),
        (_, targets) => hunt(args, &ground, targets),
    }
}

fn hunt(args: &Args, ground: &Ground, targets: &[Prey]) -> Result<bool, Trouble> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).clamp(1, targets.len());
    let each = (args.seconds / targets.len() as u64).max(1);
    let report = Report(share::out(targets, jobs, |target| {
        ground.hunt(target, each)
    })?);
    println!("{report}");
    if let Some(file) = &args.json {
        std::fs::write(file, report.json())?;
    }
    Ok(report.is_clean())
}

fn chosen(args: &Args) -> Vec<Prey> {
    let named =
        |target: &Prey| args.target.is_empty() || args.target.iter().any(|t| t == target.name);
    TARGETS.into_iter().filter(named).collect()
}
