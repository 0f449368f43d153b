//! How much of each quota was used while there was something to use it for.

use crate::account::Account;
use crate::account::Call;
use crate::account::Usage;
use crate::account::span_seconds;
use crate::plan::Plan;

/// What was so when there was a full batch for every worker for the last time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauge {
    at_millis: u64,
    usage: [Usage; Call::ALL.len()],
    vended: u64,
}

impl Gauge {
    /// There still is a backlog: all until now counts.
    pub fn look(&mut self, account: &Account, vended: u64, at_millis: u64) {
        self.at_millis = at_millis;
        self.usage = account.usage();
        self.vended = vended;
    }

    /// How long there was a backlog that began at this moment, in seconds.
    pub fn backlog_seconds(&self, begin_millis: u64) -> f64 {
        span_seconds(begin_millis, self.at_millis)
    }

    /// Devices per second that were vended while there was one.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn drained_per_second(&self, begin_millis: u64) -> Option<f64> {
        let seconds = self.backlog_seconds(begin_millis);
        (seconds > 0.0).then(|| self.vended as f64 / seconds)
    }

    /// The tokens taken after the first one, of those that flowed since then; `None` of a call that is not made, or
    /// without a backlog.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn share(&self, call: Call, plan: &Plan) -> Option<f64> {
        let usage = self.usage[call as usize];
        let seconds = span_seconds(usage.first_millis?, self.at_millis);
        let flowed = call.quota(plan) * seconds;
        (flowed > 0.0).then(|| usage.tokens.saturating_sub(1) as f64 / flowed)
    }
}
