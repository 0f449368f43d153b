//! The bounds of slow checks: a stretched secret costs 25 ms and 19 MiB to check, and could be guessed.
//!
//! So no more than a few run at once, and who failed too often for a serial number is turned away
//! unchecked, by address and serial number together: nobody can lock a device out from elsewhere. Both
//! bounds are of one process, and neither asks whether the device is known.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_shared::ids::SerialNumber;
use cvm_shared::time::UnixMillis;

use crate::problem::Refused;

/// How many checks run at once.
const AT_ONCE: usize = 4;
/// How many failures an address may have for one serial number in a window.
const FAILURES: u32 = 100;
/// How long a window lasts from its first failure.
const WINDOW: Duration = Duration::from_mins(15);
/// How many pairs are remembered; the oldest give way.
const PAIRS: usize = 4096;

/// What one process knows of slow checks.
#[derive(Default)]
pub(crate) struct SlowChecks {
    running: AtomicUsize,
    failures: Mutex<VecDeque<Failures>>,
}

struct Failures {
    source: String,
    serial: SerialNumber,
    since: UnixMillis,
    count: u32,
}

/// The right to run one check, given back when it is dropped.
pub(crate) struct Permit<'a>(&'a AtomicUsize);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl SlowChecks {
    /// The right to check, unless too many are under way or have failed.
    pub(crate) fn begin(
        &self,
        source: &str,
        serial: &SerialNumber,
        now: UnixMillis,
    ) -> Result<Permit<'_>, Refused> {
        let known = self.known();
        let failed = known.iter().find(|one| one.is(source, serial));
        if let Some(failed) = failed.filter(|one| one.count >= FAILURES && !one.is_over(now)) {
            let left = WINDOW.saturating_sub(now.since(failed.since)).as_secs() + 1;
            return Err(Refused::TooManyRequests { retry_after: left });
        }
        drop(known);
        if self.running.fetch_add(1, Ordering::AcqRel) >= AT_ONCE {
            self.running.fetch_sub(1, Ordering::AcqRel);
            return Err(Refused::Unavailable { retry_after: 1 });
        }
        Ok(Permit(&self.running))
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, source: &str, serial: &SerialNumber, now: UnixMillis) {
        let mut known = self.known();
        if let Some(one) = known.iter_mut().find(|one| one.is(source, serial)) {
            if one.is_over(now) {
                (one.since, one.count) = (now, 0);
            }
            one.count = one.count.saturating_add(1);
            return;
        }
        if known.len() == PAIRS {
            known.pop_front();
        }
        known.push_back(Failures {
            source: source.to_owned(),
            serial: serial.clone(),
            since: now,
            count: 1,
        });
    }

    /// Plain counts: what a panic elsewhere left of them still counts.
    fn known(&self) -> MutexGuard<'_, VecDeque<Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn is(&self, source: &str, serial: &SerialNumber) -> bool {
        self.source == source && self.serial == *serial
    }

    fn is_over(&self, now: UnixMillis) -> bool {
        now.since(self.since) >= WINDOW
    }
}

impl fmt::Debug for SlowChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowChecks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn serial(text: &str) -> SerialNumber {
        SerialNumber::parse(text).unwrap()
    }

    #[test]
    fn only_so_many_run_at_once() {
        let slow = SlowChecks::default();
        let begin = || slow.begin("a", &serial("SN-1"), NOW);
        let running: Vec<_> = (0..AT_ONCE).map(|_| begin().unwrap()).collect();
        assert_eq!(begin().err(), Some(Refused::Unavailable { retry_after: 1 }));
        drop(running);
        assert!(begin().is_ok());
    }

    /// B71: by address and serial number together, and only for a while.
    #[test]
    fn who_failed_too_often_is_turned_away_unchecked() {
        let slow = SlowChecks::default();
        let refused =
            |source: &str, name: &str, now| slow.begin(source, &serial(name), now).is_err();
        for _ in 0..FAILURES {
            assert!(!refused("a", "SN-1", NOW));
            slow.failed("a", &serial("SN-1"), NOW);
        }
        assert!(refused("a", "SN-1", NOW));
        assert!(!refused("b", "SN-1", NOW) && !refused("a", "SN-2", NOW));
        assert!(!refused("a", "SN-1", NOW.plus(WINDOW)));
        slow.failed("a", &serial("SN-1"), NOW.plus(WINDOW));
        assert!(!refused("a", "SN-1", NOW.plus(WINDOW)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let slow = SlowChecks::default();
        for number in 0..PAIRS + 10 {
            slow.failed(&number.to_string(), &serial("SN-1"), NOW);
        }
        assert_eq!(slow.known().len(), PAIRS);
    }
}
