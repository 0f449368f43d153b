//! The command line.

use std::path::PathBuf;

use clap::Parser;
use cvm_local::emulator::EmulatorOptions;

const EXAMPLES: &str = "\
Examples:
  cargo demo                            the six devices of infra/local/devices.csv
  cargo demo --devices 50 --json out    fifty made-up ones, and the figures in a file
  cargo demo --host                     the host form: a server with MariaDB
  cargo demo --keep                     leave it running, to try calls of your own

Exit codes: 0 all of it is true, 1 something is not, 2 usage, 130 interrupted.";

/// Runs the Certificate Vending Machine on a local AWS and vends certificates to devices.
///
/// Needs Rust and Python 3.10, and the network the first time. Everything it makes is in the target
/// directory and in a temporary one, which goes when it ends.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Vend to N made-up devices, half of them in each mode, instead of those of devices.csv.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub(crate) devices: Option<u16>,
    /// The host form: MariaDB and cvm-server in place of the stack.
    #[arg(long)]
    pub(crate) host: bool,
    /// Leave it running afterwards, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The emulator's HTTP port; a free one if left out.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The emulator's MQTT port; a free one if left out.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    mqtt_port: Option<u16>,
    /// Build the functions without optimisation: sooner ready, not what production runs.
    #[arg(long)]
    pub(crate) dev: bool,
}

impl Args {
    /// Where the emulator is to listen.
    pub(crate) fn emulator(&self) -> EmulatorOptions {
        EmulatorOptions {
            record: false,
            port: self.port,
            mqtt_port: self.mqtt_port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        let args = std::iter::once("demo").chain(args.iter().copied());
        Args::try_parse_from(args).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn the_defaults_are_the_six_devices_on_free_ports() {
        let args = parse(&[]).unwrap();
        assert_eq!((args.devices, args.port, args.keep), (None, None, false));
    }

    #[test]
    fn bad_arguments_are_refused_by_name() {
        for (args, named) in [
            (["--devices", "0"], "--devices"),
            (["--devices", "2001"], "--devices"),
            (["--port", "70000"], "--port"),
            (["--mqtt-port", "0"], "--mqtt-port"),
            (["--kep", "1"], "--kep"),
        ] {
            let refusal = parse(&args).unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
    }
}
