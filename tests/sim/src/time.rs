//! Virtual time: what is due when, and futures that wait for it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use cvm_shared::ports::Clock;
use cvm_shared::time::UnixMillis;
use cvm_testkit::time::HandClock;

/// What is done when a moment comes.
enum Due {
    Wake(Waker),
    Run(Box<dyn FnOnce() + Send>),
}

struct Entry {
    at: u64,
    number: u64,
    due: Due,
}

/// The earliest is the greatest; of one moment, the one that was asked for first.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[derive(Default)]
struct Agenda {
    entries: BinaryHeap<Entry>,
    count: u64,
}

/// Virtual time. Clones share it. It stands still until [`Time::advance`].
#[derive(Clone)]
pub struct Time {
    agenda: Arc<Mutex<Agenda>>,
    hand: HandClock,
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({})", self.hand.now())
    }
}

impl Time {
    /// Time that moves the hand of this clock.
    pub fn new(hand: HandClock) -> Self {
        Self {
            agenda: Arc::default(),
            hand,
        }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.hand.now().0
    }

    fn put(&self, at: u64, due: Due) {
        let mut agenda = self.agenda.lock().unwrap();
        agenda.count += 1;
        let number = agenda.count;
        agenda.entries.push(Entry { at, number, due });
    }

    /// Does this some time later, whoever is dead by then.
    pub fn later(&self, span: Duration, act: impl FnOnce() + Send + 'static) {
        self.put(self.now() + millis(span), Due::Run(Box::new(act)));
    }

    /// Waits for so long.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.until(self.now() + millis(span))
    }

    /// Waits until that moment.
    pub fn until(&self, at: u64) -> Sleep {
        Sleep {
            time: self.clone(),
            at,
            armed: false,
        }
    }

    /// Goes on to the next moment at which something is due, and does it; `false` if nothing is.
    pub fn advance(&self) -> bool {
        let Some(next) = self.agenda.lock().unwrap().entries.pop() else {
            return false;
        };
        let ahead = next.at.saturating_sub(self.now());
        self.hand.advance(Duration::from_millis(ahead));
        match next.due {
            Due::Wake(waker) => waker.wake(),
            Due::Run(act) => act(),
        }
        true
    }
}

/// In whole milliseconds, rounded up: who waits for a nanosecond must not find that no time has passed.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX / 4)
}

/// Waits for a moment.
#[derive(Debug)]
pub struct Sleep {
    time: Time,
    at: u64,
    armed: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.at {
            return Poll::Ready(());
        }
        // Once is enough: all futures of a task are woken through the task's own waker.
        if !self.armed {
            self.armed = true;
            let due = Due::Wake(context.waker().clone());
            self.time.put(self.at, due);
        }
        Poll::Pending
    }
}

/// The clock of one machine, which may be wrong by a constant.
#[derive(Clone, Debug)]
pub struct SimClock {
    time: Time,
    ahead_millis: i64,
}

impl SimClock {
    /// A clock that is ahead of virtual time by so much, or behind it.
    pub fn new(time: &Time, ahead_millis: i64) -> Self {
        Self {
            time: time.clone(),
            ahead_millis,
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.time.now().saturating_add_signed(self.ahead_millis))
    }

    async fn sleep(&self, span: Duration) {
        self.time.sleep(span).await;
    }
}

/// Rings when there is something to do.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Mutex<(bool, Option<Waker>)>>);

impl Bell {
    /// Rings.
    pub fn ring(&self) {
        let mut inside = self.0.lock().unwrap();
        inside.0 = true;
        if let Some(waker) = inside.1.take() {
            waker.wake();
        }
    }

    /// Waits until it has rung.
    pub async fn rung(&self) {
        std::future::poll_fn(|context| {
            let mut inside = self.0.lock().unwrap();
            if std::mem::take(&mut inside.0) {
                return Poll::Ready(());
            }
            inside.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_takes_no_time() {
        let told = [0, 1, 999_999, 1_000_000, 1_000_001].map(Duration::from_nanos);
        assert_eq!(told.map(millis), [0, 1, 1, 1, 2]);
    }
}
