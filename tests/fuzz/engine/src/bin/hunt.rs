//! `hunt`: hunts in one target for a while, or runs one input. What came of it is printed as JSON.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cvm_fuzz_engine::hunt::Folders;
use cvm_fuzz_engine::hunt::hunt;
use cvm_fuzz_engine::watchdog;
use cvm_fuzz_targets::ALL;
use cvm_fuzz_targets::Target;
use cvm_fuzz_targets::told::Told;

/// How long one input may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hunts in one target.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// The target.
    #[arg(long)]
    target: String,
    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder of seeds; each target has its own below it.
    #[arg(long)]
    seeds: PathBuf,
    /// The folder that is written to.
    #[arg(long)]
    work: PathBuf,
    /// Only run this input, and let it crash.
    #[arg(long)]
    input: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let Some(target) = ALL.iter().find(|target| target.name == args.target) else {
        let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
        eprintln!("there is no such target; there are {}", names.join(", "));
        return ExitCode::from(2);
    };
    watchdog::watch(PATIENCE);
    match run(target, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(target: &Target, args: &Args) -> std::io::Result<()> {
    if let Some(input) = &args.input {
        let mut told = Told::default();
        (target.run)(&std::fs::read(input)?, &mut told);
        println!("{told:?}");
        return Ok(());
    }
    let folder = |name: &str| args.work.join(name).join(target.name);
    let folders = Folders {
        seeds: args.seeds.join(target.name),
        grown: folder("grown"),
        findings: folder("findings"),
    };
    let time = (Duration::from_secs(args.seconds), args.seed);
    let summary = hunt(target, &folders, &folder("at-hand"), time)?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}
