//! The device table of a test: in memory with the refusals of the real one, or a real one behind the same face.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::care::Group;
use cvm_shared::care::waiting;
use cvm_shared::entry::Entry;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;

/// What a table does for its ports, all at once, and for who looks in from outside.
pub trait Table: Debug + Send + Sync {
    /// As [`Registry::load`].
    fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure>;
    /// As [`Registry::swap`].
    fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure>;
    /// As [`Backlog::waiting`]; of one moment, the lesser serial number comes first.
    fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure>;
    /// As [`Backlog::names`].
    fn names(&self, certificate: &CertificateId) -> Result<bool, Failure>;
    /// As [`Backlog::mark`].
    fn mark(&self) -> Result<Option<UnixMillis>, Failure>;
    /// As [`Backlog::set_mark`].
    fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure>;
    /// Puts a row in, whatever was there.
    fn put(&self, record: Record);
    /// All rows, by serial number.
    fn rows(&self) -> Vec<Record>;
    /// The trail of this device's row, if the table keeps trails itself.
    fn trail(&self, serial: &SerialNumber) -> Option<Vec<Entry>>;
}

/// A table. Clones share the rows.
#[derive(Clone, Debug)]
pub struct TestRegistry(Arc<dyn Table>);

impl Default for TestRegistry {
    fn default() -> Self {
        Self::on(Memory::default())
    }
}

impl TestRegistry {
    /// The table that this one is.
    pub fn on(table: impl Table + 'static) -> Self {
        Self(Arc::new(table))
    }

    /// Puts a row in, whatever was there.
    pub fn put(&self, record: Record) {
        self.0.put(record);
    }

    /// The row of this device.
    pub fn row(&self, serial: &SerialNumber) -> Option<Record> {
        self.0.load(serial).unwrap()
    }

    /// All rows, by serial number.
    pub fn rows(&self) -> Vec<Record> {
        self.0.rows()
    }

    /// The trail of this device's row, if the table keeps trails itself.
    pub fn trail(&self, serial: &SerialNumber) -> Option<Vec<Entry>> {
        self.0.trail(serial)
    }
}

impl Registry for TestRegistry {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        self.0.load(serial)
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        self.0.swap(before, after)
    }
}

impl Backlog for TestRegistry {
    async fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        self.0.waiting(group, before, most)
    }

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        self.0.names(certificate)
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        self.0.mark()
    }

    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        self.0.set_mark(mark)
    }
}

#[derive(Debug, Default)]
struct Inside {
    rows: BTreeMap<SerialNumber, Record>,
    mark: Option<UnixMillis>,
}

#[derive(Debug, Default)]
struct Memory(Mutex<Inside>);

impl Table for Memory {
    fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        Ok(self.0.lock().unwrap().rows.get(serial).cloned())
    }

    fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let mut inside = self.0.lock().unwrap();
        let Some(row) = inside.rows.get_mut(&before.serial) else {
            return Err(Failure::CorruptRow { field: "productid" });
        };
        let unchanged = row.revision == before.revision
            && row.state.apply_state() == before.state.apply_state()
            && row.generation == before.generation
            && row.epoch == before.epoch;
        if unchanged {
            *row = after.clone();
        } else if row != after {
            return Ok(Swap::Changed(Box::new(row.clone())));
        }
        Ok(Swap::Done)
    }

    fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        let rows = self.rows();
        let mut found: Vec<(UnixMillis, SerialNumber)> = rows
            .iter()
            .filter_map(|row| Some((waiting(row)?, row.serial.clone())))
            .filter(|(waits, _)| waits.group == group && waits.since < before)
            .map(|(waits, serial)| (waits.since, serial))
            .collect();
        found.sort();
        Ok(found
            .into_iter()
            .take(most)
            .map(|(_, serial)| serial)
            .collect())
    }

    fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        let named = |row: &Record| {
            let issued = row.state.issued();
            issued.is_some_and(|issued| issued.certificate_id == *certificate)
        };
        Ok(self.rows().iter().any(named))
    }

    fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        Ok(self.0.lock().unwrap().mark)
    }

    fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        self.0.lock().unwrap().mark = Some(mark);
        Ok(())
    }

    fn put(&self, record: Record) {
        let mut inside = self.0.lock().unwrap();
        inside.rows.insert(record.serial.clone(), record);
    }

    fn rows(&self) -> Vec<Record> {
        self.0.lock().unwrap().rows.values().cloned().collect()
    }

    fn trail(&self, _: &SerialNumber) -> Option<Vec<Entry>> {
        None
    }
}
