//! The command line of `cargo measure`.

use std::path::PathBuf;

use clap::Parser;
use clap::ValueEnum;
use cvm_lambda::Error;
use cvm_lambda::shell;
use cvm_local::functions::Profile;
use cvm_measure::against;
use cvm_measure::burst;
use cvm_measure::calls;
use cvm_measure::choices;
use cvm_measure::cold;
use cvm_measure::cpu;
use cvm_measure::import;
use cvm_measure::instructions;
use cvm_measure::latency;
use cvm_measure::parts::Parts;
use cvm_measure::scale;
use cvm_measure::target::Report;

const EXAMPLES: &str = "\
Examples:
  cargo measure calls                       AWS calls of a certificate, step by step
  cargo measure cpu --devices 5000          processor time, beside Node.js
  cargo measure scale --one-by-one 1000000  a million devices in virtual time, each by the real worker
  cargo measure latency --against https://vend.example.com
                                            how long a door's answers take from here
  cargo measure all --json figures.json     everything, one after the other (half an hour)

Times and sizes are this machine's: they are shown beside others of the same run, and never judged. Counts, rounds,
instructions and shares are judged.

Exit codes: 0 all that is judged is as promised, 1 something is not, 2 usage, 130 interrupted.";

/// Measures what a certificate costs, on the real functions and an AWS in memory.
#[derive(Debug, Parser)]
#[command(name = "cargo measure", bin_name = "cargo measure", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is measured.
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Ask the door at this address instead; only `latency` can.
    #[arg(long, value_name = "URL", value_parser = address)]
    against: Option<String>,
    /// How many devices: of `cpu` 1000, of `burst` 5000, of each turn of `choices` 200 if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=99_999))]
    devices: Option<u32>,
    /// How many rows `import` has.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    rows: u64,
    /// How often `cold` and each turn of `choices` start each function, and `latency --against` asks.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    times: u16,
    /// Up to how many devices `scale` serves one by one; more are reckoned from the quota.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    one_by_one: u32,
    /// Build the functions without optimisation: sooner ready, not what production runs.
    #[arg(long)]
    dev: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// AWS calls of a certificate, step by step, and of a duplicate, a poll, a resume.
    Calls,
    /// Processor time and memory, beside a function that does nothing and one in Node.js.
    Cpu,
    /// A process from its start to its first answers.
    Cold,
    /// Calls that come one after another.
    Latency,
    /// Thousands of devices at once against AWS's default quotas.
    Burst,
    /// How a fleet scales, in virtual time.
    Scale,
    /// A large import by cvmctl.
    Import,
    /// Instructions of a certificate, held to their bounds (needs valgrind).
    Instructions,
    /// What LTO, optimisation, allocator and trust store give: builds the functions four times over (an hour).
    Choices,
    /// All of them but `choices`.
    All,
}

impl What {
    /// What `all` measures.
    const EACH: [Self; 8] = [
        Self::Calls,
        Self::Latency,
        Self::Cpu,
        Self::Cold,
        Self::Instructions,
        Self::Scale,
        Self::Import,
        Self::Burst,
    ];

    /// Whether others are measured beside ours.
    fn compares(self) -> bool {
        matches!(self, Self::Cpu | Self::Cold | Self::All)
    }

    fn parts(self) -> Vec<Self> {
        if self == Self::All {
            Self::EACH.to_vec()
        } else {
            vec![self]
        }
    }
}

pub(crate) async fn measure(args: &Args) -> Result<bool, Error> {
    shell::check_output(args.json.as_deref())?;
    let report = match &args.against {
        Some(url) if args.what == What::Latency => against::measure(url, args.times.into()).await?,
        Some(_) => {
            let refused = "--against: only `latency` asks a door that is somewhere else";
            return Err(Error::Usage(refused.to_owned()));
        }
        None => Box::pin(here(args)).await?,
    };
    if args.against.is_some() {
        show(&report);
    }
    print!("{}", report.verdict());
    shell::save(args.json.as_deref(), &report.json())?;
    Ok(report.is_good())
}

/// One measurement after the other; each is shown as soon as it is there.
async fn here(args: &Args) -> Result<Report, Error> {
    if let Some(report) = without_functions(args).await? {
        show(&report);
        return Ok(report);
    }
    let mut parts = Parts::build(args.profile()).await?;
    if args.what.compares() {
        parts = parts.with_others(args.profile()).await?;
    }
    let mut all = Report::default();
    for what in args.what.parts() {
        let report = Box::pin(one(args, &parts, what)).await?;
        show(&report);
        all = all.and(report);
    }
    Ok(all)
}

/// What needs no functions, or has them built otherwise.
async fn without_functions(args: &Args) -> Result<Option<Report>, Error> {
    if args.what == What::Scale {
        return Ok(Some(tokio::task::block_in_place(|| {
            scale::measure(args.one_by_one)
        })));
    }
    if args.what != What::Choices {
        return Ok(None);
    }
    if args.dev {
        let refused = "--dev: `choices` is about the release build";
        return Err(Error::Usage(refused.to_owned()));
    }
    let measured = choices::measure(args.devices(200), args.times.into());
    Ok(Some(Box::pin(measured).await?))
}

fn show(report: &Report) {
    for sheet in &report.sheets {
        println!("{sheet}");
    }
}

async fn one(args: &Args, parts: &Parts, what: What) -> Result<Report, Error> {
    let functions = &parts.functions;
    match what {
        What::Calls => Box::pin(calls::measure(functions)).await,
        What::Latency => Box::pin(latency::measure(functions)).await,
        What::Cpu => Box::pin(cpu::measure(parts, args.devices(1000))).await,
        What::Cold => Box::pin(cold::measure(parts, args.times.into())).await,
        What::Instructions => Box::pin(instructions::measure(parts)).await,
        What::Scale => Ok(tokio::task::block_in_place(|| {
            scale::measure(args.one_by_one)
        })),
        What::Import => Box::pin(import::measure(args.rows, args.profile())).await,
        What::Burst => Box::pin(burst::measure(functions, args.devices(5000))).await,
        What::Choices | What::All => Ok(Report::default()),
    }
}

impl Args {
    fn profile(&self) -> Profile {
        if self.dev {
            Profile::Dev
        } else {
            Profile::Release
        }
    }

    fn devices(&self, usual: usize) -> usize {
        self.devices.map_or(usual, |devices| devices as usize)
    }
}

fn address(text: &str) -> Result<String, String> {
    let known = ["https://", "http://"]
        .iter()
        .any(|start| text.starts_with(start));
    known
        .then(|| text.to_owned())
        .ok_or_else(|| "must begin with https:// or http://".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        let args = std::iter::once("measure").chain(args.iter().copied());
        Args::try_parse_from(args).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn all_is_each_but_the_one_that_builds_for_an_hour() {
        assert_eq!(
            parse(&["all"]).unwrap().what.parts().len(),
            What::value_variants().len() - 2
        );
        assert_eq!(parse(&["cpu"]).unwrap().what.parts(), [What::Cpu]);
        assert_eq!(parse(&[]).unwrap().what, What::All);
    }

    #[test]
    fn a_choice_of_the_release_build_is_none_of_the_development_build() {
        let args = parse(&["choices", "--dev"]).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let refusal = runtime.block_on(without_functions(&args)).unwrap_err();
        assert!(refusal.to_string().contains("--dev"), "{refusal}");
    }

    #[test]
    fn bad_arguments_are_refused_by_name() {
        for (args, name) in [
            (&["speed"][..], "speed"),
            (&["cpu", "--devices", "9"], "--devices"),
            (&["latency", "--against", "vend.example.com"], "--against"),
            (&["import", "--rows", "1"], "--rows"),
        ] {
            let refusal = parse(args).unwrap_err();
            assert!(refusal.contains(name), "{refusal}");
        }
    }
}
