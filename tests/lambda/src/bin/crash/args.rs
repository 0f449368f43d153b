//! The command line of `cargo crash`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use clap::ValueEnum;
use cvm_device::install::KeyMode;
use cvm_lambda::matrix::mode_name;
use cvm_lambda::proxy::wire::Strike;
use cvm_local::functions::Profile;

const EXAMPLES: &str = "\
Examples:
  cargo crash                        every call, killed before and after, in the emulator
  cargo crash --standin --faults all every fault at every call, in the fast stand-in
  cargo crash --only csr:7           the seventh call of a life in CSR mode

Exit codes: 0 every device recovered, 1 one did not, 2 usage, 130 interrupted.";

/// Strikes every AWS call of a device's life in turn and checks that the device recovers.
///
/// The real functions run as AWS Lambda would run them. At each call in turn the function that makes it is killed
/// (SIGKILL) before the call has its effect, and after it. Then the queue delivers again, the device asks again, and in
/// the end it must have exactly one ACTIVE certificate, and never had two.
#[derive(Debug, Parser)]
#[command(name = "cargo crash", bin_name = "cargo crash", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Use the in-memory stand-in for AWS instead of the emulator: sooner done, and it can be swept.
    #[arg(long)]
    pub(crate) standin: bool,
    /// What happens to each call.
    #[arg(long, value_enum, default_value_t = Faults::Kill)]
    faults: Faults,
    /// Only these: a mode, or one call of it.
    #[arg(long, value_name = "MODE[:CALL]")]
    only: Option<Only>,
    /// How many devices live at once, each with functions of its own [default: 4, with --standin 12].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    lanes: Option<u8>,
    /// Whether the janitor sweeps afterwards; only the stand-in can make certificates look old enough.
    #[arg(long, value_name = "YES", default_value_t = true, action = clap::ArgAction::Set)]
    sweep: bool,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Build the functions without optimisation: sooner ready, not what production runs.
    #[arg(long)]
    dev: bool,
}

/// Which faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Faults {
    /// The caller is killed before the call, or after it.
    Kill,
    /// Besides: the call fails, its answer is lost, or it arrives twice.
    All,
}

/// One mode, or one call of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Only {
    mode: KeyMode,
    number: Option<usize>,
}

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            || "expected csr, keys, or one of them with a call's number, as in csr:7".to_owned();
        let (mode, number) = match text.split_once(':') {
            None => (text, None),
            Some((mode, number)) => (mode, Some(number.parse().map_err(|_| refuse())?)),
        };
        let known = [KeyMode::Csr, KeyMode::Keys].into_iter();
        let mode = known.into_iter().find(|known| mode_name(*known) == mode);
        let mode = mode.ok_or_else(refuse)?;
        Ok(Self { mode, number })
    }
}

impl Args {
    /// How the functions are built.
    pub(crate) fn profile(&self) -> Profile {
        if self.dev {
            Profile::Dev
        } else {
            Profile::Release
        }
    }

    /// The modes that are struck.
    pub(crate) fn modes(&self) -> Vec<KeyMode> {
        match self.only {
            Some(only) => vec![only.mode],
            None => vec![KeyMode::Csr, KeyMode::Keys],
        }
    }

    /// Whether this call is struck.
    pub(crate) fn wants(&self, number: usize) -> bool {
        self.only
            .and_then(|only| only.number)
            .is_none_or(|only| only == number)
    }

    /// What happens to each call.
    pub(crate) fn strikes(&self) -> &'static [Strike] {
        const ALL: [Strike; 5] = [
            Strike::KillBefore,
            Strike::KillAfter,
            Strike::Before,
            Strike::After,
            Strike::Twice,
        ];
        match self.faults {
            Faults::Kill => &ALL[..2],
            Faults::All => &ALL,
        }
    }

    /// How many lanes: the emulator does all its work in one thread.
    pub(crate) fn lanes(&self) -> usize {
        let usual = if self.standin { 12 } else { 4 };
        self.lanes.map_or(usual, usize::from)
    }

    /// Whether the janitor is wanted.
    pub(crate) fn sweep(&self) -> bool {
        self.sweep && self.standin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        let args = std::iter::once("crash").chain(args.iter().copied());
        Args::try_parse_from(args).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn by_default_every_call_of_both_modes_is_killed_before_and_after() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.modes().len(), 2);
        assert_eq!(args.strikes(), [Strike::KillBefore, Strike::KillAfter]);
        assert_eq!(args.lanes(), 4);
        assert!(args.wants(1));
    }

    #[test]
    fn one_call_can_be_repeated_alone() {
        let args = parse(&["--only", "keys:7"]).unwrap();
        assert_eq!(args.modes(), [KeyMode::Keys]);
        assert!(args.wants(7) && !args.wants(6));
    }

    #[test]
    fn bad_arguments_are_refused_by_name() {
        for (args, named) in [
            (["--only", "rsa:7"], "as in csr:7"),
            (["--only", "csr:x"], "as in csr:7"),
            (["--lanes", "0"], "--lanes"),
            (["--faults", "some"], "--faults"),
        ] {
            let refusal = parse(&args).unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
    }
}
