//! The work queue: in memory (at least once, visibility, receive counts, dead letters), or a real one behind the same
//! face.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Queue;
use cvm_shared::time::UnixMillis;

use crate::time::HandClock;

/// A message in the queue.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id; a copy has another.
    pub id: String,
    /// What this delivery of it is called.
    pub receipt: String,
    /// Its text.
    pub body: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// How often it was received.
    pub receives: u32,
}

/// A message among the dead letters, with the reason if a worker parked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its text.
    pub body: String,
    /// Why it was parked; `None` if the queue gave up on it.
    pub reason: Option<&'static str>,
}

/// What a queue does for its ports, all at once, and for who looks in from outside.
pub trait Line: Debug + Send + Sync {
    /// Puts a text of this tenant in, to be seen after `delay`.
    fn push(&self, body: &str, tenant: Option<&str>, delay: Duration);
    /// As [`Queue::send`].
    fn send(&self, order: &Order) -> Result<(), Failure>;
    /// As [`Delivery::postpone`].
    fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure>;
    /// As [`Delivery::renew`].
    fn renew(&self, body: &str, tenant: Option<&str>, after: Duration) -> Result<(), Failure>;
    /// As [`Delivery::park`].
    fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure>;
    /// Receives up to `most` visible messages and hides them; gives up on those that were received `worn` times.
    fn receive(&self, most: usize, hidden: Duration, worn: u32) -> Vec<Message>;
    /// Deletes the message of that delivery.
    fn remove(&self, receipt: &str);
    /// How many messages are in the queue, hidden ones included.
    fn count(&self) -> usize;
    /// All messages, hidden ones included, in the order in which they were sent.
    fn messages(&self) -> Vec<Message>;
    /// The dead letters, in their order.
    fn dead_letters(&self) -> Vec<DeadLetter>;
}

/// A queue with its dead letters. Clones share them.
#[derive(Clone, Debug)]
pub struct TestQueue {
    line: Arc<dyn Line>,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// After how many receives the queue gives up.
    pub max_receives: u32,
}

impl TestQueue {
    /// A queue in memory on this clock.
    pub fn new(clock: HandClock) -> Self {
        Self::on(Memory {
            inside: Mutex::default(),
            clock,
        })
    }

    /// The queue that this one is.
    pub fn on(line: impl Line + 'static) -> Self {
        Self {
            line: Arc::new(line),
            visibility: Duration::from_mins(3),
            max_receives: 5,
        }
    }

    /// Puts a text in that is nobody's, to be seen after `delay`.
    pub fn push(&self, body: &str, delay: Duration) {
        self.push_of(body, None, delay);
    }

    /// Puts a text of this tenant in, to be seen after `delay`.
    pub fn push_of(&self, body: &str, tenant: Option<&str>, delay: Duration) {
        self.line.push(body, tenant, delay);
    }

    /// Receives up to `most` visible messages and hides them.
    pub fn receive(&self, most: usize) -> Vec<Message> {
        self.line.receive(most, self.visibility, self.max_receives)
    }

    /// Deletes the message of that delivery.
    pub fn delete(&self, receipt: &str) {
        self.line.remove(receipt);
    }

    /// How many messages are in the queue, hidden ones included.
    pub fn len(&self) -> usize {
        self.line.count()
    }

    /// Whether the queue is empty, hidden messages included.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All messages, hidden ones included.
    pub fn messages(&self) -> Vec<Message> {
        self.line.messages()
    }

    /// The texts of all messages, hidden ones included.
    pub fn bodies(&self) -> Vec<String> {
        let messages = self.messages().into_iter();
        messages.map(|message| message.body).collect()
    }

    /// The dead letters.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.line.dead_letters()
    }
}

impl Queue for TestQueue {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        self.line.send(order)
    }
}

impl Depth for TestQueue {
    async fn depth(&self) -> Result<u64, Failure> {
        Ok(self.len() as u64)
    }
}

impl Delivery for TestQueue {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        self.line.postpone(receipt, after)
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        self.line.renew(body, tenant, after)
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        self.line.park(body, reason)
    }
}

#[derive(Debug)]
struct Held {
    message: Message,
    visible_at: UnixMillis,
}

#[derive(Debug, Default)]
struct Inside {
    messages: Vec<Held>,
    dead: Vec<DeadLetter>,
    sent: u64,
}

#[derive(Debug)]
struct Memory {
    inside: Mutex<Inside>,
    clock: HandClock,
}

impl Line for Memory {
    /// The receipt is the message's id: an old one is as good as the newest.
    fn push(&self, body: &str, tenant: Option<&str>, delay: Duration) {
        let visible_at = self.clock.now().plus(delay);
        let mut inside = self.inside.lock().unwrap();
        inside.sent += 1;
        let id = format!("m{}", inside.sent);
        let message = Message {
            receipt: id.clone(),
            id,
            body: body.to_owned(),
            tenant: tenant.map(str::to_owned),
            receives: 0,
        };
        inside.messages.push(Held {
            message,
            visible_at,
        });
    }

    fn send(&self, order: &Order) -> Result<(), Failure> {
        let tenant = Some(order.serial.as_str());
        self.push(&order.encode(), tenant, Duration::ZERO);
        Ok(())
    }

    fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        let visible_at = self.clock.now().plus(after);
        let mut inside = self.inside.lock().unwrap();
        let messages = inside.messages.iter_mut();
        for held in messages.filter(|held| held.message.receipt == receipt) {
            held.visible_at = visible_at;
        }
        Ok(())
    }

    fn renew(&self, body: &str, tenant: Option<&str>, after: Duration) -> Result<(), Failure> {
        self.push(body, tenant, after);
        Ok(())
    }

    fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        let letter = DeadLetter {
            body: body.to_owned(),
            reason: Some(reason),
        };
        self.inside.lock().unwrap().dead.push(letter);
        Ok(())
    }

    fn receive(&self, most: usize, hidden: Duration, worn: u32) -> Vec<Message> {
        let now = self.clock.now();
        let hidden_until = now.plus(hidden);
        let mut inside = self.inside.lock().unwrap();
        let spent = |held: &Held| held.visible_at <= now && held.message.receives >= worn;
        let (dead, alive): (Vec<_>, Vec<_>) = inside.messages.drain(..).partition(spent);
        inside.messages = alive;
        let dead = dead.into_iter().map(|held| DeadLetter {
            body: held.message.body,
            reason: None,
        });
        inside.dead.extend(dead);
        let messages = inside.messages.iter_mut();
        let visible = messages.filter(|held| held.visible_at <= now);
        let take = |held: &mut Held| {
            held.message.receives += 1;
            held.visible_at = hidden_until;
            held.message.clone()
        };
        visible.take(most).map(take).collect()
    }

    fn remove(&self, receipt: &str) {
        let mut inside = self.inside.lock().unwrap();
        inside
            .messages
            .retain(|held| held.message.receipt != receipt);
    }

    fn count(&self) -> usize {
        self.inside.lock().unwrap().messages.len()
    }

    fn messages(&self) -> Vec<Message> {
        let inside = self.inside.lock().unwrap();
        let messages = inside.messages.iter();
        messages.map(|held| held.message.clone()).collect()
    }

    fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inside.lock().unwrap().dead.clone()
    }
}
