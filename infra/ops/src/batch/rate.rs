//! How fast a batch goes into the queue, if the operator says so.

use std::num::NonZeroU32;
use std::time::Duration;

use cvm_shared::operate::rows::ROWS;
use governor::Quota;
use governor::RateLimiter;
use governor::clock::Clock as Ticks;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::InMemoryState;
use governor::state::NotKeyed;

type Limiter<T> = RateLimiter<NotKeyed, InMemoryState, T, NoOpMiddleware<<T as Ticks>::Instant>>;

/// A pace in devices per second.
#[derive(Debug)]
pub(super) struct Rate<T: Ticks = MonotonicClock> {
    limiter: Option<Limiter<T>>,
    ticks: T,
    /// How many rows are taken up together: no more than go out within a second, so that a stop is heeded within one.
    pub(super) chunk: usize,
}

impl Rate {
    /// A pace; without one, as fast as it goes.
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        Self::on(per_second, MonotonicClock)
    }
}

impl<T: Ticks + Clone> Rate<T> {
    fn on(per_second: Option<NonZeroU32>, ticks: T) -> Self {
        let most = u32::try_from(ROWS).unwrap_or(u32::MAX);
        let chunk = per_second.map_or(most, |rate| rate.get().min(most));
        let burst = NonZeroU32::new(chunk).unwrap_or(NonZeroU32::MIN);
        let limiter = |rate| {
            let quota = Quota::per_second(rate).allow_burst(burst);
            RateLimiter::direct_with_clock(quota, ticks.clone())
        };
        Self {
            limiter: per_second.map(limiter),
            chunk: usize::try_from(chunk).unwrap_or(ROWS),
            ticks,
        }
    }

    /// How long until so many may go, which are no more than a chunk; `None` if they may now, and they are counted.
    pub(super) fn not_yet(&self, count: usize) -> Option<Duration> {
        let limiter = self.limiter.as_ref()?;
        let count = NonZeroU32::new(u32::try_from(count).ok()?)?;
        let refused = limiter.check_n(count).ok()?.err()?;
        Some(refused.wait_time_from(self.ticks.now()))
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_pace_is_kept() {
        let ticks = FakeRelativeClock::default();
        let rate = Rate::on(NonZeroU32::new(20), ticks.clone());
        assert_eq!(rate.chunk, 20);
        assert_eq!(rate.not_yet(20), None);
        let wait = rate.not_yet(10).unwrap();
        assert!(wait > Duration::from_millis(400) && wait <= Duration::from_millis(500));
        ticks.advance(wait);
        assert_eq!(rate.not_yet(10), None);
    }

    #[test]
    fn without_a_pace_nobody_waits() {
        let rate = Rate::new(None);
        assert_eq!(rate.chunk, ROWS);
        assert_eq!((rate.not_yet(ROWS), rate.not_yet(ROWS)), (None, None));
    }
}
