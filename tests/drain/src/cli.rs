//! `cargo drain`: one backlog, or many beside each other.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use clap::Subcommand;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use serde_json::Value;
use serde_json::json;

use crate::beyond;
use crate::effort::Watch;
use crate::figures::Figures;
use crate::figures::Method;
use crate::plan::Latencies;
use crate::plan::Plan;
use crate::polls;
use crate::promise::promises;
use crate::report;
use crate::run::play_watched;
use crate::sweep;
use crate::sweep::Sheet;

/// The batch of each run of a sweep that is not over devices.
const SWEPT_DEVICES: u32 = 5_000;

/// Lets the real worker drain a backlog in virtual time, against AWS IoT's quotas.
///
/// Up to a million devices are served one by one by the code that ships; more are reckoned, and how far that is from the
/// simulation of fewer is shown. Exits with 1 if somebody is not served, if the scarcest quota is used to less than 97 %
/// while there is a backlog and workers enough, or if 1 % of the calls or more are throttled.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo drain", args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead of one run
    #[command(subcommand)]
    pub task: Option<Task>,
    /// One run
    #[command(flatten)]
    pub one: One,
}

/// Other tasks than one run.
#[derive(Clone, Debug, Subcommand)]
pub enum Task {
    /// Many runs: over devices, workers, batches, quotas, and a fair queue beside one that is not
    Sweep {
        /// Reckon from 100,000 devices on instead of simulating a million, which takes minutes
        #[arg(long)]
        quick: bool,
        /// Where all chance comes from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Write the figures to this file as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

/// One run.
#[derive(Clone, Debug, clap::Args)]
pub struct One {
    /// How many devices the batch has
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub devices: u32,
    /// How many workers run at once (`MaximumConcurrency`)
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub workers: u32,
    /// How many messages a worker is handed at once (`BatchSize`)
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batch: u32,
    /// AWS IoT's quotas, as a multiple of the defaults
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = positive)]
    pub quota_scale: f64,
    /// How long calls take, as a multiple of the defaults
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = positive)]
    pub latency_scale: f64,
    /// The part of the devices whose keys AWS IoT makes
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, value_parser = fraction)]
    pub keys: f64,
    /// The part of the calls to AWS IoT that a neighbour in the account takes from us
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, value_parser = part_of_calls)]
    pub throttle: f64,
    /// Devices that ask by themselves while the batch is worked on
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub line_devices: u32,
    /// Let the queue hand out as messages come, as one that is not fair does
    #[arg(long)]
    pub unfair: bool,
    /// Where all chance comes from: the same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let value = text.parse().ok();
    let value = value.filter(|value| (0.001..=1000.0).contains(value));
    value.ok_or_else(|| "must be a number from 0.001 to 1000".to_owned())
}

fn fraction(text: &str) -> Result<f64, String> {
    let value = text.parse().ok();
    let value = value.filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// Not all of them: then nobody is ever served.
fn part_of_calls(text: &str) -> Result<f64, String> {
    let most = fraction(text)?;
    let some = Some(most).filter(|part| *part <= 0.9);
    some.ok_or_else(|| "must be a number from 0 to 0.9".to_owned())
}

impl One {
    /// What is to be simulated.
    pub fn plan(&self) -> Plan {
        Plan {
            devices: self.devices,
            line_devices: self.line_devices,
            workers: self.workers,
            batch: self.batch,
            quota_scale: self.quota_scale,
            keys: self.keys,
            throttle: self.throttle,
            is_fair: !self.unfair,
            latencies: Latencies::default().scaled(self.latency_scale),
            seed: self.seed,
            ..Plan::default()
        }
    }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.task {
        None => one(&args.one),
        Some(Task::Sweep { quick, seed, json }) => many(*quick, *seed, json.as_deref()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("drain: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One run; whether its promises were kept.
fn one(args: &One) -> anyhow::Result<bool> {
    check(args.json.as_deref())?;
    let (plan, watch) = (args.plan(), Watch::start());
    let figures = shown(&plan);
    let effort = watch.read();
    println!("{figures}");
    let mut all_kept = true;
    for promise in promises(&plan, &figures) {
        let word = if promise.is_kept { "kept" } else { "BROKEN" };
        println!("{word}: {}", promise.text);
        all_kept &= promise.is_kept;
    }
    println!("{}", report::effort(&effort, figures.devices));
    let polls = polls::play(plan.devices, &figures, plan.seed);
    println!("{}", report::polls(&polls));
    if figures.method == Method::Reckoned {
        print_differences(sweep::differences(&plan));
    }
    let peak = effort.peak_bytes;
    let spent = json!({ "seconds": effort.taken.as_secs_f64(), "peakBytes": peak });
    let all = json!({ "run": figures.json(), "polls": polls.json(), "effort": spent });
    write(args.json.as_deref(), &all)?;
    Ok(all_kept)
}

/// Many runs. What breaks a promise is what they look for, so that is no failure.
fn many(quick: bool, seed: u64, path: Option<&Path>) -> anyhow::Result<bool> {
    check(path)?;
    let plan = Plan {
        devices: SWEPT_DEVICES,
        simulated_most: if quick { 100_000 } else { 1_000_000 },
        seed,
        ..Plan::default()
    };
    let mut all = serde_json::Map::new();
    for of in [
        sweep::over_workers,
        sweep::over_batches,
        sweep::over_fairness,
    ] {
        print(&of(&plan), &mut all);
    }
    let devices = sweep::over_devices(&plan);
    print(&devices, &mut all);
    print_differences(sweep::differences_in(&plan, &devices));
    let beyond = beyond::over_quotas(&plan);
    print(&beyond, &mut all);
    for line in beyond::over_stacks(&beyond) {
        println!("{line}");
    }
    write(path, &Value::Object(all))?;
    Ok(true)
}

fn print(sheet: &Sheet, all: &mut serde_json::Map<String, Value>) {
    println!("{}", report::rows(sheet.title, &sheet.runs));
    let runs = sheet.runs.iter();
    let runs = runs.map(|(name, figures)| json!({ "name": name, "run": figures.json() }));
    all.insert(sheet.title.to_owned(), runs.collect());
}

fn print_differences(lines: Vec<String>) {
    println!("what is reckoned, beside what was simulated:");
    for line in lines {
        println!("{line}");
    }
}

/// A file that cannot be written is better known before a run than after it.
fn check(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let opened = File::options().create(true).append(true).open(path);
    opened.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn write(path: Option<&Path>, value: &Value) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let written = std::fs::write(path, format!("{value:#}\n"));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Plays it with a bar on standard error, where that is a terminal.
fn shown(plan: &Plan) -> Figures {
    let bar = ProgressBar::new(plan.all().into());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} devices, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let figures = play_watched(plan, |done| bar.set_position(done));
    bar.finish_and_clear();
    figures
}
