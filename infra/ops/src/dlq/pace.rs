//! How fast letters are sent: the workers share AWS IoT's quota with the devices that ask just now.

use std::num::NonZeroU32;

use cvm_shared::ports::Clock;
use governor::Quota;
use governor::RateLimiter;
use governor::clock::Clock as Ticks;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::InMemoryState;
use governor::state::NotKeyed;

type Limiter<T> = RateLimiter<NotKeyed, InMemoryState, T, NoOpMiddleware<<T as Ticks>::Instant>>;

/// The highest rate (SQS moves no faster by itself either).
const MOST: u32 = 500;

/// So many turns a second, evenly spread.
pub(super) struct Pace<T: Ticks = MonotonicClock> {
    limiter: Limiter<T>,
    ticks: T,
}

impl Pace {
    /// A pace on the machine's monotonic clock.
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self::on(per_second, MonotonicClock)
    }
}

impl<T: Ticks + Clone> Pace<T> {
    fn on(per_second: NonZeroU32, ticks: T) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(NonZeroU32::MIN);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, ticks.clone()),
            ticks,
        }
    }

    /// Waits for the next turn.
    pub(super) async fn turn(&self, clock: &impl Clock) {
        while let Err(early) = self.limiter.check() {
            clock.sleep(early.wait_time_from(self.ticks.now())).await;
        }
    }
}

/// Reads `10` or `10/s`.
pub(super) fn rate(text: &str) -> Result<NonZeroU32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let rate = number
        .parse()
        .ok()
        .filter(|rate: &NonZeroU32| rate.get() <= MOST);
    rate.ok_or_else(|| format!("must be a number from 1 to {MOST}, such as 10/s"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cvm_shared::time::UnixMillis;
    use governor::clock::FakeRelativeClock;
    use governor::clock::Reference as _;

    use super::*;

    /// Waiting moves it on.
    #[derive(Clone, Default)]
    struct Hand(FakeRelativeClock);

    impl Clock for Hand {
        fn now(&self) -> UnixMillis {
            UnixMillis(0)
        }

        async fn sleep(&self, span: Duration) {
            self.0.advance(span);
        }
    }

    #[test]
    fn rates_are_whole_numbers_a_second() {
        assert_eq!(rate("10/s").map(NonZeroU32::get), Ok(10));
        assert_eq!(rate("500").map(NonZeroU32::get), Ok(500));
        for text in ["0", "501", "ten", "10/m", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn turns_are_evenly_spread() {
        let clock = Hand::default();
        let pace = Pace::on(NonZeroU32::new(10).unwrap(), clock.0.clone());
        let begin = clock.0.now();
        for _ in 0..21 {
            pace.turn(&clock).await;
        }
        let gone = Duration::from(clock.0.now().duration_since(begin));
        assert!(gone >= Duration::from_millis(1_990), "{gone:?}");
        assert!(gone <= Duration::from_millis(2_010), "{gone:?}");
    }
}
