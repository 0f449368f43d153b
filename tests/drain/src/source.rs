//! Lambda's event source: so many runs at once, each with a batch; what is not named as failed is deleted.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use cvm_shared::ports::Clock as _;
use cvm_sim::dice::Dice;
use cvm_sim::process::Process;
use cvm_sim::time::SimClock;
use cvm_sim::time::Time;
use cvm_testkit::queue::Message;
use cvm_testkit::site::event;
use cvm_worker::batch::work_off;
use cvm_worker::run::Worker;

use crate::account::Account;
use crate::account::span_seconds;
use crate::gauge::Gauge;
use crate::issuer::PacedIssuer;
use crate::latency::Latency;
use crate::latency::Service;
use crate::plan::Plan;
use crate::queue::FairQueue;
use crate::table::FlatTable;
use crate::vault::ForgetfulVault;

/// How soon it looks again where there was nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The real worker on the ports of this crate.
pub type DrainWorker = Worker<FlatTable, PacedIssuer, ForgetfulVault, SimClock, Dice>;

/// What the runs came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many there were.
    pub runs: u64,
    /// How long they took together, in seconds.
    pub run_seconds: f64,
    /// Messages that came back.
    pub given_back: u64,
    /// Runs that were cut off.
    pub killed: u64,
}

/// Everything that workers share. Clones share it.
#[derive(Clone, Debug)]
pub struct Site {
    /// What is simulated.
    pub plan: Rc<Plan>,
    /// Virtual time.
    pub time: Time,
    /// All chance.
    pub dice: Dice,
    /// How long calls take.
    pub latency: Latency,
    /// AWS IoT's quotas.
    pub account: Account,
    /// The device table.
    pub table: FlatTable,
    /// The work queue.
    pub queue: FairQueue,
    /// How much of the quotas is used.
    pub gauge: Rc<RefCell<Gauge>>,
    /// What the runs came to.
    pub tally: Rc<RefCell<Tally>>,
    /// After this moment nobody goes on, in milliseconds.
    pub end_millis: u64,
}

impl Site {
    /// One worker's process.
    fn worker(&self) -> DrainWorker {
        let (time, dice) = (self.time.clone(), self.dice.clone());
        let (account, latency) = (self.account.clone(), self.latency.clone());
        Worker {
            registry: self.table.clone(),
            issuer: PacedIssuer::new(&self.plan, account, latency.clone(), time, dice.clone()),
            vault: ForgetfulVault(latency),
            clock: SimClock::new(&self.time, 0),
            random: dice,
            terms: self.plan.terms,
        }
    }

    fn look(&self) {
        if self.queue.waiting() >= self.plan.hands() as usize {
            let mut gauge = self.gauge.borrow_mut();
            gauge.look(&self.account, self.table.vended(), self.time.now());
        }
    }

    fn is_over(&self) -> bool {
        self.queue.is_over() || self.time.now() >= self.end_millis
    }
}

/// One of the workers that run at once, from the first batch to the last. It is never started anew.
pub async fn lane(site: Site, lanes: Rc<Cell<usize>>) {
    let worker = site.worker();
    while !site.is_over() {
        let held = site.queue.receive(site.plan.batch).await;
        let held = held.unwrap_or_default();
        site.look();
        if held.is_empty() {
            site.time.sleep(LOOK_AGAIN).await;
        } else {
            invoke(&site, &worker, &held).await;
        }
    }
    lanes.set(lanes.get() - 1);
}

/// One run, and what the event source does after it.
async fn invoke(site: &Site, worker: &DrainWorker, held: &[Message]) {
    let begun = site.time.now();
    let limit = site.time.sleep(site.plan.run);
    let deadline = worker.clock.now().plus(site.plan.run);
    let event = event(held);
    let most = site.plan.max_receives;
    let run = work_off(worker, &site.queue, most, &event, deadline);
    let process = Process::new("worker", 0);
    let answer = process.run(Some(limit), Box::pin(run)).await;
    note(site, begun, answer.is_none());
    let done = answer.and_then(Result::ok);
    let done = done.map_or_else(Vec::new, |answer| done_of(held, &answer));
    site.tally.borrow_mut().given_back += (held.len() - done.len()) as u64;
    site.latency.of(Service::Queue).await;
    site.queue.ended(held.len(), &done);
}

fn note(site: &Site, begun: u64, was_killed: bool) {
    let mut tally = site.tally.borrow_mut();
    tally.runs += 1;
    tally.run_seconds += span_seconds(begun, site.time.now());
    tally.killed += u64::from(was_killed);
}

fn done_of<'a>(held: &'a [Message], answer: &SqsBatchResponse) -> Vec<&'a Message> {
    let back = &answer.batch_item_failures;
    let comes_back = |id: &str| back.iter().any(|failure| failure.item_identifier == id);
    held.iter()
        .filter(|message| !comes_back(&message.id))
        .collect()
}
