//! An operator's file of devices: every row comes to one end, and coming again changes nothing.
//!
//! The first byte says whether there is a default policy, the rest is the file.

use std::collections::BTreeMap;
use std::sync::Mutex;

use cvm_shared::operate::rows::Inserted;
use cvm_ops::import::End;
use cvm_ops::import::HeaderError;
use cvm_ops::import::Options;
use cvm_ops::import::Progress;
use cvm_ops::import::Refusal;
use cvm_ops::import::Roster;
use cvm_ops::import::Summary;
use cvm_ops::import::import;
use cvm_shared::failure::Failure;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use futures_executor::block_on;

use crate::texts::CANARY;
use crate::told::Told;

/// Imports the file twice.
pub fn run(input: &[u8], told: &mut Told) {
    let (how, file) = input.split_first().unwrap_or((&b'p', &[]));
    let named = || PolicyFrom::Certificate(PolicyName::parse("default").unwrap());
    let options = Options {
        default_policy: match how {
            b'p' => Some(named()),
            b'g' => Some(PolicyFrom::Group),
            _ => None,
        },
        things_made: *how == b'g',
        hand: None,
    };
    let (table, witness) = (Table::default(), Witness::default());
    let take = || block_on(import(file, &table, &options, &witness));
    let first = match take() {
        Ok(summary) => summary,
        Err(error) => return refused(&error, &table, told),
    };
    witness.check(&first);
    assert_eq!(first.unsettled, 0, "the table answers always");
    assert_eq!(first.imported, table.len());
    if first.end == End::Complete {
        assert_eq!(first.rows(), rows(file));
    }
    let second = take().unwrap();
    let expected = Summary {
        imported: 0,
        already_there: first.imported + first.already_there,
        ..first.clone()
    };
    assert_eq!(second, expected);
    tell(&first, told);
}

fn tell(summary: &Summary, told: &mut Told) {
    for (end, count) in [
        ("a row imported", summary.imported),
        ("a row refused", summary.refused()),
    ] {
        if count > 0 {
            told.end(end);
        }
    }
    let end = if summary.end == End::Complete {
        "complete"
    } else {
        "incomplete"
    };
    told.end(end);
}

/// Names of columns are repeated, a first line that names none is not.
fn refused(error: &HeaderError, table: &Table, told: &mut Told) {
    assert_eq!(table.len(), 0, "a refused file leaves rows");
    let repeats = error.to_string().contains(CANARY);
    assert!(
        !repeats || matches!(error, HeaderError::Unknown(_)),
        "a secret is shown"
    );
    told.end("no header");
}

/// How many rows the CSV reader sees, whatever is in them.
fn rows(file: &[u8]) -> u64 {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    u64::try_from(reader.byte_records().count()).unwrap()
}

/// A table in memory.
#[derive(Debug, Default)]
struct Table(Mutex<BTreeMap<SerialNumber, Record>>);

impl Table {
    fn len(&self) -> u64 {
        u64::try_from(self.0.lock().unwrap().len()).unwrap()
    }

    fn insert(&self, record: &Record) -> Inserted {
        let mut rows = self.0.lock().unwrap();
        if let Some(stored) = rows.get(&record.serial) {
            return Inserted::beside(record, stored.clone());
        }
        rows.insert(record.serial.clone(), record.clone());
        Inserted::New
    }
}

impl Roster for Table {
    fn at_once(&self) -> usize {
        25
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        records
            .iter()
            .map(|record| Ok(self.insert(record)))
            .collect()
    }
}

/// Remembers what it is told.
#[derive(Debug, Default)]
struct Witness(Mutex<Vec<String>>);

impl Witness {
    fn check(&self, summary: &Summary) {
        let told = self.0.lock().unwrap();
        assert_eq!(told.len() as u64, summary.refused());
        assert!(
            !told.iter().any(|line| line.contains(CANARY)),
            "a secret is shown"
        );
    }
}

impl Progress for Witness {
    fn refused(&self, refusal: &Refusal) {
        let line = format!("{}: {}", refusal.line, refusal.reason);
        self.0.lock().unwrap().push(line);
    }
    fn settled(&self, _: &Summary, _: u64) {}
    fn wants_stop(&self) -> bool {
        false
    }
}
