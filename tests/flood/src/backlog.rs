//! The queue and the account that issues: orders are served one after another at the account's rate.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use cvm_shared::failure::Failure;
use cvm_shared::ports::Depth;

use crate::plan::Plan;

/// How long it takes from the create call until the device's row says so.
const VENDING_MICROS: u64 = 1_000_000;

/// The orders, in the order in which they came.
#[derive(Debug)]
pub struct Backlog {
    period_micros: u64,
    free_at_micros: u64,
    /// When each order is done, in milliseconds; rising.
    done_at: Vec<u64>,
    /// How many of them are done.
    done: usize,
    /// The depth at the beginning of each second.
    depths: Vec<u32>,
    lag_seconds: u64,
    readings: AtomicU64,
}

impl Backlog {
    /// An empty queue.
    pub fn new(plan: &Plan) -> Self {
        let per_second = u64::from(plan.terms.issues_per_second.max(1));
        Self {
            period_micros: 1_000_000 * u64::from(plan.parts) / per_second,
            free_at_micros: 0,
            done_at: Vec::new(),
            done: 0,
            depths: Vec::new(),
            lag_seconds: plan.depth_lag_seconds,
            readings: AtomicU64::new(0),
        }
    }

    /// A second begins.
    pub fn tick(&mut self, second: u64) {
        let waiting = self.done_at[self.done..].iter();
        self.done += waiting.take_while(|at| **at <= second * 1000).count();
        let depth = u32::try_from(self.done_at.len() - self.done).unwrap_or(u32::MAX);
        self.depths.push(depth);
    }

    /// Takes an order; tells when its certificate will be ready, in milliseconds.
    pub fn accept(&mut self, at_millis: u64) -> u64 {
        let start = self.free_at_micros.max(at_millis * 1000);
        self.free_at_micros = start + self.period_micros;
        let done_at = (start + VENDING_MICROS).div_ceil(1000);
        self.done_at.push(done_at);
        done_at
    }

    /// How often the depth was read.
    pub fn readings(&self) -> u64 {
        self.readings.load(Ordering::Relaxed)
    }
}

impl Depth for Backlog {
    async fn depth(&self) -> Result<u64, Failure> {
        self.readings.fetch_add(1, Ordering::Relaxed);
        let lag = usize::try_from(self.lag_seconds).unwrap_or(usize::MAX);
        let seen = self.depths.len().checked_sub(lag.saturating_add(1));
        Ok(seen.map_or(0, |second| self.depths[second].into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::at_once;

    #[test]
    fn orders_wait_for_their_turn_and_the_depth_lags() {
        let mut backlog = Backlog::new(&Plan {
            depth_lag_seconds: 2,
            ..Plan::default()
        });
        backlog.tick(0);
        let done: Vec<u64> = (0..12).map(|_| backlog.accept(500)).collect();
        assert_eq!((done[0], done[1], done[11]), (1_500, 1_600, 2_600));
        let mut depths = Vec::new();
        for second in 1..=5 {
            backlog.tick(second);
            depths.push(at_once(backlog.depth()).unwrap().unwrap());
        }
        assert_eq!(depths, [0, 0, 12, 6, 0]);
        assert_eq!(backlog.accept(9_000), 10_000, "idle time is lost");
        assert_eq!(backlog.readings(), 5);
    }
}
