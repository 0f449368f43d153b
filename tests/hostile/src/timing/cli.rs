//! The command.

use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::timing::class::BETWEEN;
use crate::timing::class::Class;
use crate::timing::class::Mode;
use crate::timing::class::answer;
use crate::timing::class::classes;
use crate::timing::class::door;
use crate::timing::planted;
use crate::timing::report::Findings;
use crate::timing::report::Line;
use crate::timing::sample::interleaved;
use crate::timing::verdict::Comparison;

/// Over how many doors the samples are spread: each has its rows elsewhere in memory, which alone is worth tens of
/// nanoseconds.
const HOUSES: usize = 20;

/// Measures whether the time of a refusal tells who is known to the door.
///
/// Exits with 1 if a class of logins takes another time than the first of its mode (|t| of 4.5 or more on most
/// crops, and a shift of 100 ns and 0.5 %), or if a leak on purpose is not found. Run it on a quiet machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo timing")]
pub struct Args {
    /// Samples of each class.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub samples: u32,
    /// Samples of each class where every secret is stretched: each takes some 20 ms. 0 leaves them out.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub slow_samples: u32,
    /// Where the order comes from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("timing: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<bool> {
    // A file that cannot be written is better known before a run than after it.
    if let Some(path) = &args.json {
        save(path, "")?;
    }
    let findings = measure(args);
    println!("{}", findings.table());
    if let Some(path) = &args.json {
        save(path, &format!("{:#}\n", findings.json()))?;
    }
    Ok(findings.are_good())
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// All of it.
pub fn measure(args: &Args) -> Findings {
    let samples = args.samples as usize;
    let planted = planted::all(samples.min(20_000), args.seed);
    let counts = |mode| match mode {
        Mode::Token | Mode::Proof => samples,
        Mode::Stretched => args.slow_samples as usize,
    };
    let modes = Mode::ALL.into_iter().filter(|mode| counts(*mode) > 0);
    let lines = modes.flat_map(|mode| compared(mode, counts(mode), args.seed));
    Findings {
        planted,
        lines: lines.collect(),
    }
}

/// Each class of a mode beside the first.
fn compared(mode: Mode, samples: usize, seed: u64) -> Vec<Line> {
    let classes = classes(mode);
    let mut random = StdRng::seed_from_u64(seed);
    let mut times = vec![Vec::with_capacity(samples); classes.len()];
    let bar = ProgressBar::new(samples as u64);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    for house in 0..HOUSES {
        let rounds = samples * (house + 1) / HOUSES - samples * house / HOUSES;
        let taken = measured(mode, &classes, rounds, &mut random);
        for (all, taken) in times.iter_mut().zip(taken) {
            all.extend(taken);
        }
        bar.inc(rounds as u64);
    }
    bar.finish_and_clear();
    let line = |(class, taken): (&Class, &Vec<f64>)| Line {
        mode,
        class: class.name,
        samples,
        found: Comparison::of(&times[0], taken),
    };
    classes.iter().zip(&times).skip(1).map(line).collect()
}

/// So many rounds at one door.
fn measured(mode: Mode, classes: &[Class], rounds: usize, random: &mut StdRng) -> Vec<Vec<f64>> {
    let door = door(mode, random);
    let prepare = |class: usize, round| {
        let asked = classes[class].ask(mode, &door, round);
        // Whatever it took to make that one, the caches are the same for all now.
        if mode != Mode::Stretched {
            drop(answer(&door, BETWEEN.ask(mode, &door, round)));
        }
        asked
    };
    interleaved(classes.len(), rounds, random, prepare, |asked| {
        answer(&door, asked)
    })
}
