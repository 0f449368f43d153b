//! How much of each API's quota was used while there was something to use it for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use cvm_shared::time::UnixMillis;
use cvm_standin::Account;
use cvm_standin::Api;
use cvm_standin::Quotas;

use crate::runtime::locked;
use crate::serve::Task;

/// The APIs that bound the rate of issuing.
pub const RATE_BOUND: [Api; 4] = [
    Api::CreateCertificateFromCsr,
    Api::CreateKeysAndCertificate,
    Api::AttachPolicy,
    Api::UpdateCertificate,
];

/// How often it looks.
const EVERY: Duration = Duration::from_millis(1000 / LOOKS_PER_SECOND as u64);
const LOOKS_PER_SECOND: usize = 5;

/// What one look sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When, in milliseconds.
    pub at: UnixMillis,
    /// How many messages wait for a worker.
    pub waiting: usize,
    /// The tokens that were taken so far, by API.
    pub tokens: BTreeMap<Api, u64>,
}

/// A gauge at work. Dropping it ends it.
#[derive(Debug)]
pub struct Gauge {
    looks: Arc<Mutex<Vec<Look>>>,
    _task: Task,
}

impl Gauge {
    /// Watches the account's work queue and its quotas.
    pub fn start(account: Account) -> Self {
        let queue = account.clone();
        Self::start_with(account, move || {
            std::future::ready(queue.queue_depth().visible)
        })
    }

    /// The same with a queue elsewhere: `waiting` says how many messages wait for a worker.
    pub fn start_with<W, F>(account: Account, waiting: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = usize> + Send,
    {
        let looks: Arc<Mutex<Vec<Look>>> = Arc::default();
        let seen = looks.clone();
        let task = Task::spawn(async move {
            loop {
                let waiting = waiting().await;
                locked(&seen).push(look(&account, waiting));
                SystemClock.sleep(EVERY).await;
            }
        });
        Self { looks, _task: task }
    }

    /// What it saw about once a second, from its first look on.
    pub fn timeline(&self) -> Vec<Look> {
        let looks = locked(&self.looks);
        looks.iter().step_by(LOOKS_PER_SECOND).cloned().collect()
    }

    /// The share of each rate-bound API's quota that was used while at least `backlog` messages waited.
    pub fn shares(&self, quotas: &Quotas, backlog: usize) -> BTreeMap<Api, f64> {
        let looks = locked(&self.looks);
        let limit = |api: Api| Some((api, quotas.limit(api)?.per_second));
        let limits = RATE_BOUND.into_iter().filter_map(limit);
        limits
            .filter_map(|(api, rate)| Some((api, share(&looks, api, rate, backlog)?)))
            .collect()
    }
}

fn look(account: &Account, waiting: usize) -> Look {
    Look {
        at: SystemClock.now(),
        waiting,
        tokens: RATE_BOUND
            .map(|api| (api, account.usage(api).tokens))
            .into(),
    }
}

/// The tokens taken while at least `backlog` messages waited, of those that flowed in then; from the first token on,
/// for before it the workers were only being started.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn share(looks: &[Look], api: Api, rate: f64, backlog: usize) -> Option<f64> {
    let tokens = |look: &Look| look.tokens.get(&api).copied().unwrap_or_default();
    let (mut taken, mut seconds) = (0, 0.0);
    for pair in looks.windows(2) {
        let [one, next] = pair else { continue };
        if one.waiting >= backlog && tokens(next) > 0 {
            taken += tokens(next) - tokens(one);
            seconds += next.at.since(one.at).as_secs_f64();
        }
    }
    (seconds > 0.0).then(|| taken as f64 / (rate * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: u64, waiting: usize, tokens: u64) -> Look {
        Look {
            at: UnixMillis(at),
            waiting,
            tokens: [(Api::AttachPolicy, tokens)].into(),
        }
    }

    #[test]
    fn only_the_time_counts_in_which_there_is_a_backlog() {
        let looks = [
            look(0, 50, 0),
            look(5_000, 50, 0),
            look(6_000, 50, 10),
            look(7_000, 19, 15),
            look(90_000, 0, 16),
        ];
        let share = share(&looks, Api::AttachPolicy, 10.0, 20).unwrap();
        assert!((share - 0.75).abs() < 1e-9, "{share}");
    }

    #[test]
    fn without_a_backlog_there_is_no_share() {
        assert_eq!(
            share(&[look(0, 0, 0), look(1, 0, 9)], Api::AttachPolicy, 1.0, 1),
            None
        );
    }
}
