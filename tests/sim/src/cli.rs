//! `cargo sim`: many seeds on all cores, or one with its trace.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Parser;
use cvm_maria::ground::Ground;
use cvm_maria::ground::Parts;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::chronicle::Violation;
use crate::report::Figures;
use crate::run::play_on;
use crate::scenario::Scenario;
use crate::shrink::shrink;

/// Plays seeds of the simulation and checks the invariants.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo sim")]
pub struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    pub seeds: u64,
    /// Only this seed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// How many threads, each with its own seeds; all cores if not said.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Play on a real MariaDB, by the adapters of the host form, instead of on the fakes.
    #[arg(long)]
    pub mysql: bool,
    /// Write the figures to this file as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Print all that happens in the seed.
    #[arg(long)]
    pub trace: bool,
    /// Go on after a failure, and count the failures by their invariants.
    #[arg(long)]
    pub keep_going: bool,
}

impl Args {
    /// A ground of one's own: each thread has one.
    fn ground(&self) -> Ground {
        if self.mysql {
            Ground::maria(Parts::All)
        } else {
            Ground::Memory
        }
    }
}

/// How many of the last events a failure shows.
const EVENTS: usize = 60;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match args.seed {
        Some(seed) => one(seed, &args),
        None => many(&args),
    }
}

fn one(seed: u64, args: &Args) -> ExitCode {
    let scenario = Scenario::draw(seed);
    let outcome = play_on(&args.ground(), scenario.clone(), args.trace);
    if args.trace {
        println!("{scenario:#?}");
    }
    for line in &outcome.lines {
        println!("{line}");
    }
    let Some(violation) = outcome.violation else {
        println!("seed {seed} holds, hash {:016x}", outcome.hash);
        return ExitCode::SUCCESS;
    };
    failed(seed, violation, args);
    ExitCode::FAILURE
}

fn failed(seed: u64, violation: Violation, args: &Args) {
    let (scenario, ground) = (Scenario::draw(seed), args.ground());
    let mysql = if args.mysql { " --mysql" } else { "" };
    println!("seed {seed} breaks {}: {}", violation.rule, violation.what);
    println!("reproduce it with: cargo sim{mysql} --seed {seed} --trace");
    let (scenario, violation) = shrink(&ground, scenario, violation);
    println!("smaller: {scenario:#?}");
    let outcome = play_on(&ground, scenario, true);
    println!("the last events of the smaller one:");
    let skipped = outcome.lines.len().saturating_sub(EVENTS);
    for line in &outcome.lines[skipped..] {
        println!("{line}");
    }
    println!("{}: {}", violation.rule, violation.what);
}

/// What the threads share.
struct Common {
    next: AtomicU64,
    stop: AtomicBool,
    failures: Mutex<Vec<(u64, Violation)>>,
    bar: ProgressBar,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took; nothing in a run sees it"
)]
fn many(args: &Args) -> ExitCode {
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left";
    let bar = ProgressBar::new(args.seeds);
    bar.set_style(ProgressStyle::with_template(style).unwrap());
    let common = Common {
        next: AtomicU64::new(args.from),
        stop: AtomicBool::new(false),
        failures: Mutex::default(),
        bar,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let figures = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.threads.unwrap_or(cores).max(1))
            .map(|_| scope.spawn(|| thread(&common, args)))
            .collect();
        let mut all = Figures::default();
        for thread in threads {
            all.merge(&thread.join().unwrap());
        }
        all
    });
    let took = start.elapsed();
    common.bar.finish_and_clear();
    println!("{}", figures.table());
    println!("{}", figures.throughput(took));
    if let Some(file) = &args.json {
        std::fs::write(file, figures.json(took).to_string()).unwrap();
    }
    let mut failures = common.failures.into_inner().unwrap();
    failures.sort_by_key(|(seed, _)| *seed);
    if args.keep_going {
        for (seed, violation) in &failures {
            println!("seed {seed} breaks {}: {}", violation.rule, violation.what);
        }
    } else if let Some((seed, violation)) = failures.first() {
        failed(*seed, violation.clone(), args);
    }
    ExitCode::from(u8::from(!failures.is_empty()))
}

fn thread(common: &Common, args: &Args) -> Figures {
    let (mut figures, ground) = (Figures::default(), args.ground());
    while !common.stop.load(Ordering::Relaxed) {
        let seed = common.next.fetch_add(1, Ordering::Relaxed);
        if seed >= args.from + args.seeds {
            break;
        }
        let outcome = play_on(&ground, Scenario::draw(seed), false);
        figures.merge(&Figures {
            seeds: 1,
            calls: outcome.calls,
            lasted: outcome.lasted,
            tally: outcome.tally,
        });
        if let Some(violation) = outcome.violation {
            common.failures.lock().unwrap().push((seed, violation));
            common.stop.fetch_or(!args.keep_going, Ordering::Relaxed);
        }
        common.bar.inc(1);
    }
    figures
}
