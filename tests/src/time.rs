//! A clock that tests move, and randomness that repeats.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_shared::ports::Clock;
use cvm_shared::ports::Random;
use cvm_shared::time::UnixMillis;

use crate::faults::yield_now;

/// A clock by hand. Clones share the hand; sleeping moves it.
#[derive(Clone, Debug)]
pub struct HandClock(Arc<AtomicU64>);

impl HandClock {
    /// A clock that starts at some moment that is not zero.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000_000)))
    }

    /// Moves the hand.
    pub fn advance(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HandClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Duration) {
        // A call that is raced against this comes first, as one does that takes no time.
        for _ in 0..4 {
            yield_now().await;
        }
        self.advance(span);
    }
}

/// Numbers in a row instead of randomness: different each time, the same in each run.
#[derive(Clone, Debug, Default)]
pub struct CountedRandom(Arc<AtomicU64>);

impl Random for CountedRandom {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        bytes[8..].copy_from_slice(&count.to_be_bytes());
        bytes
    }
}
