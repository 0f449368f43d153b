//! The work queue: at least once, visibility timeouts, and the turns of an SQS fair queue.
//!
//! A tenant that holds most of what is being worked on is a noisy neighbour to SQS, and others go before it. While a
//! batch is drained it is that one, so here whoever asks by himself goes before the batch. Among equals the one comes
//! first that was visible first: what was given back comes after what was never handed out, as in the stand-in. Messages
//! of the batch that were never handed out take no memory.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::Malformed;
use cvm_shared::message::Order;
use cvm_shared::ports::Delivery;
use cvm_sim::time::Time;
use cvm_sim::time::millis;
use cvm_testkit::queue::Message;

use crate::latency::Latency;
use crate::latency::Service;
use crate::plan::Plan;
use crate::stock::Stock;
use crate::stock::number;

/// The tenant of the batch.
const BATCH: &str = "batch";

/// A message's number: which device it is of, and the how many-th copy it is.
type Id = u64;

#[derive(Clone, Copy, Debug)]
struct Held {
    receives: u32,
    visible_at: u64,
}

/// What came of deliveries that did not end in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returns {
    /// Messages that were hidden for a while.
    pub postponed: u64,
    /// Messages that were sent anew.
    pub renewed: u64,
    /// Messages that were parked, by reason.
    pub parked: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Inside {
    /// How many of the batch, and of those that ask by themselves, were handed out at least once.
    batch_begun: u32,
    line_begun: u32,
    /// Messages that were handed out or sent anew.
    held: HashMap<Id, Held>,
    /// The same by the moment at which they are seen: those of single devices, and those of the batch.
    order: [BTreeSet<(u64, Id)>; 2],
    copies: u64,
    /// How many a worker holds.
    in_hands: usize,
    returns: Returns,
}

/// The queue. Clones share its messages.
#[derive(Clone, Debug)]
pub struct FairQueue {
    inside: Arc<Mutex<Inside>>,
    latency: Latency,
    time: Time,
    line: Arc<[u64]>,
    begin: u64,
    plan: Arc<Plan>,
}

impl FairQueue {
    /// The plan's batch, and those who come by themselves at these moments (in milliseconds, rising).
    pub fn new(plan: &Plan, latency: Latency, time: Time, line: Arc<[u64]>) -> Self {
        Self {
            inside: Arc::default(),
            latency,
            begin: time.now(),
            time,
            line,
            plan: Arc::new(plan.clone()),
        }
    }

    /// Hands out up to `most` messages and hides them.
    pub async fn receive(&self, most: u32) -> Result<Vec<Message>, Malformed> {
        self.latency.of(Service::Queue).await;
        let ids: Vec<(Id, u32)> = (0..most).map_while(|_| self.take()).collect();
        crate::lock(&self.inside).in_hands += ids.len();
        ids.into_iter()
            .map(|(id, receives)| self.message(id, receives))
            .collect()
    }

    /// A run has ended that was handed `held`; these messages of it are not needed any more.
    pub fn ended(&self, held: usize, done: &[&Message]) {
        let mut inside = crate::lock(&self.inside);
        inside.in_hands -= held;
        for message in done {
            if let Some((id, receives)) = parse(&message.receipt) {
                inside.delete(id, receives);
            }
        }
    }

    /// How many wait that no worker holds, hidden ones included.
    pub fn waiting(&self) -> usize {
        let inside = crate::lock(&self.inside);
        let come = self.line.partition_point(|at| *at <= self.time.now());
        let line = come.saturating_sub(inside.line_begun as usize);
        let batch = self.plan.devices - inside.batch_begun;
        (line + batch as usize + inside.held.len()).saturating_sub(inside.in_hands)
    }

    /// Whether nothing is left and nobody will come.
    pub fn is_over(&self) -> bool {
        let inside = crate::lock(&self.inside);
        inside.held.is_empty()
            && inside.batch_begun == self.plan.devices
            && inside.line_begun as usize == self.line.len()
    }

    /// What came back.
    pub fn returns(&self) -> Returns {
        crate::lock(&self.inside).returns.clone()
    }

    /// The next message, by turns.
    fn take(&self) -> Option<(Id, u32)> {
        let now = self.time.now();
        let mut inside = crate::lock(&self.inside);
        let id = self.next(&inside, now)?;
        inside.begin(id, self.plan.devices);
        let receives = inside.held.get(&id).map_or(0, |held| held.receives) + 1;
        let visible_at = now + millis(self.plan.visibility);
        inside.hide(id, receives, visible_at, self.is_of_batch(id));
        Some((id, receives))
    }

    fn next(&self, inside: &Inside, now: u64) -> Option<Id> {
        let line = self.line.get(inside.line_begun as usize);
        let line = line.map(|at| (*at, Id::from(self.plan.devices + inside.line_begun)));
        let has_more = inside.batch_begun < self.plan.devices;
        let batch = has_more.then_some((self.begin, Id::from(inside.batch_begun)));
        let [line_back, batch_back] = &inside.order;
        let candidates = [
            (false, line_back.first().copied()),
            (false, line),
            (true, batch),
            (true, batch_back.first().copied()),
        ];
        let seen = candidates.into_iter().filter_map(|(is_of_batch, found)| {
            let (at, id) = found.filter(|(at, _)| *at <= now)?;
            Some((is_of_batch && self.plan.is_fair, at, id))
        });
        seen.min().map(|(_, _, id)| id)
    }

    fn is_of_batch(&self, id: Id) -> bool {
        device(id) < self.plan.devices
    }

    fn message(&self, id: Id, receives: u32) -> Result<Message, Malformed> {
        let order = Stock::shared().order(device(id), self.plan.keys)?;
        let tenant = if self.is_of_batch(id) {
            BATCH.to_owned()
        } else {
            order.serial.to_string()
        };
        Ok(Message {
            id: id.to_string(),
            receipt: format!("{id}-{receives}"),
            body: order.encode(),
            tenant: Some(tenant),
            receives,
        })
    }
}

impl Inside {
    /// Notes that a message is out which was never before.
    fn begin(&mut self, id: Id, devices: u32) {
        if self.held.contains_key(&id) {
            return;
        }
        if device(id) < devices {
            self.batch_begun += 1;
        } else {
            self.line_begun += 1;
        }
    }

    fn hide(&mut self, id: Id, receives: u32, visible_at: u64, is_of_batch: bool) {
        let held = Held {
            receives,
            visible_at,
        };
        if let Some(before) = self.held.insert(id, held) {
            self.order[usize::from(is_of_batch)].remove(&(before.visible_at, id));
        }
        self.order[usize::from(is_of_batch)].insert((visible_at, id));
    }

    fn delete(&mut self, id: Id, receives: u32) {
        let current = self.held.get(&id).filter(|held| held.receives == receives);
        let Some(place) = current.map(|held| (held.visible_at, id)) else {
            return;
        };
        self.held.remove(&id);
        for order in &mut self.order {
            order.remove(&place);
        }
    }
}

/// The device that the message is of.
fn device(id: Id) -> u32 {
    u32::try_from(id & u64::from(u32::MAX)).unwrap_or_default()
}

fn parse(receipt: &str) -> Option<(Id, u32)> {
    let (id, receives) = receipt.split_once('-')?;
    Some((id.parse().ok()?, receives.parse().ok()?))
}

impl Delivery for FairQueue {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        self.latency.of(Service::Queue).await;
        let visible_at = self.time.now() + millis(after);
        let mut inside = crate::lock(&self.inside);
        inside.returns.postponed += 1;
        if let Some((id, receives)) = parse(receipt)
            && inside
                .held
                .get(&id)
                .is_some_and(|held| held.receives == receives)
        {
            inside.hide(id, receives, visible_at, self.is_of_batch(id));
        }
        Ok(())
    }

    async fn renew(&self, body: &str, _: Option<&str>, after: Duration) -> Result<(), Failure> {
        self.latency.of(Service::Queue).await;
        let visible_at = self.time.now() + millis(after);
        let order = Order::decode(body).ok();
        let Some(device) = order.and_then(|order| number(&order.serial)) else {
            return Ok(());
        };
        let mut inside = crate::lock(&self.inside);
        inside.returns.renewed += 1;
        inside.copies += 1;
        let id = inside.copies << 32 | Id::from(device);
        inside.hide(id, 0, visible_at, self.is_of_batch(id));
        Ok(())
    }

    async fn park(&self, _: &str, reason: &'static str) -> Result<(), Failure> {
        self.latency.of(Service::Queue).await;
        *crate::lock(&self.inside)
            .returns
            .parked
            .entry(reason)
            .or_default() += 1;
        Ok(())
    }
}
