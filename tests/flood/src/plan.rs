//! What is simulated.

use cvm_ingest::pace::PollTerms;

/// How devices learn when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// As the door tells them.
    Paced,
    /// So many seconds each time, whatever the backlog.
    Fixed(u64),
}

/// A fleet, the account that it meets, and how it behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many devices.
    pub devices: u32,
    /// Seconds over which they first submit, evenly.
    pub window_seconds: u64,
    /// How they wait.
    pub waiting: Waiting,
    /// Percent of them that ask every two seconds, whatever they are told.
    pub rude_percent: f64,
    /// What the door holds them to.
    pub terms: PollTerms,
    /// Door processes, each with its own gauge.
    pub doors: usize,
    /// How many seconds the queue's depth lags behind.
    pub depth_lag_seconds: u64,
    /// Requests per second that the gateway lets through.
    pub gateway_per_second: u64,
    /// Requests that it lets through at once.
    pub gateway_burst: u64,
    /// Of how many such fleets and accounts this is one part: all rates are divided by it.
    pub parts: u32,
    /// Where all chance comes from.
    pub seed: u64,
}

/// The quotas of a new account, and the pace that the stack has by default.
impl Default for Plan {
    fn default() -> Self {
        Self {
            devices: 1_000_000,
            window_seconds: 60,
            waiting: Waiting::Paced,
            rude_percent: 0.0,
            terms: PollTerms {
                least_seconds: 2,
                polls_per_second: 500,
                issues_per_second: 10,
            },
            doors: 16,
            depth_lag_seconds: 10,
            gateway_per_second: 10_000,
            gateway_burst: 5_000,
            parts: 1,
            seed: 1,
        }
    }
}

/// How many devices are enough to see what all of them would do.
const SAMPLE: u32 = 10_000;
/// The time that stragglers need after the last refusal: twice the longest pause of their back-off.
const STRAGGLE_SECONDS: u64 = 120;

impl Plan {
    /// Seconds from the first submission on that count as the initial storm: twice what the gateway
    /// needs to let each device in once, and some for those that it sent away.
    pub fn storm_seconds(&self) -> u64 {
        let entry =
            u64::from(self.devices) * u64::from(self.parts) / self.gateway_per_second.max(1);
        self.window_seconds + 2 * entry + STRAGGLE_SECONDS + self.depth_lag_seconds
    }

    /// The same with fixed polling, as one part of many: devices and quotas are divided alike, so that
    /// queues are as long in time and as few requests get through. (How many are refused beside them is
    /// less certain: few devices fall out of step sooner than many.)
    #[must_use]
    pub fn with_fixed_sample(&self, seconds: u64) -> Self {
        let parts = self.devices.div_ceil(SAMPLE).max(1);
        Self {
            devices: self.devices / parts,
            waiting: Waiting::Fixed(seconds),
            parts,
            ..self.clone()
        }
    }
}
