//! What happens in a burst.

use std::time::Duration;

use cvm_standin::Api;
use cvm_standin::FaultOptions;
use cvm_standin::Limit;
use cvm_standin::Options;
use cvm_standin::Quotas;

use crate::gauge::RATE_BOUND;
use crate::lane::LaneOptions;
use crate::poller::Loss;

/// What happens in a burst.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many devices ask.
    pub devices: usize,
    /// The fraction of them that have their key made for them.
    pub keys: f64,
    /// How often the rate-bound APIs may be called per second; none: AWS's defaults.
    pub bucket: Option<f64>,
    /// The fraction of AWS IoT calls that are throttled beside the quota.
    pub throttle: f64,
    /// How often a busy worker is killed, if ever.
    pub kill_every: Option<Duration>,
    /// The fraction of messages that are delivered twice.
    pub duplicate: f64,
    /// After how many kills it is enough, if ever.
    pub kills_most: Option<usize>,
    /// How long a message stays hidden, in seconds. The worker is told the least that it accepts for its runs: where
    /// this is less, time passes faster for messages whose worker is dead. Above a lease, nothing else changes.
    pub visibility_seconds: u64,
    /// How long a worker's run may take, in seconds.
    pub run_seconds: u64,
    /// How long a claim lasts, in seconds.
    pub lease_seconds: u64,
    /// What becomes of a dead worker's messages.
    pub loss: Loss,
    /// How many batches are worked on at once (`MaximumConcurrency`).
    pub workers: usize,
    /// How many messages a batch holds at most (`BatchSize`).
    pub batch: usize,
    /// The least seconds between two polls of a device.
    pub poll_seconds: u64,
    /// How long it may take.
    pub limit: Duration,
    /// The seed of what is left to chance.
    pub seed: u64,
}

impl Plan {
    /// The quotas of the account.
    pub fn quotas(&self) -> Quotas {
        let defaults = Quotas::aws_defaults();
        let Some(rate) = self.bucket else {
            return defaults;
        };
        let limit = |quotas: Quotas, api: Api| {
            let usual = quotas.limit(api).map_or(0.0, |limit| limit.per_second);
            let wanted = if RATE_BOUND.contains(&api) {
                rate
            } else {
                usual.max(rate)
            };
            quotas.with(api, Some(Limit::per_second(wanted)))
        };
        Api::ALL.into_iter().fold(defaults, limit)
    }

    /// The stand-in for AWS that goes with it.
    pub fn stand_in(&self) -> Options {
        let faults = FaultOptions {
            throttle: self.throttle,
            ..FaultOptions::default()
        };
        Options {
            quotas: self.quotas(),
            faults,
            seed: self.seed,
            ..Options::default()
        }
    }

    /// So many messages must wait for it to count as a backlog: with less, not every worker has a full batch to take,
    /// and nobody could use the quota.
    pub(crate) fn backlog(&self) -> usize {
        self.workers * self.batch
    }

    pub(crate) fn lane(&self, on_emulator: bool) -> LaneOptions {
        LaneOptions {
            run_seconds: self.run_seconds,
            lease_seconds: self.lease_seconds,
            visibility_seconds: self.visibility_seconds.max(6 * self.run_seconds),
            // The stand-in answers for Service Quotas too.
            iot_rate: if on_emulator { 100 } else { 0 },
            creates_per_day: 100,
            poll_seconds: self.poll_seconds,
            workers: self.workers,
            batch: self.batch,
            duplicate: self.duplicate,
            loss: self.loss,
            proxied: on_emulator,
            seed: self.seed,
            ..LaneOptions::default()
        }
    }
}
