//! What worker and janitor are told by their environment.

use std::time::Duration;

use cvm_aws::config::ConfigError;
use cvm_aws::config::Env;

use crate::chores::CareTerms;
use crate::rates::RateSource;
use crate::run::WorkTerms;
use crate::sweep::SweepTerms;

const DAY: Duration = Duration::from_hours(24);
/// How often the order of a stuck row is sent again before it is given up.
const RESENDS: u32 = 3;
/// How long a superseded certificate stays INACTIVE before it is deleted.
const KEEP_INACTIVE: Duration = Duration::from_hours(1);

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
    /// How long things last, and how often they are tried.
    pub runs: RunTerms,
    /// How fast AWS IoT may be called by all workers together.
    pub rate: RateSource,
    /// How many workers may run at once (MaximumConcurrency).
    pub workers: u32,
    /// The CloudWatch namespace of its metrics.
    pub namespace: String,
}

/// How long things last in a worker, whatever host it runs on, and how often they are tried.
#[derive(Clone, Copy, Debug)]
pub struct RunTerms {
    /// How long things last: claims longer than one run, so that only a dead worker loses one.
    pub terms: WorkTerms,
    /// How long one run may last (the function's timeout).
    pub run: Duration,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// After how many receives a fault is final. The queue itself gives up later (its
    /// `maxReceiveCount`): that count is for messages whose workers die.
    pub max_receives: u32,
}

/// `CVM_IOT_RATE`: calls per second, or 0 for what Service Quotas says.
pub fn rate(env: &mut Env) -> Result<RateSource, ConfigError> {
    Ok(match env.number::<u32>("CVM_IOT_RATE", 0..=10_000)? {
        0 => RateSource::ServiceQuotas,
        fixed => RateSource::Fixed(fixed.into()),
    })
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
            runs: RunTerms::from_env(&mut env)?,
            rate: rate(&mut env)?,
            workers: env.number("CVM_WORKERS", 1..=1000)?,
            namespace: env.text("CVM_METRICS_NAMESPACE")?,
        };
        env.finish()?;
        Ok(config)
    }
}

impl RunTerms {
    /// Reads these variables, and refuses times that would overlap.
    pub fn from_env(env: &mut Env) -> Result<Self, ConfigError> {
        let terms = Self {
            terms: WorkTerms {
                lease: Duration::from_secs(env.number("CVM_LEASE_SECONDS", 10..=1800)?),
                bundle_wait: DAY * env.number("CVM_BUNDLE_DAYS", 1..=30)?,
                creates_per_day: env.number("CVM_CREATES_PER_DAY", 1..=1000)?,
            },
            run: Duration::from_secs(env.number("CVM_RUN_SECONDS", 10..=900)?),
            visibility: Duration::from_secs(env.number("CVM_VISIBILITY_SECONDS", 60..=43_200)?),
            max_receives: env.number("CVM_MAX_RECEIVES", 2..=1000)?,
        };
        terms.check()?;
        Ok(terms)
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
        if self.terms.lease <= self.run {
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

/// What the janitor may do, and how patient it is, whatever host it runs on.
pub fn sweep_terms(env: &mut Env, rate: RateSource) -> Result<SweepTerms, ConfigError> {
    Ok(SweepTerms {
        care: CareTerms {
            stuck_after: Duration::from_secs(env.number("CVM_STUCK_SECONDS", 60..=86_400)?),
            resends: RESENDS,
            keep_inactive: KEEP_INACTIVE,
        },
        rate: match rate {
            RateSource::Fixed(rate) => rate,
            RateSource::ServiceQuotas => 10.0,
        },
        report_only: env.choice("CVM_ORPHANS", ["delete", "report"])? == "report",
        account_is_ours: env.choice("CVM_ACCOUNT_IS_OURS", ["true", "false"])? == "true",
    })
}

/// The janitor's configuration.
#[derive(Clone, Debug)]
pub struct JanitorConfig {
    /// The device table's name.
    pub table: String,
    /// The work queue.
    pub queue_url: String,
    /// The bucket of staged bundles.
    pub bucket: String,
    /// How fast AWS IoT may be called in all.
    pub rate: RateSource,
    /// The CloudWatch namespace of its metrics.
    pub namespace: String,
    /// What it may do, and how patient it is.
    pub terms: SweepTerms,
}

impl JanitorConfig {
    /// Reads the variables; a missing, malformed or unknown one is refused by name.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let rate = rate(&mut env)?;
        let config = Self {
            table: env.text("CVM_TABLE")?,
            queue_url: env.text("CVM_QUEUE_URL")?,
            bucket: env.text("CVM_BUCKET")?,
            namespace: env.text("CVM_METRICS_NAMESPACE")?,
            terms: sweep_terms(&mut env, rate)?,
            rate,
        };
        env.finish()?;
        Ok(config)
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
            ("CVM_WORKERS", "4"),
            ("CVM_METRICS_NAMESPACE", "CVM"),
            ("CVM_BUNDLE_DAYS", "7"),
            ("CVM_CREATES_PER_DAY", "12"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    #[test]
    fn a_full_environment_is_read() {
        let config = WorkerConfig::from_env(Env::new(full())).unwrap();
        assert_eq!(config.rate, RateSource::Fixed(5.0));
        assert_eq!(config.runs.terms.lease, Duration::from_secs(45));
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
    fn a_janitor_reads_its_own() {
        let vars = |orphans: &str| {
            let pairs = [
                ("CVM_TABLE", "t"),
                ("CVM_QUEUE_URL", "q"),
                ("CVM_BUCKET", "b"),
                ("CVM_IOT_RATE", "0"),
                ("CVM_METRICS_NAMESPACE", "CVM"),
                ("CVM_STUCK_SECONDS", "900"),
                ("CVM_ORPHANS", orphans),
                ("CVM_ACCOUNT_IS_OURS", "false"),
            ];
            Env::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
        };
        let config = JanitorConfig::from_env(vars("report")).unwrap();
        assert!(config.terms.report_only && !config.terms.account_is_ours);
        assert_eq!(config.rate, RateSource::ServiceQuotas);
        let refusal = JanitorConfig::from_env(vars("yes")).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "environment variable CVM_ORPHANS must be delete or report"
        );
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
