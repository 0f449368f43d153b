//! One call, from nothing or from where the last run was cut short, to a confirmed certificate.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use cvm_shared::time::UnixMillis;

use crate::auth::Auth;
use crate::auth::Login;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::install::Device;
use crate::install::KeyMode;
use crate::plan::Left;
use crate::plan::begin;
use crate::run::Run;
use crate::run::blocking;
use crate::transport::Transport;
use crate::verify::Chain;

/// What a run is told.
#[derive(Clone, Debug)]
pub struct VendConfig {
    /// The server's address: `https://host[:port][/base]`.
    pub endpoint: String,
    /// The device.
    pub serial: SerialNumber,
    /// Its secret.
    pub token: DeviceToken,
    /// The directory to install into.
    pub dir: PathBuf,
    /// Who makes the key.
    pub key_mode: KeyMode,
    /// How the device shows who it is.
    pub auth: Auth,
    /// The host that the server knows itself by, if that is not the endpoint's: proofs are made out to it.
    pub audience: Option<String>,
    /// Whether to have the bundle in the server's answer instead of a link to it.
    pub inline: bool,
    /// Roots to trust beside Amazon's when talking to the server, in PEM form, or nothing.
    pub ca_pem: String,
    /// A CA that may have issued the certificate and is not in the trust bundle, or nothing.
    pub issuer_ca_pem: String,
    /// How long the run may take.
    pub timeout: Duration,
    /// The first wait after a failure that came without `Retry-After`; it doubles from there.
    pub retry_base: Duration,
}

impl VendConfig {
    /// The usual settings: CSR mode, plain token, five minutes.
    pub fn new(
        endpoint: impl Into<String>,
        serial: SerialNumber,
        token: DeviceToken,
        dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            endpoint: endpoint.into(),
            serial,
            token,
            dir: dir.into(),
            key_mode: KeyMode::Csr,
            auth: Auth::default(),
            audience: None,
            inline: false,
            ca_pem: String::new(),
            issuer_ca_pem: String::new(),
            timeout: Duration::from_mins(5),
            retry_base: Duration::from_secs(1),
        }
    }
}

/// The present, by the device's clock: proofs say it, and the certificate's validity is checked against it.
pub type Clock<'a> = dyn Fn() -> UnixMillis + Sync + 'a;
/// Someone who wants to hear how the run goes.
pub type Listener<'a> = dyn Fn(Progress) + Sync + 'a;

/// How a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The server took the request.
    Accepted(RequestId),
    /// The run waits before it asks again.
    Waiting {
        /// For what.
        cause: String,
        /// How long.
        wait: Duration,
    },
    /// The certificate is issued and bound.
    Ready,
    /// The certificate is installed.
    Installed,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(id) => write!(f, "accepted as request {id}"),
            Self::Waiting { cause, wait } => {
                write!(f, "{cause}; asking again in {:.1} s", wait.as_secs_f64())
            }
            Self::Ready => f.write_str("the certificate is ready"),
            Self::Installed => f.write_str("installed"),
        }
    }
}

/// How much was left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The certificate was fetched, installed and confirmed.
    Installed,
    /// It was installed by an earlier run, and is confirmed now.
    Confirmed,
    /// All was done before; nothing was sent.
    AlreadyDone,
}

/// A device that has its certificate.
#[derive(Clone, Debug)]
pub struct Vended {
    /// Who it is.
    pub device: Device,
    /// Where its files are.
    pub dir: PathBuf,
    /// How much was left to do.
    pub outcome: Outcome,
    /// From the first accepted answer to the answer that held the certificate, if this run saw both.
    pub ready_after: Option<Duration>,
    /// How often this run polled.
    pub polls: u32,
    /// Whether the certificate's signature could be checked, if this run installed it.
    pub chain: Option<Chain>,
}

/// Gets the device its certificate. Safe to drop and to call again at any moment.
pub async fn vend(
    config: &VendConfig,
    clock: &Clock<'_>,
    listener: &Listener<'_>,
) -> Result<Vended, Error> {
    let transport = transport(config, clock)?;
    let owned = config.clone();
    let plan = blocking(move || begin(&owned)).await?;
    match plan.left {
        Left::Nothing(device) => Ok(Vended {
            device,
            dir: config.dir.clone(),
            outcome: Outcome::AlreadyDone,
            ready_after: None,
            polls: 0,
            chain: None,
        }),
        Left::Confirmation(device, id) => {
            let run = Run::new(config, clock, listener, transport, plan.dir);
            run.confirm(device, id).await
        }
        Left::Everything(key) => {
            let run = Run::new(config, clock, listener, transport, plan.dir);
            run.obtain(key).await
        }
    }
}

fn transport<'a>(config: &VendConfig, clock: &'a Clock<'a>) -> Result<Transport<'a>, Error> {
    let endpoint = Endpoint::parse(&config.endpoint)?;
    let audience = config.audience.as_deref().map(audience).transpose()?;
    let (serial, token) = (config.serial.clone(), config.token.clone());
    let login = Login::new(config.auth, serial, token, clock, fresh);
    let transport = Transport::new(endpoint, login, &config.ca_pem)?;
    Ok(transport.for_audience(audience).inline(config.inline))
}

/// The host that a server knows itself by, `host[:port]`, in lower case.
pub(crate) fn audience(text: &str) -> Result<String, Error> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Error::Config("the audience must be host[:port]".to_owned()));
    }
    Ok(text.to_ascii_lowercase())
}

/// Randomness from the operating system.
pub(crate) fn fresh() -> [u8; 16] {
    let mut bytes = [0; 16];
    #[expect(
        clippy::expect_used,
        reason = "without randomness there is no key and no nonce, and nothing to fall back on"
    )]
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
