//! The command line: reads its arguments, clock and environment, and says in one line how it went.

mod report;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::SystemTime;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use cvm_device::ConnectConfig;
use cvm_device::Error;
use cvm_device::VendConfig;
use cvm_device::install::KeyMode;
use cvm_device::vend::Progress;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use cvm_shared::time::UnixMillis;
use zeroize::Zeroizing;

use report::Report;
use report::connected_report;
use report::fail;
use report::vended_report;

/// The variable that holds the secret where there is no file.
const SECRET_VARIABLE: &str = "CVM_DEVICE_SECRET";

const EXAMPLES: &str = "\
Examples:
  Get a certificate for the key that is made in ./device:
    cvm-device vend --endpoint https://cvm.example.com --serial SN-0001 \\
        --secret-file secret.txt --dir ./device

  Prove that it works:
    cvm-device connect --dir ./device

Exit codes: 0 done, 1 refused for good, 2 usage, 3 try again later (the same command goes on).";

/// Gets an AWS IoT device certificate from a Certificate Vending Machine, and uses it.
#[derive(Parser)]
#[command(name = "cvm-device", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Get this device's certificate and install it; after an interruption, go on.
    #[command(after_help = VEND_HELP)]
    Vend(VendArgs),
    /// Connect to AWS IoT over MQTT with the installed certificate and send one message to oneself.
    #[command(after_help = CONNECT_HELP)]
    Connect(ConnectArgs),
}

const VEND_HELP: &str = "\
The secret comes from --secret-file or from the variable CVM_DEVICE_SECRET, never from the command
line, where every process could read it.

Installed files: private.key (0600), certificate.pem, ca.pem, device.json (written last).
After the operator has reset the device, give an empty directory.";

const CONNECT_HELP: &str = "\
Subscribes to dt/<thing>/cvm as the client <thing>, publishes there and waits for the message.

Example, a local broker whose certificate bears another name:
    cvm-device connect --dir ./device --mqtt-host 127.0.0.1 --mqtt-server-name localhost --ca ca.pem";

#[derive(Args)]
struct VendArgs {
    /// The server, `https://host[:port][/base]`; plain http to this machine only.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// This device's serial number.
    #[arg(long)]
    serial: String,
    /// The file that holds this device's secret.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The directory to install into; made with mode 0700 if it is missing.
    #[arg(long)]
    dir: PathBuf,
    /// Have AWS IoT make the key: for devices that cannot make one.
    #[arg(long)]
    keys_mode: bool,
    /// Roots to trust for the server, in PEM form, beside the Amazon roots (which are built in).
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// A CA that may have issued the certificate and is not in the server's trust bundle.
    #[arg(long, value_name = "PEM")]
    issuer_ca: Option<PathBuf>,
    /// How long to try.
    #[arg(long, value_name = "N", default_value_t = 300)]
    timeout_seconds: u64,
    /// Print one JSON object, also when it fails.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ConnectArgs {
    /// The directory that `vend` installed into.
    #[arg(long)]
    dir: PathBuf,
    /// The broker's address, if not the endpoint in device.json.
    #[arg(long, value_name = "HOST")]
    mqtt_host: Option<String>,
    /// The broker's port.
    #[arg(long, value_name = "PORT", default_value_t = cvm_device::mqtt::MQTT_PORT)]
    mqtt_port: u16,
    /// The name in the broker's certificate, if not its address.
    #[arg(long, value_name = "NAME")]
    mqtt_server_name: Option<String>,
    /// Roots to trust for the broker, in PEM form, in place of ca.pem.
    #[arg(long, alias = "mqtt-ca", value_name = "PEM")]
    ca: Option<PathBuf>,
    /// How long to try.
    #[arg(long, value_name = "N", default_value_t = 20)]
    timeout_seconds: u64,
    /// Print one JSON object, also when it fails.
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (json, ended) = match Cli::parse().command {
        Command::Vend(args) => (args.json, vend(&args).await),
        Command::Connect(args) => (args.json, connect(&args).await),
    };
    match ended {
        Ok(report) => report.print(json),
        Err(error) => fail(&error, json),
    }
}

async fn vend(args: &VendArgs) -> Result<Report, Error> {
    let config = vend_config(args)?;
    let quiet = args.json;
    let listener = move |progress: Progress| {
        if !quiet {
            eprintln!("{progress}");
        }
    };
    let vended = cvm_device::vend(&config, &now, &listener).await?;
    Ok(vended_report(&vended))
}

fn vend_config(args: &VendArgs) -> Result<VendConfig, Error> {
    let usage = |error: cvm_shared::ids::Malformed| Error::Config(error.to_string());
    let serial = SerialNumber::parse(args.serial.as_str()).map_err(usage)?;
    let secret = secret(args.secret_file.as_deref())?;
    let token = DeviceToken::parse(secret.trim_end_matches(['\r', '\n'])).map_err(usage)?;
    let mut config = VendConfig::new(args.endpoint.as_str(), serial, token, &args.dir);
    if args.keys_mode {
        config.key_mode = KeyMode::Keys;
    }
    config.ca_pem = read_optional(args.ca.as_deref())?.unwrap_or_default();
    config.issuer_ca_pem = read_optional(args.issuer_ca.as_deref())?.unwrap_or_default();
    config.timeout = Duration::from_secs(args.timeout_seconds);
    Ok(config)
}

fn secret(file: Option<&Path>) -> Result<Zeroizing<String>, Error> {
    if let Some(path) = file {
        return read(path).map(Zeroizing::new);
    }
    let missing = || {
        let rule = format!("no secret: give --secret-file FILE or set {SECRET_VARIABLE}");
        Error::Config(rule)
    };
    #[expect(clippy::disallowed_methods, reason = "this is the shell")]
    let value = std::env::var(SECRET_VARIABLE).map_err(|_| missing())?;
    Ok(Zeroizing::new(value))
}

fn read_optional(path: Option<&Path>) -> Result<Option<String>, Error> {
    path.map(read).transpose()
}

fn read(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path);
    text.map_err(|error| Error::Config(format!("{}: {error}", path.display())))
}

#[expect(clippy::disallowed_methods, reason = "this is the shell")]
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixMillis::default().plus(since.unwrap_or_default())
}

async fn connect(args: &ConnectArgs) -> Result<Report, Error> {
    let mut config = ConnectConfig::new(&args.dir);
    config.host.clone_from(&args.mqtt_host);
    config.port = args.mqtt_port;
    config.server_name.clone_from(&args.mqtt_server_name);
    config.ca_pem = read_optional(args.ca.as_deref())?;
    config.timeout = Duration::from_secs(args.timeout_seconds);
    let connected = cvm_device::connect(&config).await?;
    Ok(connected_report(&connected))
}
