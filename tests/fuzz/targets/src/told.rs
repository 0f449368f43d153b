//! What targets tell of their inputs: how they ended, and how long the timed part took.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

/// What was told so far.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// How many inputs came to which end.
    pub ends: BTreeMap<String, u64>,
    /// How many took longer than they may, each time they were tried.
    pub slow: u64,
    /// The longest that any took, at its fastest.
    pub slowest: Duration,
}

/// How often something slow, or slower than all before, is tried: on a busy machine anything is slow once.
const TRIES: usize = 3;

impl Told {
    /// Counts an end.
    pub fn end(&mut self, how: &str) {
        match self.ends.get_mut(how) {
            Some(count) => *count += 1,
            None => drop(self.ends.insert(how.to_owned(), 1)),
        }
    }

    /// Does this, and counts it if it takes longer than `limit` whenever it is done.
    pub fn timed<T>(&mut self, limit: Duration, work: impl Fn() -> T) -> T {
        let (done, mut took) = time(&work);
        for _ in 1..TRIES {
            if took <= limit.min(self.slowest) {
                break;
            }
            took = took.min(time(&work).1);
        }
        self.slow += u64::from(took > limit);
        self.slowest = self.slowest.max(took);
        done
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured here is how long the code takes"
)]
fn time<T>(work: impl Fn() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}
