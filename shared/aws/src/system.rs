//! The machine's clock and random source: the only place that reads them.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use cvm_shared::ports::Clock;
use cvm_shared::ports::Random;
use cvm_shared::time::UnixMillis;

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes in")]
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where waiting is done")]
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        #[expect(
            clippy::expect_used,
            reason = "without randomness nothing here is safe to do"
        )]
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        bytes
    }
}
