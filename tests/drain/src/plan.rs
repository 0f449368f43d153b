//! What is simulated.

use std::time::Duration;

use cvm_worker::run::WorkTerms;

/// How long a call to each service takes, on average, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latencies {
    /// A read or a write of the device table.
    pub table_millis: f64,
    /// Putting a bundle into the bucket.
    pub vault_millis: f64,
    /// A call to the queue, by the worker or by its event source.
    pub queue_millis: f64,
    /// A call to AWS IoT.
    pub iot_millis: f64,
}

impl Latencies {
    /// The same, so many times as long.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            table_millis: self.table_millis * factor,
            vault_millis: self.vault_millis * factor,
            queue_millis: self.queue_millis * factor,
            iot_millis: self.iot_millis * factor,
        }
    }
}

/// Within one AWS region.
impl Default for Latencies {
    fn default() -> Self {
        Self {
            table_millis: 5.0,
            vault_millis: 25.0,
            queue_millis: 8.0,
            iot_millis: 60.0,
        }
    }
}

/// A backlog, the workers that drain it and the account that they meet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Devices of one batch, all of which wait from the beginning.
    pub devices: u32,
    /// Devices that ask by themselves while the batch is worked on, evenly over its middle.
    pub line_devices: u32,
    /// How many workers run at once (MaximumConcurrency).
    pub workers: u32,
    /// How many messages a worker is handed at once (`BatchSize`).
    pub batch: u32,
    /// AWS IoT's quotas, as a multiple of the defaults.
    pub quota_scale: f64,
    /// How fast the workers believe that they may call, as a multiple of the quotas. Anything but 1 is a fault.
    pub pace_scale: f64,
    /// The part of the devices whose keys AWS IoT makes.
    pub keys: f64,
    /// The part of the calls to AWS IoT that a neighbour in the account takes from us.
    pub throttle: f64,
    /// Whether the queue lets devices that ask by themselves go before the batch, as an SQS fair queue does.
    pub is_fair: bool,
    /// How long calls take.
    pub latencies: Latencies,
    /// How long a worker's run may last.
    pub run: Duration,
    /// How long a message that was handed out stays hidden.
    pub visibility: Duration,
    /// After how many deliveries a fault is final.
    pub max_receives: u32,
    /// The worker's own terms.
    pub terms: WorkTerms,
    /// Up to how many devices are simulated one by one; more are reckoned.
    pub simulated_most: u32,
    /// Where all chance comes from.
    pub seed: u64,
}

/// The template's parameters as they are by default, and the quotas of a new account.
impl Default for Plan {
    fn default() -> Self {
        Self {
            devices: 10_000,
            line_devices: 20,
            workers: 4,
            batch: 10,
            quota_scale: 1.0,
            pace_scale: 1.0,
            keys: 0.0,
            throttle: 0.0,
            is_fair: true,
            latencies: Latencies::default(),
            run: Duration::from_secs(30),
            visibility: Duration::from_mins(3),
            max_receives: 10,
            terms: WorkTerms {
                lease: Duration::from_secs(45),
                bundle_wait: Duration::from_hours(24),
                creates_per_day: 12,
            },
            simulated_most: 1_000_000,
            seed: 1,
        }
    }
}

impl Plan {
    /// Devices of both kinds.
    pub fn all(&self) -> u32 {
        self.devices + self.line_devices
    }

    /// How many messages the workers hold if each has a full batch.
    pub fn hands(&self) -> u32 {
        self.workers * self.batch
    }
}
