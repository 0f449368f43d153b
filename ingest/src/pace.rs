//! The pace of devices: how long one that waits is told to wait, and which one asks far faster.
//!
//! A device that waits among N is told w seconds at least and twice that at most, evenly spread, where w
//! is N / allowance and some more. However many are told at the same moment, they come back over w
//! seconds, and nobody a second time before the last has come once: never more than the allowance. In
//! the long run they use three fifths of it: the rest is for a depth that lags behind while a burst comes
//! in, and for those whose certificate is ready and who do not know it yet.
//!
//! Nothing here is known to a stranger: the gauge answers and the admission counts after a login.

use std::fmt;
use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::time::UnixMillis;

/// How long a reading of the queue's depth serves; one that failed is not repeated earlier either.
const READ_EVERY: Duration = Duration::from_secs(5);
/// How long a device's answer waits for a reading.
const READ_PATIENCE: Duration = Duration::from_millis(250);
/// SQS counts what was sent after a minute at the latest.
const COUNTED_AFTER: Duration = Duration::from_mins(1);
/// The weight of what was learnt of the rate before, against the time since then.
const RATE_MEMORY_MILLIS: u64 = 60_000;
/// The slowest rate that is believed, as a part of what the account can issue.
const SLOWEST_PART: u64 = 8;
/// How much of the time that the whole backlog takes a device may sleep past its certificate only to
/// save polls, as a part; it may be anywhere in the queue. And the most seconds of it.
const LATE_PART: u64 = 20;
const LATE_SECONDS_MOST: u64 = 60;
/// What is added to the backlog before it is divided by the allowance, as a part.
const MARGIN_PART: u64 = 8;
/// The longest wait in seconds, before it is spread. A depth that is nonsense must not send devices
/// to sleep for days: from this many times the allowance on, polls exceed it.
const SECONDS_MOST: u64 = 3600;

/// What waiting devices are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollTerms {
    /// The least seconds between two polls of a device.
    pub least_seconds: u64,
    /// The allowance: polls per second of all waiting devices together; a few times what is issued, or
    /// it cannot be kept to. 0 counts as 1.
    pub polls_per_second: u32,
    /// Certificates per second that the account can issue. 0 counts as 1.
    pub issues_per_second: u32,
}

impl PollTerms {
    /// Seconds to wait for a device whose certificate is due any moment: the least, spread.
    pub fn soon(&self, random: [u8; 16]) -> u64 {
        self.wait(0, self.issued_millis(), random)
    }

    /// Seconds to wait for one of `waiting` devices, of which `rate` in 1,000 seconds are served.
    fn wait(&self, waiting: u64, rate: u64, random: [u8; 16]) -> u64 {
        let with_margin = waiting.saturating_add(waiting / MARGIN_PART);
        let share = with_margin.div_ceil(self.polls_of_waiting().into());
        let turn = waiting.saturating_mul(1000) / rate.max(1);
        let late = (turn / LATE_PART).min(LATE_SECONDS_MOST);
        let base = share.max(late).max(self.least_seconds).min(SECONDS_MOST);
        let spread = share.min(base).max(base / 2);
        base + below(spread + 1, random)
    }

    /// The allowance less one poll for each certificate: those that fetch it do not wait any more.
    fn polls_of_waiting(&self) -> u32 {
        let left = self.polls_per_second.saturating_sub(self.issues_per_second);
        left.max(self.polls_per_second / 4).max(1)
    }

    /// Certificates in 1,000 seconds that the account can issue.
    fn issued_millis(&self) -> u64 {
        u64::from(self.issues_per_second.max(1)) * 1000
    }
}

/// A number from zero to below `bound`.
fn below(bound: u64, random: [u8; 16]) -> u64 {
    let wide = (u128::from_le_bytes(random) >> 64) * u128::from(bound);
    u64::try_from(wide >> 64).unwrap_or_default()
}

/// What one process knows of the backlog; at first, nothing. All of it is an estimate: the queue's
/// depth is some seconds old, and what other processes accept shows only there.
#[derive(Debug, Default)]
pub struct Gauge(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    tried_at: Option<UnixMillis>,
    last: Option<Reading>,
    /// Certificates in 1,000 seconds, as learnt from two readings and more.
    rate: Option<u64>,
    /// Orders that this process has sent since the last reading.
    sent: u64,
    own: Own,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: UnixMillis,
    depth: u64,
}

/// Orders of this process alone, in thousandths, less what can have been issued since they were sent.
#[derive(Debug, Default)]
struct Own {
    at: UnixMillis,
    thousandths: u64,
}

impl Gauge {
    /// Notes that this process has sent an order to the queue, which may not count it yet.
    pub fn accepted(&self, terms: &PollTerms, now: UnixMillis) {
        let mut known = self.known();
        known.sent += 1;
        let left = known.own.left(terms, now);
        known.own = Own {
            at: now,
            thousandths: left + 1000,
        };
    }

    /// Whole seconds that a waiting device is told to wait. Now and then this reads the depth, for
    /// one answer at a time and for a moment only; if that fails, what was known before still serves,
    /// and where nothing was known, the least.
    pub async fn wait<D: Depth, C: Clock>(
        &self,
        depth: &D,
        terms: &PollTerms,
        clock: &C,
        random: [u8; 16],
    ) -> u64 {
        if self.is_due(clock.now()) {
            let read = tokio::select! {
                biased;
                read = depth.depth() => read,
                () = clock.sleep(READ_PATIENCE) => Err(Failure::OutOfTime),
            };
            match read {
                Ok(depth) => self.known().read(depth, terms, clock.now()),
                Err(failure) => {
                    tracing::warn!(code = failure.code().as_str(), %failure, "the queue's depth was not read");
                }
            }
        }
        let known = self.known();
        terms.wait(known.waiting(terms, clock.now()), known.rate(terms), random)
    }

    /// Whether it is time for a reading. Who hears so reads; others have the last one meanwhile. If
    /// that answer is dropped, no lock is left behind: the next reading is just a little later.
    fn is_due(&self, now: UnixMillis) -> bool {
        let mut known = self.known();
        let tried = known.tried_at;
        let is_due = tried.is_none_or(|at| !(at..at.plus(READ_EVERY)).contains(&now));
        if is_due {
            known.tried_at = Some(now);
        }
        is_due
    }

    /// Plain numbers: what a panic elsewhere left of them still is an estimate.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn read(&mut self, depth: u64, terms: &PollTerms, now: UnixMillis) {
        self.rate = Some(self.learnt(depth, terms, now));
        if now.since(self.own.at) >= COUNTED_AFTER {
            self.own = Own::default();
        }
        self.last = Some(Reading { at: now, depth });
        self.sent = 0;
    }

    /// The rate, after this reading. What other processes accepted meanwhile is not known, so it is
    /// never too high and waits err to the longer side.
    fn learnt(&self, depth: u64, terms: &PollTerms, now: UnixMillis) -> u64 {
        let before = self.rate(terms);
        let Some(last) = self.last else {
            return before;
        };
        let millis = millis(now.since(last.at));
        let gone = (last.depth + self.sent).saturating_sub(depth);
        let full = terms.issued_millis();
        let seen = gone.saturating_mul(1_000_000) / millis.max(1);
        let seen = u128::from(seen.clamp(full / SLOWEST_PART, full));
        let (past, new) = (u128::from(RATE_MEMORY_MILLIS), u128::from(millis));
        let mean = (u128::from(before) * past + seen * new) / (past + new);
        u64::try_from(mean).unwrap_or(full)
    }

    fn rate(&self, terms: &PollTerms) -> u64 {
        self.rate.unwrap_or_else(|| terms.issued_millis())
    }

    fn waiting(&self, terms: &PollTerms, now: UnixMillis) -> u64 {
        let own = self.own.left(terms, now).div_ceil(1000);
        self.last.map_or(own, |last| last.depth.max(own))
    }
}

impl Own {
    fn left(&self, terms: &PollTerms, now: UnixMillis) -> u64 {
        let issued =
            millis(now.since(self.at)).saturating_mul(terms.issues_per_second.max(1).into());
        self.thousandths.saturating_sub(issued)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A bound on how often something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often in the long run, per second. 0 counts as 1.
    pub per_second: u32,
    /// How often at once after a pause. 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    fn period_micros(self) -> u64 {
        (1_000_000 / u64::from(self.per_second.max(1))).max(1)
    }
}

/// Who asks too fast, and the whole seconds after which it may ask again at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooFast {
    /// This device, far faster than it was ever told to: 429.
    Device(u64),
    /// All devices of this process together: 503.
    Process(u64),
}

/// How many devices are remembered. A device that another one displaced starts afresh.
const SEATS: usize = 4096;

/// Tells devices that ask far faster than they were told. Bounded in memory, for one process, and only
/// for devices that have logged in: a stranger spends nobody's share.
///
/// Nothing here counts per device for good (`governor`'s keyed limiters do, until they are swept).
pub struct Admission {
    device: Rate,
    process: Rate,
    /// Decides which devices share a seat; nobody outside can choose his neighbour. Not printable.
    key: [u8; 16],
    room: Mutex<Room>,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}

struct Room {
    seats: Vec<Seat>,
    process: Bucket,
}

#[derive(Clone, Copy, Default)]
struct Seat {
    device: u64,
    bucket: Bucket,
}

/// A token bucket, as the time in microseconds at which it will be full (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
struct Bucket(u64);

impl Admission {
    /// An empty room; `key` is fresh randomness.
    pub fn new(device: Rate, process: Rate, key: [u8; 16]) -> Self {
        let room = Room {
            seats: vec![Seat::default(); SEATS],
            process: Bucket::default(),
        };
        Self {
            device,
            process,
            key,
            room: Mutex::new(room),
        }
    }

    /// Counts a request of a device that has logged in. One that is refused counts for nothing.
    pub fn admit(&self, serial: &SerialNumber, now: UnixMillis) -> Result<(), TooFast> {
        let device = self.seat_of(serial);
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(device % SEATS as u64).unwrap_or_default();
        let seat = room.seats[index];
        let bucket = if seat.device == device {
            seat.bucket
        } else {
            Bucket::default()
        };
        let bucket = bucket.take(self.device, now).map_err(TooFast::Device)?;
        room.process = room
            .process
            .take(self.process, now)
            .map_err(TooFast::Process)?;
        room.seats[index] = Seat { device, bucket };
        Ok(())
    }

    fn seat_of(&self, serial: &SerialNumber) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.key.hash(&mut hasher);
        serial.as_str().hash(&mut hasher);
        hasher.finish()
    }
}

impl Bucket {
    /// The bucket less one token, or the whole seconds until it is full.
    fn take(self, rate: Rate, now: UnixMillis) -> Result<Self, u64> {
        let now = now.0.saturating_mul(1000);
        let all = rate.period_micros() * u64::from(rate.burst.max(1));
        // One that is emptier than empty was filled before the clock was set back: it starts afresh.
        let is_sane = self.0 <= now.saturating_add(all);
        let full_at = if is_sane { self.0.max(now) } else { now };
        let next = full_at.saturating_add(rate.period_micros());
        if next - now > all {
            return Err((full_at - now).div_ceil(1_000_000));
        }
        Ok(Self(next))
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
