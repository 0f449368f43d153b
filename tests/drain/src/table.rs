//! The device table: rows come to be when they are first read, and go when they are done. Only those that are worked on
//! take memory; of the others a bit remains.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_sim::time::Time;

use crate::latency::Latency;
use crate::latency::Service;
use crate::plan::Plan;
use crate::stock::Stock;
use crate::stock::number;
use crate::waits::Waits;

const CORRUPT: Failure = Failure::CorruptRow { field: "productid" };

/// What became of the devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How long those of the batch waited.
    pub batch: Waits,
    /// How long those waited that asked by themselves.
    pub line: Waits,
    /// How many rows failed for good.
    pub failed: u64,
    /// When the last one was vended, in milliseconds.
    pub last_millis: u64,
}

#[derive(Debug, Default)]
struct Inside {
    open: HashMap<u32, Record>,
    closed: Vec<u64>,
    outcome: Outcome,
}

/// The table. Clones share its rows.
#[derive(Clone, Debug)]
pub struct FlatTable {
    inside: Arc<Mutex<Inside>>,
    latency: Latency,
    time: Time,
    devices: u32,
    keys: f64,
    /// When the batch was submitted, and when each device asked that is in none.
    asked: (u64, Arc<[u64]>),
}

impl FlatTable {
    /// A table in which everybody waits: the batch since `begin`, the others as they come.
    pub fn new(plan: &Plan, latency: Latency, time: Time, line: Arc<[u64]>) -> Self {
        Self {
            inside: Arc::default(),
            latency,
            devices: plan.devices,
            keys: plan.keys,
            asked: (time.now(), line),
            time,
        }
    }

    /// What became of the devices so far.
    pub fn outcome(&self) -> Outcome {
        crate::lock(&self.inside).outcome.clone()
    }

    /// How many have their certificate.
    pub fn vended(&self) -> u64 {
        let outcome = &crate::lock(&self.inside).outcome;
        outcome.batch.count() + outcome.line.count()
    }

    fn asked_at(&self, number: u32) -> u64 {
        let (batch, line) = &self.asked;
        let of_line = number.checked_sub(self.devices).map(|place| place as usize);
        of_line
            .and_then(|place| line.get(place))
            .map_or(*batch, |at| *at)
    }

    /// The row of this device; a device that is done has none any more.
    fn row(&self, number: u32) -> Option<Record> {
        let mut inside = crate::lock(&self.inside);
        if inside.is_closed(number) {
            return None;
        }
        if let Some(row) = inside.open.get(&number) {
            return Some(row.clone());
        }
        let asked_at = UnixMillis(self.asked_at(number));
        let row = Stock::shared().row(number, self.keys, asked_at).ok()?;
        inside.open.insert(number, row.clone());
        Some(row)
    }

    fn put(&self, number: u32, after: &Record) {
        let mut inside = crate::lock(&self.inside);
        match &after.state {
            State::Vended { .. } => {
                let now = self.time.now();
                let waited = now.saturating_sub(self.asked_at(number));
                inside.vended(waited, number >= self.devices, now);
                inside.close(number);
            }
            State::Failed { .. } => {
                inside.outcome.failed += 1;
                inside.close(number);
            }
            State::Disabled
            | State::Registered
            | State::Requested { .. }
            | State::Issuing { .. } => {
                inside.open.insert(number, after.clone());
            }
        }
    }
}

impl Inside {
    fn is_closed(&self, number: u32) -> bool {
        let word = self.closed.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn close(&mut self, number: u32) {
        let word = number as usize / 64;
        if self.closed.len() <= word {
            self.closed.resize(word + 1, 0);
        }
        self.closed[word] |= 1 << (number % 64);
        self.open.remove(&number);
    }

    fn vended(&mut self, waited_millis: u64, is_of_line: bool, now: u64) {
        let waits = if is_of_line {
            &mut self.outcome.line
        } else {
            &mut self.outcome.batch
        };
        waits.note(waited_millis);
        self.outcome.last_millis = now;
    }
}

impl Registry for FlatTable {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        self.latency.of(Service::Table).await;
        Ok(number(serial).and_then(|number| self.row(number)))
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        self.latency.of(Service::Table).await;
        let number = number(&before.serial).ok_or(CORRUPT)?;
        let row = self.row(number).ok_or(CORRUPT)?;
        let is_unchanged = row.revision == before.revision
            && row.state.apply_state() == before.state.apply_state()
            && row.generation == before.generation
            && row.epoch == before.epoch;
        if !is_unchanged {
            return Ok(Swap::Changed(Box::new(row)));
        }
        self.put(number, after);
        Ok(Swap::Done)
    }
}
