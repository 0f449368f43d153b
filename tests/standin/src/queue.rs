//! One queue: at least once, visibility timeouts, receive counts, dead letters.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use serde_json::Map;
use serde_json::Value;

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) body: String,
    /// Message attributes in the service's JSON.
    pub(crate) attributes: Map<String, Value>,
    /// Whose it is (`MessageGroupId`).
    pub(crate) tenant: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) sent_at: u64,
    /// Milliseconds since 1970; 0 before the first receive.
    pub(crate) first_received_at: u64,
    pub(crate) receives: u32,
    visible_at: Instant,
}

impl Message {
    pub(crate) fn new(
        number: u64,
        body: String,
        attributes: Map<String, Value>,
        sent_at: u64,
        visible_at: Instant,
    ) -> Self {
        Self {
            number,
            body,
            attributes,
            tenant: None,
            sent_at,
            first_received_at: 0,
            receives: 0,
            visible_at,
        }
    }

    /// The same message as a dead letter: its receives count on, as at SQS.
    pub(crate) fn buried(mut self, now: Instant) -> Self {
        self.visible_at = now;
        self
    }

    pub(crate) fn id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.number)
    }

    /// Names this message and this receive of it.
    pub(crate) fn receipt(&self) -> String {
        format!("{}-{}", self.number, self.receives)
    }
}

/// How many messages are in which condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// To be received now.
    pub visible: usize,
    /// Received and hidden.
    pub in_flight: usize,
    /// Never received and not visible yet.
    pub delayed: usize,
}

impl Depth {
    /// All messages.
    pub fn total(&self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

/// What came of an attempt to change a message's visibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Done,
    /// It was received again since, or deleted: nothing has changed.
    Stale,
    /// Its visibility timeout has passed already.
    NotInFlight,
    /// Not a receipt handle.
    Invalid,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) visibility: Duration,
    /// After how many receives a message goes to the dead letters; `None` without such a queue.
    pub(crate) max_receives: Option<u32>,
    messages: BTreeMap<u64, Message>,
    order: BTreeSet<(Instant, u64)>,
}

impl Queue {
    pub(crate) fn new(visibility: Duration, max_receives: Option<u32>) -> Self {
        Self {
            visibility,
            max_receives,
            messages: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }

    pub(crate) fn push(&mut self, message: Message) {
        self.order.insert((message.visible_at, message.number));
        self.messages.insert(message.number, message);
    }

    /// Receives up to `most` visible messages, and hides them. Those that have been received often
    /// enough are taken out and returned beside, for the dead letters.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        unix_millis: u64,
        most: usize,
        visibility: Option<Duration>,
    ) -> (Vec<Message>, Vec<Message>) {
        let hidden_until = now + visibility.unwrap_or(self.visibility);
        let (mut received, mut spent) = (Vec::new(), Vec::new());
        while received.len() < most {
            let Some(&(visible_at, number)) = self.order.first().filter(|(at, _)| *at <= now)
            else {
                break;
            };
            self.order.remove(&(visible_at, number));
            let Some(mut message) = self.messages.remove(&number) else {
                continue;
            };
            if self
                .max_receives
                .is_some_and(|most| message.receives >= most)
            {
                spent.push(message);
                continue;
            }
            message.receives += 1;
            if message.first_received_at == 0 {
                message.first_received_at = unix_millis;
            }
            message.visible_at = hidden_until;
            received.push(message);
        }
        // Only now, so that a timeout of zero does not hand a message out twice in one call.
        for message in &received {
            self.push(message.clone());
        }
        (received, spent)
    }

    /// When the next message that is hidden now will be seen.
    pub(crate) fn next_visible(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Deletes a message, if this is the receipt of its latest receive; `false` if it is none at all.
    pub(crate) fn delete(&mut self, receipt: &str) -> bool {
        let Some((number, receive)) = parse(receipt) else {
            return false;
        };
        let current = self.messages.get(&number).filter(|m| m.receives == receive);
        if let Some(place) = current.map(|message| (message.visible_at, number)) {
            self.order.remove(&place);
            self.messages.remove(&number);
        }
        true
    }

    pub(crate) fn change_visibility(
        &mut self,
        receipt: &str,
        now: Instant,
        span: Duration,
    ) -> Change {
        let Some((number, receive)) = parse(receipt) else {
            return Change::Invalid;
        };
        let Some(message) = self.messages.get_mut(&number) else {
            return Change::Stale;
        };
        if message.receives != receive {
            return Change::Stale;
        }
        if message.visible_at <= now {
            return Change::NotInFlight;
        }
        self.order.remove(&(message.visible_at, number));
        message.visible_at = now + span;
        self.order.insert((message.visible_at, number));
        Change::Done
    }

    pub(crate) fn depth(&self, now: Instant) -> Depth {
        let mut depth = Depth::default();
        for message in self.messages.values() {
            if message.visible_at <= now {
                depth.visible += 1;
            } else if message.receives > 0 {
                depth.in_flight += 1;
            } else {
                depth.delayed += 1;
            }
        }
        depth
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.order.clear();
    }
}

fn parse(receipt: &str) -> Option<(u64, u32)> {
    let (number, receive) = receipt.split_once('-')?;
    Some((number.parse().ok()?, receive.parse().ok()?))
}
