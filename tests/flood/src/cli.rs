//! `cargo flood`: one fleet, beside the same one with fixed polling.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use cvm_ingest::pace::PollTerms;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::figures::Figures;
use crate::plan::Plan;
use crate::plan::Waiting;
use crate::report;
use crate::run::play;

/// Lets a fleet ask all at once, in simulated time, and checks that its polls keep to the allowance.
///
/// The pace is the one that ships; API Gateway has its default quotas, and devices that it refuses
/// back off. Exits with 1 if, in the busiest minute after the initial storm, there are more than 5 %
/// more polls than the allowance. Ctrl-C ends it at once.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo flood")]
pub struct Args {
    /// How many devices.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub devices: u32,
    /// Polls per second that all waiting devices together may make.
    #[arg(long, value_name = "POLLS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub allowance: u32,
    /// Certificates per second that the account issues.
    #[arg(long, value_name = "CERTIFICATES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub issue_rate: u32,
    /// Over how long the devices first submit.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub fleet_window: u64,
    /// How many of the devices ask every 2 seconds, whatever they are told.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub rude: f64,
    /// Let devices wait for as long as this each time instead of pacing them, as naive systems do. The
    /// check then fails, and with a million devices it takes long.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub fixed: Option<u64>,
    /// Show beside it the same fleet with fixed polling, as a sample of 10,000 devices with as large a
    /// part of all quotas, multiplied up. What is let through and paid for then is as with the whole
    /// fleet; how much more is refused depends on how devices fall into step. 0 leaves it out, and so
    /// does --fixed.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub compare: u64,
    /// The least seconds between two polls that the door asks for.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub least: u64,
    /// Door processes that share the requests, each with a gauge of its own.
    #[arg(long, value_name = "PROCESSES", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub doors: u16,
    /// How far the queue's depth that is read lags behind.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub depth_lag: u64,
    /// Where all chance comes from: the same seed gives the same figures.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn percent(text: &str) -> Result<f64, String> {
    let value = text.parse().ok();
    let value = value.filter(|value| (0.0..=100.0).contains(value));
    value.ok_or_else(|| "must be a number from 0 to 100".to_owned())
}

impl Args {
    /// What is to be simulated.
    pub fn plan(&self) -> Plan {
        Plan {
            devices: self.devices,
            window_seconds: self.fleet_window,
            waiting: self.fixed.map_or(Waiting::Paced, Waiting::Fixed),
            rude_percent: self.rude,
            terms: PollTerms {
                least_seconds: self.least,
                polls_per_second: self.allowance,
                issues_per_second: self.issue_rate,
            },
            doors: self.doors.into(),
            depth_lag_seconds: self.depth_lag,
            seed: self.seed,
            ..Plan::default()
        }
    }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("flood: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<bool> {
    // A file that cannot be written is better known before a run than after it.
    if let Some(path) = &args.json {
        let opened = File::options().create(true).append(true).open(path);
        opened.with_context(|| format!("cannot write {}", path.display()))?;
    }
    let plan = args.plan();
    let figures = shown(&plan);
    let is_compared = args.fixed.is_none() && args.compare > 0;
    let other = is_compared.then(|| plan.with_fixed_sample(args.compare));
    let other = other.map(|plan| (shown(&plan), plan));
    let other = other.as_ref().map(|(figures, plan)| (plan, figures));
    println!("{}", report::table(&plan, &figures, other));
    println!("{}", report::verdict(&plan, &figures));
    if let Some(path) = &args.json {
        let text = report::json(&plan, &figures, other);
        let written = std::fs::write(path, format!("{text:#}\n"));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(figures.is_bounded(&plan))
}

/// Plays it with a bar on standard error, where that is a terminal.
fn shown(plan: &Plan) -> Figures {
    let bar = ProgressBar::new(plan.devices.into());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} devices, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let figures = play(plan, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    figures
}
