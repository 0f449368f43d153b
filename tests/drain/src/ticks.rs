//! Virtual time for the pacer's limiter.

use std::time::Duration;

use cvm_sim::time::Time;
use governor::clock::Clock;
use governor::nanos::Nanos;

/// The limiter's clock. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Ticks(pub Time);

impl Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Duration::from_millis(self.0.now()).into()
    }
}
