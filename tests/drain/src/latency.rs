//! How long each call takes: mostly about the average, now and then far longer.

use std::time::Duration;

use cvm_sim::dice::Dice;
use cvm_sim::time::Time;

use crate::plan::Latencies;

/// The part of the calls that is slow, and how many times as long those take.
const SLOW_PART: f64 = 0.01;
const SLOW_TIMES: f64 = 5.0;
/// What all others take at least, as a part of the average, and how much is spread on top.
const LEAST: f64 = 0.6;
const SPREAD: f64 = 0.8;

/// Services that are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The device table.
    Table,
    /// The bucket.
    Vault,
    /// The queue.
    Queue,
    /// AWS IoT.
    Iot,
}

/// The network and what is behind it. Clones draw from the same dice.
#[derive(Clone, Debug)]
pub struct Latency {
    time: Time,
    dice: Dice,
    latencies: Latencies,
}

impl Latency {
    /// Calls that take so long on average.
    pub fn new(time: Time, dice: Dice, latencies: Latencies) -> Self {
        Self {
            time,
            dice,
            latencies,
        }
    }

    /// Waits for as long as one call takes.
    pub async fn of(&self, service: Service) {
        let span = drawn(&self.dice, &self.latencies, service);
        self.time.sleep(span).await;
    }
}

/// How long one call takes.
pub fn drawn(dice: &Dice, latencies: &Latencies, service: Service) -> Duration {
    let average = match service {
        Service::Table => latencies.table_millis,
        Service::Vault => latencies.vault_millis,
        Service::Queue => latencies.queue_millis,
        Service::Iot => latencies.iot_millis,
    };
    let times = if dice.chance(SLOW_PART) {
        SLOW_TIMES
    } else {
        LEAST + SPREAD * dice.part()
    };
    Duration::from_secs_f64(average * times / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_take_what_the_plan_says_on_average() {
        let (dice, latencies) = (Dice::new(3), Latencies::default());
        let all = (0..20_000).map(|_| drawn(&dice, &latencies, Service::Iot));
        let average = all.sum::<Duration>().as_secs_f64() / 20_000.0;
        assert!((average / 0.0624 - 1.0).abs() < 0.02, "{average}");
    }
}
