//! The work queue in memory: at least once, visibility, receive counts, dead letters.

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
    /// Its text.
    pub body: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// How often it was received.
    pub receives: u32,
    visible_at: UnixMillis,
}

/// A message among the dead letters, with the reason if a worker parked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its text.
    pub body: String,
    /// Why it was parked; `None` if the queue gave up on it.
    pub reason: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Inside {
    messages: Vec<Message>,
    dead: Vec<DeadLetter>,
    sent: u64,
}

/// A queue with its dead letters. Clones share them.
#[derive(Clone, Debug)]
pub struct MemoryQueue {
    inside: Arc<Mutex<Inside>>,
    clock: HandClock,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// After how many receives the queue gives up.
    pub max_receives: u32,
}

impl MemoryQueue {
    /// A queue on this clock.
    pub fn new(clock: HandClock) -> Self {
        Self {
            inside: Arc::default(),
            clock,
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
        let visible_at = self.clock.now().plus(delay);
        let mut inside = self.inside.lock().unwrap();
        inside.sent += 1;
        let id = format!("m{}", inside.sent);
        let body = body.to_owned();
        inside.messages.push(Message {
            id,
            body,
            tenant: tenant.map(str::to_owned),
            receives: 0,
            visible_at,
        });
    }

    /// Receives up to `most` visible messages and hides them.
    pub fn receive(&self, most: usize) -> Vec<Message> {
        let now = self.clock.now();
        let hidden_until = now.plus(self.visibility);
        let mut inside = self.inside.lock().unwrap();
        let spent =
            |message: &Message| message.visible_at <= now && message.receives >= self.max_receives;
        let (dead, alive): (Vec<_>, Vec<_>) = inside.messages.drain(..).partition(spent);
        inside.messages = alive;
        let dead = dead.into_iter().map(|message| DeadLetter {
            body: message.body,
            reason: None,
        });
        inside.dead.extend(dead);
        let visible = inside
            .messages
            .iter_mut()
            .filter(|message| message.visible_at <= now);
        let take = |message: &mut Message| {
            message.receives += 1;
            message.visible_at = hidden_until;
            message.clone()
        };
        visible.take(most).map(take).collect()
    }

    /// Deletes a message.
    pub fn delete(&self, id: &str) {
        self.inside
            .lock()
            .unwrap()
            .messages
            .retain(|message| message.id != id);
    }

    /// How many messages are in the queue, hidden ones included.
    pub fn len(&self) -> usize {
        self.inside.lock().unwrap().messages.len()
    }

    /// Whether the queue is empty, hidden messages included.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All messages, hidden ones included.
    pub fn messages(&self) -> Vec<Message> {
        self.inside.lock().unwrap().messages.clone()
    }

    /// The texts of all messages, hidden ones included.
    pub fn bodies(&self) -> Vec<String> {
        let inside = self.inside.lock().unwrap();
        inside
            .messages
            .iter()
            .map(|message| message.body.clone())
            .collect()
    }

    /// The dead letters.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inside.lock().unwrap().dead.clone()
    }
}

impl Queue for MemoryQueue {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        let tenant = Some(order.serial.as_str());
        self.push_of(&order.encode(), tenant, Duration::ZERO);
        Ok(())
    }
}

impl Depth for MemoryQueue {
    async fn depth(&self) -> Result<u64, Failure> {
        Ok(self.len() as u64)
    }
}

impl Delivery for MemoryQueue {
    /// The receipt handle is the message's id.
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        let visible_at = self.clock.now().plus(after);
        let mut inside = self.inside.lock().unwrap();
        for message in inside
            .messages
            .iter_mut()
            .filter(|message| message.id == receipt)
        {
            message.visible_at = visible_at;
        }
        Ok(())
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        self.push_of(body, tenant, after);
        Ok(())
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        let letter = DeadLetter {
            body: body.to_owned(),
            reason: Some(reason),
        };
        self.inside.lock().unwrap().dead.push(letter);
        Ok(())
    }
}
