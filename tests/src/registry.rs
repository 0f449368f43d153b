//! The device table in memory, with the refusals of the real one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;

/// A table. Clones share the rows.
#[derive(Clone, Debug, Default)]
pub struct MemoryRegistry(Arc<Mutex<HashMap<SerialNumber, Record>>>);

impl MemoryRegistry {
    /// Puts a row in, whatever was there.
    pub fn put(&self, record: Record) {
        self.0.lock().unwrap().insert(record.serial.clone(), record);
    }

    /// The row of this device.
    pub fn row(&self, serial: &SerialNumber) -> Option<Record> {
        self.0.lock().unwrap().get(serial).cloned()
    }
}

impl Registry for MemoryRegistry {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        Ok(self.row(serial))
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let mut rows = self.0.lock().unwrap();
        let Some(row) = rows.get_mut(&before.serial) else {
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
