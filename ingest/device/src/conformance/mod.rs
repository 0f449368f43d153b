//! The contract of the device API as rules that any deployment can be held to, with one real device.
//!
//! A run logs in as the device, submits a request with a key of its own, polls it to its certificate,
//! checks the bundle and, if told to, confirms it. In between it asks all that a server must refuse.
//! The key is thrown away: the device has to be reset before it, or another run, is served again.
//! [`RULES`] is the list; a rule passes, fails with a reason, or is skipped with one.

mod bench;
mod deliver;
mod login;
mod open;
mod rules;
mod seen;
mod submit;

use std::time::Duration;

use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use cvm_shared::time::UnixMillis;

use crate::error::Error;
use bench::Bench;

pub use rules::RULES;
pub use rules::Rule;

/// What a run is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's address: `https://host[:port][/base]`.
    pub endpoint: String,
    /// A registered device that has no certificate yet.
    pub serial: SerialNumber,
    /// Its secret.
    pub token: DeviceToken,
    /// The host that the server knows itself by, if that is not the endpoint's.
    pub audience: Option<String>,
    /// Roots to trust beside Amazon's when talking to the server, in PEM form, or nothing.
    pub ca_pem: String,
    /// A CA that may have issued the certificate and is not in the trust bundle, or nothing.
    pub issuer_ca_pem: String,
    /// Whether to confirm the certificate in the end; the rules of what comes after are skipped otherwise.
    pub confirm: bool,
    /// How long to let a nonce of the server grow old, or none to skip that rule.
    pub outlive: Option<Duration>,
    /// How long to wait for the certificate.
    pub timeout: Duration,
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server keeps it.
    Passed,
    /// The server breaks it, in these words.
    Failed(String),
    /// It could not be judged, for this reason.
    Skipped(String),
}

/// A rule and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rule.
    pub rule: &'static Rule,
    /// What came of it.
    pub verdict: Verdict,
}

/// Holds the server to every rule in turn, and tells each outcome to `listener` as it comes. An error
/// says that the server could not be reached or that the settings are unusable.
pub async fn conformance(
    config: &Config,
    now: fn() -> UnixMillis,
    listener: &(dyn Fn(&Outcome) + Sync),
) -> Result<Vec<Outcome>, Error> {
    let mut bench = Bench::new(config, now)?;
    bench.reach().await?;
    let mut outcomes = Vec::new();
    for rule in RULES {
        let verdict = rule.judge(&mut bench).await;
        let outcome = Outcome { rule, verdict };
        listener(&outcome);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
