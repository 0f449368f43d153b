//! Holds each rate-bound AWS IoT API below its quota, within one worker.
//!
//! The quota belongs to the account and region; the stack divides it by the number of workers that
//! may run at once (MaximumConcurrency), so no worker need know of the others. Where somebody else
//! uses the same quota, throttles tell: a pace at which most calls are throttled is halved, and comes
//! back as calls go through.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use backon::BackoffBuilder as _;
use backon::ExponentialBuilder;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock;
use governor::Quota;
use governor::RateLimiter;
use governor::clock::Clock as Ticks;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::InMemoryState;
use governor::state::NotKeyed;

use crate::rates::Api;
use crate::rates::Rates;

type Limiter<T> = RateLimiter<NotKeyed, InMemoryState, T, NoOpMiddleware<<T as Ticks>::Instant>>;

/// The weight of one call in the share of throttled calls: the last thirty or so count.
const WEIGHT: f64 = 1.0 / 32.0;
/// A larger share of throttled calls than this slows the pace down.
const TOO_MANY: f64 = 0.5;
/// The share from which it is watched anew after that.
const AFTER_SLOWING: f64 = 0.25;
/// The slowest pace, as a part of the full one.
const SLOWEST: f64 = 1.0 / 8.0;
/// What a call that went through gives back of the pace.
const RECOVERY: f64 = 1.0 / 32.0;

/// How long a call may wait for its turn, and for throttles to pass, before the row is given back.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// The pauses after throttles, with up to as much again as jitter.
const PAUSE_LEAST: Duration = Duration::from_millis(100);
const PAUSE_MOST: Duration = Duration::from_secs(1);

/// One lane for each API.
#[derive(Debug)]
pub struct Pacer<T: Ticks = MonotonicClock> {
    lanes: [Lane<T>; Api::ALL.len()],
    ticks: T,
}

/// The pace of one API.
#[derive(Debug)]
struct Lane<T: Ticks> {
    full: f64,
    now: Mutex<Pace<T>>,
}

#[derive(Debug)]
struct Pace<T: Ticks> {
    limiter: Limiter<T>,
    /// The part of the full pace that is used.
    part: f64,
    /// The share of throttled calls of late.
    throttled: f64,
    /// Throttled calls that nobody has asked for yet.
    untold: u64,
}

impl Pacer {
    /// A pacer on the machine's monotonic clock, for one worker's share of the rates.
    pub fn new(rates: &Rates) -> Self {
        Self::on(rates, &MonotonicClock)
    }
}

impl<T: Ticks + Clone> Pacer<T> {
    /// A pacer on this clock.
    pub fn on(rates: &Rates, ticks: &T) -> Self {
        Self {
            lanes: Api::ALL.map(|api| Lane::new(rates.of(api), ticks)),
            ticks: ticks.clone(),
        }
    }

    /// Waits for this API's turn, at most `patience`, and tells how long it was: who would wait
    /// longer gives the row back.
    pub async fn turn<C: Clock>(
        &self,
        api: Api,
        clock: &C,
        patience: Duration,
    ) -> Result<Duration, Failure> {
        let mut waited = Duration::ZERO;
        while let Some(wait) = self.lane(api).not_yet(&self.ticks) {
            waited += wait;
            if waited > patience {
                return Err(Failure::OutOfTime);
            }
            clock.sleep(wait).await;
        }
        Ok(waited)
    }

    /// Makes a call at its turn. A throttle means that nothing happened: it is waited out, and the
    /// call made again, as long as [`PATIENCE`] lasts. Anything else is the caller's. The jitter of
    /// the pauses comes from `seed`, or from the process's own randomness where there is none.
    pub async fn paced<C: Clock, V, F>(
        &self,
        api: Api,
        clock: &C,
        seed: Option<u64>,
        call: impl Fn() -> F,
    ) -> Result<V, Failure>
    where
        F: Future<Output = Result<V, Failure>>,
    {
        let (mut left, mut pauses) = (PATIENCE, None);
        loop {
            left -= self.turn(api, clock, left).await?;
            let answer = call().await;
            let Err(Failure::Throttled { .. }) = answer else {
                self.went_through(api);
                return answer;
            };
            self.throttled(api);
            let pauses = pauses.get_or_insert_with(|| pauses_after_throttles(seed));
            let pause = pauses.next().unwrap_or(PAUSE_MOST);
            if pause > left {
                return answer;
            }
            left -= pause;
            clock.sleep(pause).await;
        }
    }

    /// Notes that a call of this API was throttled.
    pub fn throttled(&self, api: Api) {
        self.lane(api).throttled(&self.ticks);
    }

    /// Notes that a call of this API went through.
    pub fn went_through(&self, api: Api) {
        self.lane(api).went_through(&self.ticks);
    }

    /// How many calls were throttled since this was asked last, of those APIs where any was.
    pub fn throttled_since(&self) -> Vec<(Api, u64)> {
        let lanes = Api::ALL.into_iter().zip(&self.lanes);
        let counts = lanes.map(|(api, lane)| (api, std::mem::take(&mut lane.pace().untold)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The pace of this API, in calls per second.
    pub fn pace(&self, api: Api) -> f64 {
        let lane = self.lane(api);
        lane.full * lane.pace().part
    }

    fn lane(&self, api: Api) -> &Lane<T> {
        &self.lanes[api as usize]
    }
}

impl<T: Ticks + Clone> Lane<T> {
    fn new(full: f64, ticks: &T) -> Self {
        let pace = Pace {
            limiter: limiter(full, ticks),
            part: 1.0,
            throttled: 0.0,
            untold: 0,
        };
        Self {
            full,
            now: Mutex::new(pace),
        }
    }

    /// The pace is plain numbers: what a panic elsewhere left of it is still a pace.
    fn pace(&self) -> std::sync::MutexGuard<'_, Pace<T>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until it may be this API's turn; `None` if it is now, and the turn is taken.
    fn not_yet(&self, ticks: &T) -> Option<Duration> {
        let refused = self.pace().limiter.check().err()?;
        Some(refused.wait_time_from(ticks.now()))
    }

    fn throttled(&self, ticks: &T) {
        let mut pace = self.pace();
        pace.untold += 1;
        pace.throttled += (1.0 - pace.throttled) * WEIGHT;
        if pace.throttled > TOO_MANY && pace.part > SLOWEST {
            pace.throttled = AFTER_SLOWING;
            let part = (pace.part / 2.0).max(SLOWEST);
            pace.change(self.full, part, ticks);
        }
    }

    fn went_through(&self, ticks: &T) {
        let mut pace = self.pace();
        pace.throttled -= pace.throttled * WEIGHT;
        if pace.part < 1.0 {
            let part = (pace.part + RECOVERY).min(1.0);
            pace.change(self.full, part, ticks);
        }
    }
}

impl<T: Ticks + Clone> Pace<T> {
    fn change(&mut self, full: f64, part: f64, ticks: &T) {
        self.part = part;
        self.limiter = limiter(full * part, ticks);
        // A new limiter has a turn to give at once; the old one had given it already.
        let _ = self.limiter.check();
    }
}

fn pauses_after_throttles(seed: Option<u64>) -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(PAUSE_LEAST)
        .with_max_delay(PAUSE_MOST)
        .without_max_times()
        .with_jitter();
    match seed {
        Some(seed) => pauses.with_jitter_seed(seed).build(),
        None => pauses.build(),
    }
}

/// Calls are spread evenly. What a batch that waits for its last message leaves unused is made up
/// for in the next one, up to a second's worth: how large a burst AWS allows is not published, and a
/// bucket that holds less than a second's calls could not be used up by anybody. Rounded down, for all
/// workers' bursts together must fit into that one bucket.
fn limiter<T: Ticks + Clone>(per_second: f64, ticks: &T) -> Limiter<T> {
    let period = Duration::from_secs_f64(1.0 / per_second.max(0.001));
    let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are between 0 and some thousands; the cast saturates"
    )]
    let burst = NonZeroU32::new(per_second.floor() as u32).unwrap_or(NonZeroU32::MIN);
    let limiter = RateLimiter::direct_with_clock(quota.allow_burst(burst), ticks.clone());
    // Nothing was left unused yet: it starts with one turn.
    if let Some(rest) = NonZeroU32::new(burst.get() - 1) {
        let _ = limiter.check_n(rest);
    }
    limiter
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use cvm_shared::time::UnixMillis;
    use governor::clock::FakeRelativeClock;
    use governor::clock::Reference as _;

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

    fn hand() -> Hand {
        Hand(FakeRelativeClock::default())
    }

    fn elapsed(hand: &Hand, earlier: governor::nanos::Nanos) -> Duration {
        hand.0.now().duration_since(earlier).into()
    }

    async fn seconds_for(calls: u32, pacer: &Pacer<FakeRelativeClock>, hand: &Hand) -> f64 {
        let start = hand.0.now();
        for _ in 0..calls {
            pacer
                .turn(Api::CreateFromCsr, hand, Duration::from_mins(1))
                .await
                .unwrap();
        }
        elapsed(hand, start).as_secs_f64()
    }

    #[tokio::test]
    async fn a_hundred_calls_take_the_time_that_the_rate_allows() {
        let hand = hand();
        let pacer = Pacer::on(&Rates::uniform(7.5), &hand.0);
        let seconds = seconds_for(100, &pacer, &hand).await;
        let expected = 99.0 / 7.5;
        assert!((seconds - expected).abs() < 0.1, "{seconds}");
    }

    #[tokio::test]
    async fn what_a_pause_left_unused_is_made_up_for_up_to_a_second() {
        let hand = hand();
        let pacer = Pacer::on(&Rates::uniform(5.0), &hand.0);
        seconds_for(20, &pacer, &hand).await;
        hand.0.advance(Duration::from_mins(1));
        let seconds = seconds_for(5, &pacer, &hand).await;
        assert!(seconds < 0.01, "{seconds}");
        let seconds = seconds_for(5, &pacer, &hand).await;
        assert!((seconds - 1.0).abs() < 0.05, "{seconds}");
    }

    #[tokio::test]
    async fn the_apis_do_not_hold_each_other_up_and_patience_ends() {
        let hand = hand();
        let pacer = Pacer::on(&Rates::uniform(1.0), &hand.0);
        for api in [
            Api::CreateFromCsr,
            Api::AttachPolicy,
            Api::UpdateCertificate,
        ] {
            pacer.turn(api, &hand, Duration::ZERO).await.unwrap();
            let refused = pacer.turn(api, &hand, Duration::ZERO).await;
            assert_eq!(refused, Err(Failure::OutOfTime));
        }
    }

    /// How often a call is made that is throttled so many times, what comes of it, and after how long.
    async fn throttled_for(times: u32) -> (u32, Result<(), Failure>, Duration) {
        let (hand, made) = (hand(), Cell::new(0));
        let pacer = Pacer::on(&Rates::uniform(1000.0), &hand.0);
        let start = hand.0.now();
        let call = || async {
            made.set(made.get() + 1);
            if made.get() > times {
                return Ok(());
            }
            Err(Failure::Throttled { service: "iot" })
        };
        let end = pacer.paced(Api::Thing, &hand, Some(1), call).await;
        (made.get(), end, elapsed(&hand, start))
    }

    #[tokio::test]
    async fn a_throttled_call_is_made_again_until_patience_ends() {
        let (made, end, took) = throttled_for(2).await;
        assert_eq!((made, end), (3, Ok(())));
        assert!(took >= 3 * PAUSE_LEAST, "{took:?}");
        let (made, end, took) = throttled_for(u32::MAX).await;
        assert!(matches!(end, Err(Failure::Throttled { .. })) && made > 4);
        assert!(took <= PATIENCE, "{took:?}");
    }

    #[test]
    fn throttled_calls_are_told_of_once_by_api() {
        let hand = hand();
        let pacer = Pacer::on(&Rates::uniform(8.0), &hand.0);
        for api in [Api::Thing, Api::CreateFromCsr, Api::Thing] {
            pacer.throttled(api);
            pacer.went_through(api);
        }
        let told = [(Api::CreateFromCsr, 1), (Api::Thing, 2)];
        assert_eq!(pacer.throttled_since(), told);
        assert_eq!(pacer.throttled_since(), []);
    }

    #[tokio::test]
    async fn where_most_calls_are_throttled_the_pace_halves_and_it_comes_back() {
        let hand = hand();
        let pacer = Pacer::on(&Rates::uniform(8.0), &hand.0);
        for _ in 0..60 {
            pacer.throttled(Api::CreateFromCsr);
        }
        let slow = pacer.pace(Api::CreateFromCsr);
        assert!(slow <= 4.0, "{slow}");
        let seconds = seconds_for(20, &pacer, &hand).await;
        assert!(seconds >= 19.0 / slow - 0.1, "{seconds}");
        for _ in 0..10_000 {
            pacer.throttled(Api::CreateFromCsr);
        }
        assert!(pacer.pace(Api::CreateFromCsr) >= 1.0, "never stops");
        for _ in 0..64 {
            pacer.went_through(Api::CreateFromCsr);
        }
        let back = pacer.pace(Api::CreateFromCsr);
        assert!((back - 8.0).abs() < 0.01, "{back}");
    }

    /// Somebody else takes a third of the quota: going on at full pace gets us the rest.
    #[test]
    fn one_throttle_in_three_does_not_slow_it_down() {
        let pacer = Pacer::on(&Rates::uniform(8.0), &hand().0);
        for call in 0..3000 {
            if call % 3 == 0 {
                pacer.throttled(Api::CreateFromCsr);
            } else {
                pacer.went_through(Api::CreateFromCsr);
            }
        }
        assert!((pacer.pace(Api::CreateFromCsr) - 8.0).abs() < 0.01);
    }
}
