//! What the worker is told by its environment.

use std::num::NonZeroU32;
use std::time::Duration;

use cvm_aws::config::ConfigError;
use cvm_aws::config::Env;

/// The worker's configuration.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The device table's name.
    pub table: String,
    /// The work queue.
    pub queue_url: String,
    /// Where poison messages are parked.
    pub dead_letters_url: String,
    /// The bucket of staged bundles.
    pub bucket: String,
    /// The KMS key that bundles are encrypted with.
    pub kms_key: String,
    /// How long a claim lasts; longer than one run, so that only a dead worker loses it.
    pub lease: Duration,
    /// How long one run may last (the function's timeout).
    pub run: Duration,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// After how many receives the queue itself moves a message to the dead letters.
    pub max_receives: u32,
    /// AWS IoT calls per second, for each rate-bound API and each running worker.
    pub iot_rate: NonZeroU32,
}

impl WorkerConfig {
    /// Reads the variables; a missing, malformed or unknown one is refused by name.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let config = Self {
            table: env.text("CVM_TABLE")?,
            queue_url: env.text("CVM_QUEUE_URL")?,
            dead_letters_url: env.text("CVM_DEAD_LETTER_QUEUE_URL")?,
            bucket: env.text("CVM_BUCKET")?,
            kms_key: env.text("CVM_KMS_KEY_ARN")?,
            lease: Duration::from_secs(env.number("CVM_LEASE_SECONDS", 10..=1800)?),
            run: Duration::from_secs(env.number("CVM_RUN_SECONDS", 10..=900)?),
            visibility: Duration::from_secs(env.number("CVM_VISIBILITY_SECONDS", 60..=43_200)?),
            max_receives: env.number("CVM_MAX_RECEIVES", 2..=1000)?,
            iot_rate: NonZeroU32::MIN.saturating_add(env.number("CVM_IOT_RATE", 1..=10_000)? - 1),
        };
        env.finish()?;
        config.check()?;
        Ok(config)
    }

    /// Times that must not overlap: a message must not come back, nor a rival claim its row, while
    /// the run that holds it can still be alive. Six runs of visibility is the event source's rule.
    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |name, rule: &str| {
            Err(ConfigError::Malformed {
                name,
                rule: rule.to_owned(),
            })
        };
        if self.lease <= self.run {
            return refuse("CVM_LEASE_SECONDS", "must be more than CVM_RUN_SECONDS");
        }
        if self.visibility < self.run * 6 {
            return refuse(
                "CVM_VISIBILITY_SECONDS",
                "must be at least six times CVM_RUN_SECONDS",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Vec<(String, String)> {
        [
            ("CVM_TABLE", "t"),
            ("CVM_QUEUE_URL", "q"),
            ("CVM_DEAD_LETTER_QUEUE_URL", "d"),
            ("CVM_BUCKET", "b"),
            ("CVM_KMS_KEY_ARN", "k"),
            ("CVM_LEASE_SECONDS", "45"),
            ("CVM_RUN_SECONDS", "30"),
            ("CVM_VISIBILITY_SECONDS", "180"),
            ("CVM_MAX_RECEIVES", "5"),
            ("CVM_IOT_RATE", "5"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    #[test]
    fn a_full_environment_is_read() {
        let config = WorkerConfig::from_env(Env::new(full())).unwrap();
        assert_eq!(config.iot_rate.get(), 5);
        assert_eq!(config.lease, Duration::from_secs(45));
    }

    fn changed(name: &str, value: &str) -> String {
        let mut vars = full();
        vars.retain(|(known, _)| known != name);
        vars.push((name.to_owned(), value.to_owned()));
        WorkerConfig::from_env(Env::new(vars))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn times_that_would_overlap_are_refused() {
        assert_eq!(
            changed("CVM_LEASE_SECONDS", "30"),
            "environment variable CVM_LEASE_SECONDS must be more than CVM_RUN_SECONDS"
        );
        assert_eq!(
            changed("CVM_VISIBILITY_SECONDS", "179"),
            "environment variable CVM_VISIBILITY_SECONDS must be at least six times CVM_RUN_SECONDS"
        );
    }

    #[test]
    fn each_variable_is_needed_and_named_when_it_is_missing() {
        for left_out in 0..full().len() {
            let mut vars = full();
            let (name, _) = vars.remove(left_out);
            let refusal = WorkerConfig::from_env(Env::new(vars)).unwrap_err();
            assert_eq!(
                refusal.to_string(),
                format!("environment variable {name} is missing")
            );
        }
    }
}
