//! A process: it can be killed at any moment, and can stall.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use crate::time::Sleep;

#[derive(Debug)]
struct Inside {
    name: &'static str,
    number: u64,
    dead: AtomicBool,
    /// How many calls are left until it stalls; never again below zero.
    until_stall: AtomicI64,
}

/// A process. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Process(Arc<Inside>);

impl Process {
    /// A process of this kind, with its number.
    pub fn new(name: &'static str, number: u64) -> Self {
        Self::stalling(name, number, -1)
    }

    /// One that stalls at the call of that number, counted from zero; never if it is below zero.
    pub fn stalling(name: &'static str, number: u64, call: i64) -> Self {
        Self(Arc::new(Inside {
            name,
            number,
            dead: AtomicBool::new(false),
            until_stall: AtomicI64::new(call),
        }))
    }

    /// What it is called in traces.
    pub fn label(&self) -> String {
        format!("{}#{}", self.0.name, self.0.number)
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Ends it: nothing in it goes on.
    pub fn kill(&self) {
        self.0.dead.store(true, Ordering::Relaxed);
    }

    /// Whether it stalls at this call. Ask once for each call.
    pub fn stalls_here(&self) -> bool {
        self.0.until_stall.fetch_sub(1, Ordering::Relaxed) == 0
    }

    /// Does the work until it ends, the process is killed, or the time is up; `None` if it did not
    /// end.
    pub async fn run<T>(&self, limit: Option<Sleep>, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut limit = limit;
        poll_fn(|context| {
            // The work first: a kill comes out of it, in the same poll.
            if let Poll::Ready(ended) = work.as_mut().poll(context) {
                return Poll::Ready(Some(ended));
            }
            if self.0.dead.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            let over = limit
                .as_mut()
                .is_some_and(|limit| pin!(limit).poll(context).is_ready());
            if over {
                self.kill();
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }
}

/// How long a process that stalls does: well past any lease, or only a little.
pub const STALL: (Duration, Duration) = (Duration::from_secs(20), Duration::from_mins(20));
