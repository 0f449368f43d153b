//! One token bucket for each AWS IoT API, and a count of what was asked of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::clock::Clock;
use crate::lock;
use crate::quota::Api;
use crate::quota::Limit;
use crate::quota::Quotas;

/// What was asked of an API so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls that reached it, refused ones included.
    pub calls: u64,
    /// Calls refused with a throttle, for want of a token or at random.
    pub throttled: u64,
    /// Calls throttled at random: what a neighbour in the account would have taken.
    pub injected: u64,
    /// Tokens taken from the bucket, by calls that went through and by a neighbour's.
    pub tokens: u64,
    /// When the first call came, since the stand-in's start.
    pub first: Option<Duration>,
    /// When the last call came, since the stand-in's start.
    pub last: Option<Duration>,
}

impl Usage {
    /// The time from the first call to the last one.
    pub fn span(&self) -> Duration {
        let span = self.first.zip(self.last);
        span.map_or(Duration::ZERO, |(first, last)| last.saturating_sub(first))
    }

    /// The part of a flow of so many tokens per second that was taken between the first and the
    /// last call; `None` before there is a time between them. The burst at the start counts too, so
    /// this can exceed 1 in a short run.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn share(&self, per_second: f64) -> Option<f64> {
        let flow = per_second * self.span().as_secs_f64();
        (flow > 0.0).then(|| self.tokens as f64 / flow)
    }
}

#[derive(Debug)]
struct Bucket {
    limit: Option<Limit>,
    tokens: f64,
    at: Instant,
    usage: Usage,
}

impl Bucket {
    fn new(limit: Option<Limit>) -> Self {
        Self {
            limit,
            tokens: limit.map_or(0.0, |limit| limit.burst),
            at: clock::now(),
            usage: Usage::default(),
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let Some(limit) = self.limit else {
            return true;
        };
        let flowed = now.saturating_duration_since(self.at).as_secs_f64() * limit.per_second;
        self.tokens = (self.tokens + flowed).min(limit.burst);
        self.at = now;
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    fn admit(&mut self, now: Instant, at: Duration, neighbour: bool) -> bool {
        let got = self.take(now);
        self.usage.calls += 1;
        self.usage.first.get_or_insert(at);
        self.usage.last = Some(at);
        self.usage.tokens += u64::from(got);
        self.usage.injected += u64::from(neighbour);
        let admitted = got && !neighbour;
        self.usage.throttled += u64::from(!admitted);
        admitted
    }
}

/// The buckets of all APIs.
#[derive(Debug)]
pub(crate) struct Meters {
    clock: Clock,
    buckets: BTreeMap<Api, Mutex<Bucket>>,
}

impl Meters {
    pub(crate) fn new(quotas: &Quotas, clock: Clock) -> Self {
        let bucket = |api| (api, Mutex::new(Bucket::new(quotas.limit(api))));
        Self {
            clock,
            buckets: Api::ALL.into_iter().map(bucket).collect(),
        }
    }

    /// Whether a call may go on; a neighbour's takes its token and is never ours.
    pub(crate) fn admit(&self, api: Api, neighbour: bool) -> bool {
        let at = self.clock.elapsed();
        let Some(bucket) = self.buckets.get(&api) else {
            return true;
        };
        // The moment is read under the lock, so that a bucket never sees time run backwards.
        let mut bucket = lock(bucket);
        bucket.admit(clock::now(), at, neighbour)
    }

    pub(crate) fn limit(&self, api: Api) -> Option<Limit> {
        lock(self.buckets.get(&api)?).limit
    }

    /// Other quotas from now on, with full buckets.
    pub(crate) fn set(&self, quotas: &Quotas) {
        for (api, bucket) in &self.buckets {
            let mut bucket = lock(bucket);
            bucket.limit = quotas.limit(*api);
            bucket.tokens = bucket.limit.map_or(0.0, |limit| limit.burst);
            bucket.at = clock::now();
        }
    }

    pub(crate) fn usage(&self, api: Api) -> Usage {
        let bucket = self.buckets.get(&api);
        bucket.map_or_else(Usage::default, |bucket| lock(bucket).usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(rate: f64) -> (Bucket, Instant) {
        let bucket = Bucket::new(Some(Limit::per_second(rate)));
        let start = bucket.at;
        (bucket, start)
    }

    #[test]
    fn a_burst_is_one_second_and_then_the_rate_flows() {
        let (mut bucket, start) = bucket(10.0);
        let at = |millis| start + Duration::from_millis(millis);
        let mut admitted = |millis, calls| {
            (0..calls)
                .filter(|_| bucket.admit(at(millis), Duration::ZERO, false))
                .count()
        };
        assert_eq!(admitted(0, 50), 10);
        assert_eq!(admitted(250, 50), 2);
        assert_eq!(admitted(60_000, 50), 10);
        assert_eq!(bucket.usage.calls, 150);
        assert_eq!((bucket.usage.tokens, bucket.usage.throttled), (22, 128));
    }

    #[test]
    fn a_neighbour_takes_a_token_from_us() {
        let (mut bucket, start) = bucket(10.0);
        let mut call = |neighbour| bucket.admit(start, Duration::ZERO, neighbour);
        for _ in 0..4 {
            assert!(!call(true));
        }
        assert_eq!((0..10).filter(|_| call(false)).count(), 6);
        assert_eq!((bucket.usage.injected, bucket.usage.tokens), (4, 10));
    }

    #[test]
    fn a_share_is_what_was_taken_of_what_flowed() {
        let usage = Usage {
            tokens: 45,
            first: Some(Duration::from_secs(5)),
            last: Some(Duration::from_secs(10)),
            ..Usage::default()
        };
        assert_eq!(usage.share(10.0), Some(0.9));
        assert_eq!(Usage::default().share(10.0), None);
    }
}
