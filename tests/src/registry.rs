//! The device table in memory, with the refusals of the real one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::care::Group;
use cvm_shared::care::waiting;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;

#[derive(Debug, Default)]
struct Inside {
    rows: BTreeMap<SerialNumber, Record>,
    mark: Option<UnixMillis>,
}

/// A table. Clones share the rows.
#[derive(Clone, Debug, Default)]
pub struct MemoryRegistry(Arc<Mutex<Inside>>);

impl MemoryRegistry {
    /// Puts a row in, whatever was there.
    pub fn put(&self, record: Record) {
        let mut inside = self.0.lock().unwrap();
        inside.rows.insert(record.serial.clone(), record);
    }

    /// The row of this device.
    pub fn row(&self, serial: &SerialNumber) -> Option<Record> {
        self.0.lock().unwrap().rows.get(serial).cloned()
    }

    /// All rows, by serial number.
    pub fn rows(&self) -> Vec<Record> {
        self.0.lock().unwrap().rows.values().cloned().collect()
    }
}

impl Registry for MemoryRegistry {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        Ok(self.row(serial))
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
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
}

impl Backlog for MemoryRegistry {
    async fn waiting(
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

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        let named = |row: &Record| {
            let issued = row.state.issued();
            issued.is_some_and(|issued| issued.certificate_id == *certificate)
        };
        Ok(self.rows().iter().any(named))
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        Ok(self.0.lock().unwrap().mark)
    }

    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        self.0.lock().unwrap().mark = Some(mark);
        Ok(())
    }
}
