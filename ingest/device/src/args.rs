//! The command line's arguments, and what they, the secret's file and the environment come to.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use cvm_device::Auth;
use cvm_device::ConnectConfig;
use cvm_device::Error;
use cvm_device::VendConfig;
use cvm_device::conformance::Config;
use cvm_device::install::KeyMode;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NONCE_LIFE;
use cvm_shared::secret::DeviceToken;
use zeroize::Zeroizing;

/// The variable that holds the secret where there is no file.
const SECRET_VARIABLE: &str = "CVM_DEVICE_SECRET";

const EXAMPLES: &str = "\
Examples:
  Get a certificate for the key that is made in ./device:
    cvm-device vend --endpoint https://cvm.example.com --serial SN-0001 \\
        --secret-file secret.txt --dir ./device

  Prove that it works:
    cvm-device connect --dir ./device

  Hold a server to the contract (see its --help first):
    cvm-device conformance --endpoint https://cvm.example.com --serial TEST-0001 --secret-file secret.txt

Exit codes: 0 done, 1 refused for good, 2 usage, 3 try again later (the same command goes on).";

/// Gets an AWS IoT device certificate from a Certificate Vending Machine, and uses it.
#[derive(Parser)]
#[command(name = "cvm-device", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Get this device's certificate and install it; after an interruption, go on.
    #[command(after_help = VEND_HELP)]
    Vend(VendArgs),
    /// Connect to AWS IoT over MQTT with the installed certificate and send one message to oneself.
    #[command(after_help = CONNECT_HELP)]
    Connect(ConnectArgs),
    /// Hold a server to the contract of the device API, rule by rule, with one registered device.
    #[command(after_help = CONFORMANCE_HELP)]
    Conformance(ConformanceArgs),
}

const VEND_HELP: &str = "\
The secret comes from --secret-file or from the variable CVM_DEVICE_SECRET, never from the command
line, where every process could read it.

Installed files: private.key (0600), certificate.pem, ca.pem, device.json (written last).
After the operator has reset the device, give an empty directory.";

const CONFORMANCE_HELP: &str = "\
Works against any deployment. It is not a dry run: the device is vended a certificate, whose key is
thrown away, and with --confirm the certificate is confirmed. Use a device that is registered for this
and has no certificate yet, in proof mode with a strong secret; reset it before the next run.

Example:
    cvm-device conformance --endpoint https://cvm.example.com --serial TEST-0001 \\
        --secret-file secret.txt --confirm

Exit codes: 0 every rule passed or was skipped, 1 a rule failed, 2 usage, 3 the server was not reached.";

const CONNECT_HELP: &str = "\
Subscribes to dt/<thing>/cvm as the client <thing>, publishes there and waits for the message.

Example, a local broker whose certificate bears another name:
    cvm-device connect --dir ./device --mqtt-host 127.0.0.1 --mqtt-server-name localhost --ca ca.pem";

/// Whom to ask, and as whom.
#[derive(Args)]
struct AskerArgs {
    /// The server, `https://host[:port][/base]`; plain http to this machine only.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// This device's serial number.
    #[arg(long)]
    serial: String,
    /// The file that holds this device's secret.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Never: a command line can be read by every process.
    #[arg(long, hide = true)]
    secret: Option<String>,
    /// The host that the server knows itself by, if that is not the endpoint's.
    #[arg(long, value_name = "HOST[:PORT]")]
    audience: Option<String>,
    /// Roots to trust for the server, in PEM form, beside the Amazon roots (which are built in).
    #[arg(long, value_name = "PEM")]
    ca: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct VendArgs {
    #[command(flatten)]
    asker: AskerArgs,
    /// The directory to install into; made with mode 0700 if it is missing.
    #[arg(long)]
    dir: PathBuf,
    /// Have AWS IoT make the key: for devices that cannot make one.
    #[arg(long)]
    keys_mode: bool,
    /// How the device shows who it is: it proves by its clock (`proof`) or by a nonce of the server
    /// (`nonce`) that it knows its secret, or sends it (`token`).
    #[arg(long, value_name = "WAY", default_value = "proof", value_parser = ways())]
    auth: Auth,
    /// Have the bundle in the server's answer instead of a link to it: for devices that reach no
    /// other host.
    #[arg(long)]
    inline: bool,
    /// A CA that may have issued the certificate and is not in the server's trust bundle.
    #[arg(long, value_name = "PEM")]
    issuer_ca: Option<PathBuf>,
    /// How long to try.
    #[arg(long, value_name = "N", default_value_t = 300)]
    timeout_seconds: u64,
    /// Print one JSON object, also when it fails.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ConnectArgs {
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
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ConformanceArgs {
    #[command(flatten)]
    asker: AskerArgs,
    /// A CA that may have issued the certificate and is not in the server's trust bundle.
    #[arg(long, value_name = "PEM")]
    issuer_ca: Option<PathBuf>,
    /// Confirm the certificate in the end, and judge the rules of what comes after.
    #[arg(long)]
    confirm: bool,
    /// Judge also what takes five minutes: that a nonce of the server expires.
    #[arg(long)]
    slow: bool,
    /// How long to wait for the certificate.
    #[arg(long, value_name = "N", default_value_t = 300)]
    timeout_seconds: u64,
    /// Print one JSON object, also when it fails.
    #[arg(long)]
    pub(crate) json: bool,
}

impl ConformanceArgs {
    /// What the run is told.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        let Asker {
            serial,
            token,
            ca_pem,
        } = self.asker.read()?;
        Ok(Config {
            endpoint: self.asker.endpoint.clone(),
            serial,
            token,
            audience: self.asker.audience.clone(),
            ca_pem,
            issuer_ca_pem: read_optional(self.issuer_ca.as_deref())?.unwrap_or_default(),
            confirm: self.confirm,
            outlive: self.slow.then_some(Duration::from_secs(NONCE_LIFE + 1)),
            timeout: Duration::from_secs(self.timeout_seconds),
        })
    }
}

fn ways() -> impl TypedValueParser<Value = Auth> {
    PossibleValuesParser::new(Auth::NAMES).try_map(|name| name.parse::<Auth>())
}

/// The device, as its arguments, its secret file and its environment say.
struct Asker {
    serial: SerialNumber,
    token: DeviceToken,
    ca_pem: String,
}

impl AskerArgs {
    fn read(&self) -> Result<Asker, Error> {
        let usage = |error: cvm_shared::ids::Malformed| Error::Config(error.to_string());
        if self.secret.is_some() {
            let rule = "every process can read a command line: give --secret-file FILE";
            return Err(Error::Config(rule.to_owned()));
        }
        let secret = secret(self.secret_file.as_deref())?;
        Ok(Asker {
            serial: SerialNumber::parse(self.serial.as_str()).map_err(usage)?,
            token: DeviceToken::parse(secret.trim_end_matches(['\r', '\n'])).map_err(usage)?,
            ca_pem: read_optional(self.ca.as_deref())?.unwrap_or_default(),
        })
    }
}

impl VendArgs {
    /// What the run is told.
    pub(crate) fn config(&self) -> Result<VendConfig, Error> {
        let Asker {
            serial,
            token,
            ca_pem,
        } = self.asker.read()?;
        let endpoint = self.asker.endpoint.as_str();
        let mut config = VendConfig::new(endpoint, serial, token, &self.dir);
        if self.keys_mode {
            config.key_mode = KeyMode::Keys;
        }
        config.auth = self.auth;
        config.audience.clone_from(&self.asker.audience);
        config.inline = self.inline;
        config.ca_pem = ca_pem;
        config.issuer_ca_pem = read_optional(self.issuer_ca.as_deref())?.unwrap_or_default();
        config.timeout = Duration::from_secs(self.timeout_seconds);
        Ok(config)
    }
}

impl ConnectArgs {
    /// What the connection is told.
    pub(crate) fn config(&self) -> Result<ConnectConfig, Error> {
        let mut config = ConnectConfig::new(&self.dir);
        config.host.clone_from(&self.mqtt_host);
        config.port = self.mqtt_port;
        config.server_name.clone_from(&self.mqtt_server_name);
        config.ca_pem = read_optional(self.ca.as_deref())?;
        config.timeout = Duration::from_secs(self.timeout_seconds);
        Ok(config)
    }
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
