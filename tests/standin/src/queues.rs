//! All queues of the account, and waiting for their messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Map;
use serde_json::Value;
use tokio::sync::Notify;

use crate::clock;
use crate::lock;
use crate::queue::Message;
use crate::queue::Queue;

/// A queue, and a bell for those who wait for a message.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Mutex<Queue>,
    pub(crate) bell: Notify,
    /// The queue for its dead letters.
    dead_letters: Option<Arc<Self>>,
}

impl Shared {
    fn new(queue: Queue, dead_letters: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(queue),
            bell: Notify::new(),
            dead_letters,
        })
    }

    /// Receives what is visible now.
    fn receive_now(&self, most: usize, visibility: Option<Duration>) -> Vec<Message> {
        let millis = clock::unix_millis();
        let (received, spent) = lock(&self.queue).receive(clock::now(), millis, most, visibility);
        if let Some(dead_letters) = self.dead_letters.as_ref().filter(|_| !spent.is_empty()) {
            let mut queue = lock(&dead_letters.queue);
            for message in spent {
                queue.push(message.buried(clock::now()));
            }
            drop(queue);
            dead_letters.bell.notify_waiters();
        }
        received
    }

    /// Receives; waits up to `patience` for a first message.
    pub(crate) async fn receive(
        &self,
        most: usize,
        visibility: Option<Duration>,
        patience: Duration,
    ) -> Vec<Message> {
        let give_up = clock::now() + patience;
        loop {
            // From here on a ring is heard, so none is missed between looking and waiting.
            let ring = self.bell.notified();
            let received = self.receive_now(most, visibility);
            let now = clock::now();
            if !received.is_empty() || now >= give_up {
                return received;
            }
            let wake = self.wake(give_up);
            let _ = tokio::time::timeout(wake.saturating_duration_since(now), ring).await;
        }
    }

    fn wake(&self, give_up: Instant) -> Instant {
        let next = lock(&self.queue).next_visible();
        next.map_or(give_up, |next| next.min(give_up))
    }
}

/// The account's queues by name.
#[derive(Debug)]
pub(crate) struct Queues {
    by_name: Mutex<BTreeMap<String, Arc<Shared>>>,
    sent: AtomicU64,
}

/// A work queue, and the queue of its dead letters (with the service's default timeout of 30 s).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) work: &'static str,
    pub(crate) dead_letters: &'static str,
    pub(crate) visibility: Duration,
    pub(crate) max_receives: u32,
}

const DEFAULT_VISIBILITY: Duration = Duration::from_secs(30);

impl Queues {
    pub(crate) fn new(pair: Pair) -> Self {
        let dead_letters = Shared::new(Queue::new(DEFAULT_VISIBILITY, None), None);
        let work = Queue::new(pair.visibility, Some(pair.max_receives));
        let work = Shared::new(work, Some(dead_letters.clone()));
        let queues = [(pair.work, work), (pair.dead_letters, dead_letters)];
        let queues = queues.map(|(name, queue)| (name.to_owned(), queue));
        Self {
            by_name: Mutex::new(BTreeMap::from(queues)),
            sent: AtomicU64::new(0),
        }
    }

    /// Adds a queue without dead letters.
    pub(crate) fn add(&self, name: &str) {
        let queue = Shared::new(Queue::new(DEFAULT_VISIBILITY, None), None);
        lock(&self.by_name).insert(name.to_owned(), queue);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Shared>> {
        lock(&self.by_name).get(name).cloned()
    }

    /// Puts a message in and returns its id.
    pub(crate) fn send(
        &self,
        to: &Shared,
        body: &str,
        attributes: Map<String, Value>,
        tenant: Option<&str>,
        delay: Duration,
    ) -> String {
        let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let visible_at = clock::now() + delay;
        let sent_at = clock::unix_millis();
        let mut message = Message::new(number, body.to_owned(), attributes, sent_at, visible_at);
        message.tenant = tenant.map(str::to_owned);
        let id = message.id();
        lock(&to.queue).push(message);
        to.bell.notify_waiters();
        id
    }
}
