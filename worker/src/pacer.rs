//! Holds each rate-bound AWS IoT API below its quota, within one worker.
//!
//! The quota belongs to the account and region; the stack divides it by the number of workers that
//! may run at once (MaximumConcurrency), so no worker need know of the others.

use std::num::NonZeroU32;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock;
use governor::Quota;
use governor::RateLimiter;
use governor::clock::Clock as Ticks;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::InMemoryState;
use governor::state::NotKeyed;

/// The APIs with a quota of 10 to 15 calls per second (AWS IoT Core endpoints and quotas).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `CreateCertificateFromCsr` (15/s) or `CreateKeysAndCertificate` (10/s).
    Create,
    /// `AttachPolicy` (15/s).
    AttachPolicy,
    /// `UpdateCertificate` (10/s).
    UpdateCertificate,
}

type Limiter<T> = RateLimiter<NotKeyed, InMemoryState, T, NoOpMiddleware<<T as Ticks>::Instant>>;

/// One limiter for each API.
#[derive(Debug)]
pub struct Pacer<T: Ticks = MonotonicClock> {
    create: Limiter<T>,
    attach_policy: Limiter<T>,
    update_certificate: Limiter<T>,
    ticks: T,
}

impl Pacer {
    /// A pacer on the machine's monotonic clock.
    pub fn per_second(rate: NonZeroU32) -> Self {
        Self::new(rate, &MonotonicClock)
    }
}

impl<T: Ticks + Clone> Pacer<T> {
    /// A pacer for so many calls of each API per second. Calls are spread evenly: how large a burst
    /// AWS allows is not published.
    pub fn new(rate: NonZeroU32, ticks: &T) -> Self {
        let quota = Quota::per_second(rate).allow_burst(NonZeroU32::MIN);
        let limiter = || RateLimiter::direct_with_clock(quota, ticks.clone());
        Self {
            create: limiter(),
            attach_policy: limiter(),
            update_certificate: limiter(),
            ticks: ticks.clone(),
        }
    }

    /// Waits for this API's turn, at most `patience`: who would wait longer gives the row back.
    pub async fn turn<C: Clock>(
        &self,
        api: Api,
        clock: &C,
        patience: Duration,
    ) -> Result<(), Failure> {
        let limiter = match api {
            Api::Create => &self.create,
            Api::AttachPolicy => &self.attach_policy,
            Api::UpdateCertificate => &self.update_certificate,
        };
        let mut waited = Duration::ZERO;
        while let Err(not_yet) = limiter.check() {
            let wait = not_yet.wait_time_from(self.ticks.now());
            waited += wait;
            if waited > patience {
                return Err(Failure::OutOfTime);
            }
            clock.sleep(wait).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::time::UnixMillis;
    use governor::clock::FakeRelativeClock;

    use super::*;

    /// Sleeping moves the limiter's clock: no real time passes.
    struct Hand(FakeRelativeClock);

    impl Clock for Hand {
        fn now(&self) -> UnixMillis {
            UnixMillis(0)
        }
        async fn sleep(&self, span: Duration) {
            self.0.advance(span);
        }
    }

    fn rate(calls: u32) -> NonZeroU32 {
        NonZeroU32::new(calls).unwrap()
    }

    #[tokio::test]
    async fn a_hundred_calls_take_the_time_that_the_rate_allows() {
        let hand = Hand(FakeRelativeClock::default());
        let pacer = Pacer::new(rate(5), &hand.0);
        for _ in 0..100 {
            pacer
                .turn(Api::Create, &hand, Duration::from_secs(1))
                .await
                .unwrap();
        }
        let start = FakeRelativeClock::default().now().as_u64();
        let elapsed = Duration::from_nanos(hand.0.now().as_u64() - start);
        let expected = Duration::from_millis(99 * 200);
        assert!(elapsed >= expected, "{elapsed:?}");
        assert!(
            elapsed < expected + Duration::from_millis(50),
            "{elapsed:?}"
        );
    }

    #[tokio::test]
    async fn the_apis_do_not_hold_each_other_up_and_patience_ends() {
        let hand = Hand(FakeRelativeClock::default());
        let pacer = Pacer::new(rate(1), &hand.0);
        for api in [Api::Create, Api::AttachPolicy, Api::UpdateCertificate] {
            pacer.turn(api, &hand, Duration::ZERO).await.unwrap();
            assert_eq!(
                pacer.turn(api, &hand, Duration::ZERO).await,
                Err(Failure::OutOfTime)
            );
        }
    }
}
