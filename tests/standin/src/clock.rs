//! The machine's clocks: the only place here that reads them and waits.

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// The monotonic clock, with the moment at which the stand-in started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self { start: now() }
    }

    /// How long it has run.
    pub(crate) fn elapsed(self) -> Duration {
        now().saturating_duration_since(self.start)
    }
}

/// This moment by the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this is where time comes in")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// This moment as milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is where time comes in")]
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    millis(since)
}

/// Whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Waits, unless there is nothing to wait for.
pub(crate) async fn pause(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep_until((now() + span).into()).await;
    }
}
