//! The device table as an operator uses it: many rows read in one SELECT, and many added in one transaction, each with the
//! beginning of its trail.

use std::collections::HashMap;

use cvm_shared::entry::Entry;
use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Roster;
use cvm_shared::operate::rows::Rows;
use cvm_shared::operate::trails::Placed;
use cvm_shared::record::Record;
use cvm_shared::row::KEY;
use sqlx::AssertSqlSafe;
use sqlx::MySql;
use sqlx::MySqlExecutor;
use sqlx::Row as _;
use sqlx::Transaction;
use sqlx::mysql::MySqlRow;

use crate::classify::failure;
use crate::classify::is_duplicate;
use crate::classify::unavailable;
use crate::database::Database;
use crate::database::told;
use crate::row::ALL;
use crate::row::COLUMNS;
use crate::row::bind;
use crate::row::read;
use crate::row::stored;
use crate::trails::put;

/// How many rows one statement adds: some 400 kB, if each has a signing request.
const BATCH: usize = 100;

/// How often rows are added anew because somebody else was adding some of them.
const TRIES: usize = 5;

/// The rows of the device table.
#[derive(Clone, Debug)]
pub struct MySqlRows {
    database: Database,
}

impl MySqlRows {
    /// The rows in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds these rows, [`BATCH`] at most, all of them or none.
    async fn add(&self, records: &[Record]) -> Result<Vec<Result<Inserted, Failure>>, Failure> {
        for _ in 0..TRIES {
            let added = self.database.settled(|| self.attempt(records)).await;
            match added {
                Ok(there) => return Ok(answers(records, &there)),
                // One of them was not there a moment ago.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(told(error)),
            }
        }
        Err(Failure::Contended)
    }

    /// Adds those that are not there; the rows of the others.
    async fn attempt(&self, records: &[Record]) -> Result<HashMap<String, Found>, sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        let serials = records.iter().map(|record| &record.serial);
        let there = find(&mut *transaction, serials).await?;
        let is_new = |record: &&Record| !there.contains_key(record.serial.as_str());
        let new: Vec<&Record> = records.iter().filter(is_new).collect();
        if !new.is_empty() {
            insert(&mut transaction, &new).await?;
            let entries = new.iter().filter_map(|record| Entry::of(record));
            let entries: Vec<Placed> = entries.map(Placed::of).collect();
            put(&mut transaction, &entries).await?;
        }
        transaction.commit().await?;
        Ok(there)
    }

    /// One by one, where one of them may be why all were refused.
    async fn add_each(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        let mut answers = Vec::with_capacity(records.len());
        for record in records {
            let added = self.add(std::slice::from_ref(record)).await;
            let answer = added.map(|mut answers| answers.pop());
            let silent = || Err(unavailable("no answer for a row"));
            answers.push(
                answer
                    .unwrap_or_else(|failure| Some(Err(failure)))
                    .unwrap_or_else(silent),
            );
        }
        answers
    }
}

impl Rows for MySqlRows {
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        match find(self.database.pool(), serials).await {
            Ok(mut found) => {
                let answer =
                    |serial: &SerialNumber| found.remove(serial.as_str()).unwrap_or(Ok(None));
                serials.iter().map(answer).collect()
            }
            Err(error) => vec![Err(told(error)); serials.len()],
        }
    }
}

impl Roster for MySqlRows {
    fn at_once(&self) -> usize {
        BATCH
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        let mut all = Vec::with_capacity(records.len());
        for part in records.chunks(BATCH) {
            let added = match self.add(part).await {
                Ok(added) => added,
                Err(failure) if is_one_rows(&failure) => self.add_each(part).await,
                Err(failure) => vec![Err(failure); part.len()],
            };
            all.extend(added);
        }
        all
    }
}

/// Whether what was refused may be the fault of one row among many.
fn is_one_rows(failure: &Failure) -> bool {
    match failure.class() {
        Class::Operator | Class::Never => matches!(failure, Failure::Rejected { .. }),
        Class::Wait | Class::Retry => false,
    }
}

fn answers(records: &[Record], there: &HashMap<String, Found>) -> Vec<Result<Inserted, Failure>> {
    let answer = |record: &Record| match there.get(record.serial.as_str()) {
        None => Ok(Inserted::New),
        Some(Ok(Some(stored))) => Ok(Inserted::beside(record, stored.clone())),
        Some(Ok(None)) => Err(Failure::Contended),
        Some(Err(failure)) => Err(failure.clone()),
    };
    records.iter().map(answer).collect()
}

/// The rows of these devices by their serial numbers.
async fn find<'a>(
    executor: impl MySqlExecutor<'_>,
    serials: impl IntoIterator<Item = &'a SerialNumber>,
) -> Result<HashMap<String, Found>, sqlx::Error> {
    let serials: Vec<&str> = serials.into_iter().map(SerialNumber::as_str).collect();
    if serials.is_empty() {
        return Ok(HashMap::new());
    }
    let marks = vec!["?"; serials.len()].join(", ");
    let text = format!(
        "SELECT {} FROM cvm_devices WHERE `productid` IN ({marks})",
        *ALL
    );
    let mut query = sqlx::query(AssertSqlSafe(text));
    for serial in serials {
        query = query.bind(serial.to_owned());
    }
    let found = query.fetch_all(executor).await?;
    Ok(found.iter().map(named).collect())
}

fn named(row: &MySqlRow) -> (String, Found) {
    match row.try_get::<String, _>(KEY) {
        Ok(name) => (name, read(row).map(Some)),
        Err(error) => (String::new(), Err(failure(&error))),
    }
}

async fn insert(
    transaction: &mut Transaction<'_, MySql>,
    records: &[&Record],
) -> Result<(), sqlx::Error> {
    let marks = format!("({})", vec!["?"; COLUMNS.len()].join(", "));
    let marks = vec![marks; records.len()].join(", ");
    let text = format!("INSERT INTO cvm_devices ({}) VALUES {marks}", *ALL);
    let mut query = sqlx::query(AssertSqlSafe(text));
    for record in records {
        let row = stored(record);
        for (name, kind) in COLUMNS {
            query = bind(query, row.get(*name), *kind)?;
        }
    }
    query.execute(&mut **transaction).await.map(|_| ())
}
