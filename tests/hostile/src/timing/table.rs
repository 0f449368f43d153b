//! A device table that takes as long for no row as for one: what it takes is not the door's.

use std::collections::HashMap;
use std::hint::black_box;

use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;

/// A table that nobody writes to.
#[derive(Debug)]
pub struct EvenTable {
    /// Hashed: in an ordered map, names are found the later the larger they are. The rows of those who are not
    /// there are copied like the others, and then not handed out.
    rows: HashMap<SerialNumber, (Record, bool)>,
}

impl EvenTable {
    /// The table of these devices; whether each is there stands beside it.
    pub fn new(rows: Vec<(Record, bool)>) -> Self {
        let named = rows.into_iter().map(|row| (row.0.serial.clone(), row));
        Self {
            rows: named.collect(),
        }
    }
}

impl Registry for EvenTable {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        let found = self
            .rows
            .get(serial)
            .map(|(row, is_there)| (row.clone(), *is_there));
        let copy = black_box(found);
        Ok(copy.and_then(|(row, is_there)| is_there.then_some(row)))
    }

    async fn swap(&self, _: &Record, _: &Record) -> Result<Swap, Failure> {
        Ok(Swap::Done)
    }
}
