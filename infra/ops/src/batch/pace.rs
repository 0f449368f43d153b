//! How fast certificates come, and how long the rest will take: from what was seen of late, before that from the quota.

use std::collections::VecDeque;
use std::time::Duration;

use cvm_shared::time::UnixMillis;

/// How far back it looks.
const WINDOW: Duration = Duration::from_mins(1);
/// The least that must have been seen before it counts.
const LEAST: Duration = Duration::from_secs(10);

/// What was seen of late: when, and how many were done by then.
#[derive(Debug)]
pub(super) struct Pace {
    seen: VecDeque<(UnixMillis, u64)>,
    /// What AWS IoT lets through at most, in certificates per second.
    quota: f64,
}

impl Pace {
    /// A pace of which nothing is known but the quota.
    pub(super) fn new(quota: u32) -> Self {
        Self {
            seen: VecDeque::new(),
            quota: f64::from(quota),
        }
    }

    /// Notes how many are done by now.
    pub(super) fn note(&mut self, now: UnixMillis, done: u64) {
        self.seen.push_back((now, done));
        while self.seen.len() > 2 && now.since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
    }

    /// Certificates per second of late; `None` before there is anything to tell.
    pub(super) fn live(&self) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let span = last.0.since(first.0);
        let count = u32::try_from(last.1.saturating_sub(first.1)).unwrap_or(u32::MAX);
        (span >= LEAST).then(|| f64::from(count) / span.as_secs_f64())
    }

    /// How long the rest takes; `None` if none comes at present.
    pub(super) fn rest(&self, left: u64) -> Option<Duration> {
        let rate = self.live().unwrap_or(self.quota);
        let left = f64::from(u32::try_from(left).unwrap_or(u32::MAX));
        Duration::try_from_secs_f64(left / rate).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(seconds * 1000)
    }

    #[test]
    fn at_first_the_quota_tells() {
        let mut pace = Pace::new(10);
        assert_eq!(pace.rest(100), Some(Duration::from_secs(10)));
        pace.note(at(0), 0);
        pace.note(at(3), 60);
        assert_eq!(
            (pace.live(), pace.rest(100)),
            (None, Some(Duration::from_secs(10)))
        );
    }

    #[test]
    fn then_what_was_seen_of_late_does() {
        let mut pace = Pace::new(10);
        for second in 0..=300 {
            // Twice as fast in the last minute.
            let done = if second < 240 {
                second
            } else {
                240 + 2 * (second - 240)
            };
            pace.note(at(second), done);
        }
        assert_eq!(pace.live(), Some(2.0));
        assert_eq!(pace.rest(120), Some(Duration::from_mins(1)));
    }

    #[test]
    fn where_nothing_comes_nobody_knows() {
        let mut pace = Pace::new(10);
        pace.note(at(0), 5);
        pace.note(at(60), 5);
        assert_eq!((pace.live(), pace.rest(1)), (Some(0.0), None));
        assert_eq!(Pace::new(10).rest(0), Some(Duration::ZERO));
    }
}
