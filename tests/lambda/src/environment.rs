//! What the functions are told by their environment: the template's variables, in one place.

use std::path::Path;

use crate::backend::MAX_RECEIVES;
use crate::backend::Names;
use crate::backend::Queues;
use crate::lane::LaneOptions;

/// Where a function is and what it works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    /// All of AWS, or a proxy before it.
    pub(crate) endpoint: &'a str,
    pub(crate) names: &'a Names,
    pub(crate) queues: &'a Queues,
    /// Whether each function signs with a key id of its own, so that its calls are told from the others'.
    pub(crate) named: bool,
    /// The file with the authority to trust, if AWS is behind TLS.
    pub(crate) trust: Option<&'a Path>,
}

impl Surroundings<'_> {
    fn common(&self, role: &str) -> Vec<(&'static str, String)> {
        let mut told = vec![
            ("AWS_ENDPOINT_URL", self.endpoint.to_owned()),
            ("CVM_BUCKET", self.names.bucket.clone()),
            ("CVM_METRICS_NAMESPACE", "cvm".to_owned()),
            ("CVM_QUEUE_URL", self.queues.work.clone()),
            ("CVM_TABLE", self.names.table.clone()),
        ];
        let trust = self.trust.and_then(Path::to_str);
        told.extend(trust.map(|file| ("SSL_CERT_FILE", file.to_owned())));
        if self.named {
            told.push(("AWS_ACCESS_KEY_ID", role.to_owned()));
        }
        told
    }

    /// For the function behind the API.
    pub(crate) fn ingest(&self, options: &LaneOptions) -> Vec<(String, String)> {
        let mut told = self.common("IngestRole");
        told.extend([
            ("CVM_GRACE_HOURS", "24".to_owned()),
            ("CVM_GUARD_TABLE", self.names.guard.clone()),
            ("CVM_IOT_RATE", options.iot_rate.to_string()),
            ("CVM_LEGACY_API", "off".to_owned()),
            ("CVM_LEGACY_WAIT_SECONDS", "20".to_owned()),
            ("CVM_PARTITION", "aws".to_owned()),
            ("CVM_POLL_SECONDS", options.poll_seconds.to_string()),
            ("CVM_POLLS_PER_SECOND", "100".to_owned()),
            ("CVM_PRESIGN_SECONDS", "120".to_owned()),
            ("CVM_REPROVISION", "redeliver".to_owned()),
            ("CVM_WEAK_SECRETS", "refuse".to_owned()),
        ]);
        owned(told)
    }

    /// For the function behind the queue.
    pub(crate) fn worker(&self, options: &LaneOptions) -> Vec<(String, String)> {
        let mut told = self.common("WorkerRole");
        told.extend([
            ("CVM_BUNDLE_DAYS", "7".to_owned()),
            ("CVM_CREATES_PER_DAY", options.creates_per_day.to_string()),
            ("CVM_DEAD_LETTER_QUEUE_URL", self.queues.dead.clone()),
            ("CVM_IOT_RATE", options.iot_rate.to_string()),
            ("CVM_KMS_KEY_ARN", self.names.key_arn.clone()),
            ("CVM_LEASE_SECONDS", options.lease_seconds.to_string()),
            ("CVM_MAX_RECEIVES", MAX_RECEIVES.to_string()),
            ("CVM_RUN_SECONDS", options.run_seconds.to_string()),
            (
                "CVM_VISIBILITY_SECONDS",
                options.visibility_seconds.to_string(),
            ),
            ("CVM_WORKERS", options.workers.to_string()),
        ]);
        owned(told)
    }

    /// For the function on the schedule, in an account that nobody else uses.
    pub(crate) fn janitor(&self) -> Vec<(String, String)> {
        let mut told = self.common("JanitorRole");
        told.extend([
            ("CVM_ACCOUNT_IS_OURS", "true".to_owned()),
            // It takes a tenth of this; nothing else runs beside it.
            ("CVM_IOT_RATE", "10000".to_owned()),
            ("CVM_ORPHANS", "delete".to_owned()),
            ("CVM_STUCK_SECONDS", "3600".to_owned()),
        ]);
        owned(told)
    }
}

fn owned(told: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    let told = told.into_iter();
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}
