//! The command line of `cargo burst`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use cvm_lambda::burst::Plan;
use cvm_lambda::poller::Loss;
use cvm_local::functions::Profile;

const EXAMPLES: &str = "\
Examples:
  cargo burst                               2,000 devices against AWS's default quotas
  cargo burst --devices 10000 --bucket 100  as after a quota increase
  cargo burst --throttle 0 --kill-every 0   nothing goes wrong
  cargo burst --form both                   functions with DynamoDB, then servers with MariaDB

Exit codes: 0 all of it is true, 1 something is not, 2 usage, 130 interrupted.";

/// Has many devices ask for their certificates at the same moment, and makes it hard for the workers.
///
/// The real functions run as AWS Lambda would run them, on an in-memory stand-in for AWS with its real quotas. The
/// devices use the device's own library over HTTP and wait as they are told. In the end no request may be lost, no
/// message given up, no device have had two ACTIVE certificates, and the quota must have been used.
#[derive(Debug, Parser)]
#[command(name = "cargo burst", bin_name = "cargo burst", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How many devices ask at once [default: 2000, with --emulator 40].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99_999))]
    devices: Option<u32>,
    /// How often each rate-bound AWS IoT API may be called per second, instead of AWS's defaults.
    #[arg(long, value_name = "RATE", value_parser = positive)]
    bucket: Option<f64>,
    /// The fraction of AWS IoT calls that are throttled at random, beside the quota.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.3, value_parser = fraction)]
    throttle: f64,
    /// Kill a busy worker every so many seconds, more or less; 0: never. If not given: 5, and 1 on the emulator,
    /// where all is over in a few seconds.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = not_negative)]
    kill_every: Option<f64>,
    /// The fraction of messages that are delivered twice.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1, value_parser = fraction)]
    duplicate: f64,
    /// The fraction of devices that have their key made for them.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1, value_parser = fraction)]
    keys: f64,
    /// How long a message stays hidden, which is what a killed worker's messages wait. Workers run 30 s and claim for
    /// 45 s, as in the template.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(60..=43_200))]
    visibility: u64,
    /// How many batches are worked on at once (the template's MaximumConcurrency); they share the quota.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    workers: u8,
    /// How many messages a batch holds at most (the template's `BatchSize`).
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,
    /// The least time between two polls of a device.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    poll: u64,
    /// How long it may take at most.
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    limit: u64,
    /// What is left to chance begins with this.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Which form of the machine is put to it; both: one after the other, and side by side in a table.
    #[arg(long, value_name = "FORM", default_value = "serverless")]
    pub(crate) form: Form,
    /// How many servers the host form has; the first one is never killed, for it is the devices' door.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) servers: u8,
    /// Use the pinned emulator: slower, with neither quotas nor throttles, but not of our making.
    #[arg(long, conflicts_with = "form")]
    pub(crate) emulator: bool,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Build the functions without optimisation: sooner ready, not what production runs.
    #[arg(long)]
    dev: bool,
}

/// A form of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// Functions, DynamoDB, SQS and S3.
    Serverless,
    /// Servers and MariaDB.
    Host,
    /// One after the other.
    Both,
}

impl Form {
    /// The forms that are meant.
    pub(crate) fn each(self) -> &'static [Self] {
        match self {
            Self::Serverless => &[Self::Serverless],
            Self::Host => &[Self::Host],
            Self::Both => &[Self::Serverless, Self::Host],
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Serverless => "serverless",
            Self::Host => "host",
            Self::Both => "both",
        }
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

    /// What is to happen.
    pub(crate) fn plan(&self) -> Plan {
        let usual = if self.emulator { 40 } else { 2000 };
        let every = self
            .kill_every
            .unwrap_or(if self.emulator { 1.0 } else { 5.0 });
        let kill_every = (every > 0.0).then(|| Duration::from_secs_f64(every));
        Plan {
            devices: self.devices.unwrap_or(usual) as usize,
            keys: self.keys,
            bucket: self.bucket,
            throttle: self.throttle,
            kill_every,
            duplicate: self.duplicate,
            kills_most: None,
            visibility_seconds: self.visibility,
            run_seconds: 30,
            lease_seconds: 45,
            loss: Loss::WaitOut,
            workers: self.workers.into(),
            batch: self.batch.into(),
            poll_seconds: self.poll,
            limit: Duration::from_secs(60 * self.limit),
            seed: self.seed,
        }
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    let refuse = || "must be a number from 0 to 1".to_owned();
    let number: f64 = text.parse().map_err(|_| refuse())?;
    (0.0..=1.0)
        .contains(&number)
        .then_some(number)
        .ok_or_else(refuse)
}

fn positive(text: &str) -> Result<f64, String> {
    let refuse = || "must be a number above 0".to_owned();
    let number: f64 = text.parse().map_err(|_| refuse())?;
    (number.is_finite() && number > 0.0)
        .then_some(number)
        .ok_or_else(refuse)
}

fn not_negative(text: &str) -> Result<f64, String> {
    let refuse = || "must be a number of seconds, at most a day".to_owned();
    let number: f64 = text.parse().map_err(|_| refuse())?;
    (0.0..=86_400.0)
        .contains(&number)
        .then_some(number)
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        let args = std::iter::once("burst").chain(args.iter().copied());
        Args::try_parse_from(args).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn by_default_everything_goes_wrong_for_two_thousand_devices() {
        let plan = parse(&[]).unwrap().plan();
        assert_eq!((plan.devices, plan.bucket), (2000, None));
        assert_eq!(plan.kill_every, Some(Duration::from_secs(5)));
        assert_eq!(parse(&["--emulator"]).unwrap().plan().devices, 40);
        assert_eq!(
            parse(&["--kill-every", "0"]).unwrap().plan().kill_every,
            None
        );
    }

    #[test]
    fn bad_arguments_are_refused_by_name() {
        for args in [
            ["--devices", "0"],
            ["--throttle", "1.1"],
            ["--bucket", "0"],
            ["--kill-every", "-1"],
            ["--visibility", "59"],
            ["--keys", "half"],
        ] {
            let refusal = parse(&args).unwrap_err();
            assert!(refusal.contains(args[0]), "{refusal}");
        }
    }
}
