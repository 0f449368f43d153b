//! What the door is told by its environment.

use std::time::Duration;

use cvm_aws::config::ConfigError;
use cvm_aws::config::Env;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::trust::TrustBundle;

use crate::pace::PollTerms;

/// Certificates per second, where the pace is left to Service Quotas: what AWS IoT grants an account by
/// default. The gauge learns a slower rate from the queue.
const DEFAULT_ISSUES: u32 = 10;

/// The door's configuration.
#[derive(Clone, Debug)]
pub struct IngestConfig {
    /// The device table's name.
    pub table: String,
    /// The table of what may happen only once.
    pub guard_table: String,
    /// The work queue.
    pub queue_url: String,
    /// The bucket of staged bundles.
    pub bucket: String,
    /// What the door tells devices.
    pub terms: Terms,
    /// The roots that devices are told to trust.
    pub trust: TrustBundle,
    /// The CloudWatch namespace of its metrics.
    pub namespace: String,
}

/// What the door tells devices about time, and what one that was served may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a bundle's URL lives.
    pub presign: Duration,
    /// What waiting devices are told.
    pub poll: PollTerms,
    /// What a device that was served may have by asking again.
    pub reprovision: ReprovisionTerms,
    /// Whether the table may hold stretched secrets. Then every plain token is stretched, known or not.
    pub weak_secrets: bool,
    /// How long a call of a published machine waits for its certificate; none are answered without it.
    pub legacy: Option<Duration>,
}

impl IngestConfig {
    /// Reads the variables; a missing, malformed or unknown one is refused by name.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let trust = trust(&mut env)?;
        let config = Self {
            table: env.text("CVM_TABLE")?,
            guard_table: env.text("CVM_GUARD_TABLE")?,
            queue_url: env.text("CVM_QUEUE_URL")?,
            bucket: env.text("CVM_BUCKET")?,
            terms: Terms::from_env(&mut env)?,
            trust,
            namespace: env.text("CVM_METRICS_NAMESPACE")?,
        };
        env.finish()?;
        Ok(config)
    }
}

impl Terms {
    /// Reads these variables.
    pub fn from_env(env: &mut Env) -> Result<Self, ConfigError> {
        Ok(Self {
            presign: Duration::from_secs(env.number("CVM_PRESIGN_SECONDS", 10..=120)?),
            poll: poll(env)?,
            reprovision: reprovision(env)?,
            weak_secrets: env.choice("CVM_WEAK_SECRETS", ["refuse", "stretch"])? == "stretch",
            legacy: legacy(env)?,
        })
    }
}

/// The roots that devices are told to trust: those of the partition, and the operator's own.
pub fn trust(env: &mut Env) -> Result<TrustBundle, ConfigError> {
    let extra = env.optional("CVM_TRUST_ANCHORS_PEM").unwrap_or_default();
    let partition = env.text("CVM_PARTITION")?;
    TrustBundle::of_partition(&partition, &extra).map_err(|refusal| ConfigError::Malformed {
        name: "CVM_TRUST_ANCHORS_PEM",
        rule: refusal.rule,
    })
}

fn poll(env: &mut Env) -> Result<PollTerms, ConfigError> {
    Ok(PollTerms {
        least_seconds: env.number("CVM_POLL_SECONDS", 1..=3600)?,
        polls_per_second: env.number("CVM_POLLS_PER_SECOND", 1..=10_000)?,
        issues_per_second: match env.number("CVM_IOT_RATE", 0..=10_000)? {
            0 => DEFAULT_ISSUES,
            told => told,
        },
    })
}

/// The wait is read in any case: a malformed one must not show only when the calls are switched on.
fn legacy(env: &mut Env) -> Result<Option<Duration>, ConfigError> {
    let on = env.choice("CVM_LEGACY_API", ["off", "on"])? == "on";
    let wait = Duration::from_secs(env.number("CVM_LEGACY_WAIT_SECONDS", 1..=25)?);
    Ok(on.then_some(wait))
}

fn reprovision(env: &mut Env) -> Result<ReprovisionTerms, ConfigError> {
    const NAME: &str = "CVM_REPROVISION";
    let default = Reprovision::parse(&env.text(NAME)?);
    Ok(ReprovisionTerms {
        default: default.map_err(|refusal| ConfigError::Malformed {
            name: NAME,
            rule: refusal.rule,
        })?,
        grace: Duration::from_hours(env.number("CVM_GRACE_HOURS", 1..=720)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &[(&str, &str)]) -> Result<IngestConfig, String> {
        let mut vars = vec![
            ("CVM_TABLE", "t"),
            ("CVM_GUARD_TABLE", "g"),
            ("CVM_WEAK_SECRETS", "refuse"),
            ("CVM_QUEUE_URL", "q"),
            ("CVM_BUCKET", "b"),
            ("CVM_PRESIGN_SECONDS", "120"),
            ("CVM_PARTITION", "aws"),
            ("CVM_POLL_SECONDS", "2"),
            ("CVM_POLLS_PER_SECOND", "100"),
            ("CVM_IOT_RATE", "0"),
            ("CVM_REPROVISION", "redeliver"),
            ("CVM_GRACE_HOURS", "24"),
            ("CVM_LEGACY_API", "off"),
            ("CVM_LEGACY_WAIT_SECONDS", "20"),
            ("CVM_METRICS_NAMESPACE", "CVM"),
        ];
        vars.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let vars = vars
            .iter()
            .chain(changes)
            .filter(|(_, value)| *value != "-");
        let vars = vars.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        IngestConfig::from_env(Env::new(vars)).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn bad_environments_are_refused_by_name() {
        assert!(with(&[]).is_ok());
        for (name, value, rule) in [
            (
                "CVM_TABLE",
                "-",
                "environment variable CVM_TABLE is missing",
            ),
            (
                "CVM_PRESIGN_SECONDS",
                "121",
                "environment variable CVM_PRESIGN_SECONDS must be a number from 10 to 120",
            ),
            (
                "CVM_TRUST_ANCHORS_PEM",
                "rubbish",
                "environment variable CVM_TRUST_ANCHORS_PEM holds no PEM block",
            ),
            (
                "CVM_REPROVISION",
                "always",
                "environment variable CVM_REPROVISION must be never, redeliver or replace",
            ),
            (
                "CVM_LEGACY_API",
                "true",
                "environment variable CVM_LEGACY_API must be off or on",
            ),
            (
                "CVM_LEGACY_WAIT_SECONDS",
                "26",
                "environment variable CVM_LEGACY_WAIT_SECONDS must be a number from 1 to 25",
            ),
            (
                "CVM_POLL_SECOND",
                "2",
                "unknown environment variable CVM_POLL_SECOND",
            ),
        ] {
            assert_eq!(with(&[(name, value)]).unwrap_err(), rule);
        }
    }

    #[test]
    fn the_legacy_calls_are_off_unless_they_are_switched_on() {
        assert_eq!(with(&[]).unwrap().terms.legacy, None);
        let on = with(&[("CVM_LEGACY_API", "on")]).unwrap().terms.legacy;
        assert_eq!(on, Some(Duration::from_secs(20)));
    }
}
