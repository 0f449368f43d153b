//! The device table: one read, and one conditional write with its trail.

use cvm_shared::entry::Entry;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::row::KEY;
use cvm_shared::row::Row;
use sqlx::AssertSqlSafe;
use sqlx::MySql;
use sqlx::MySqlExecutor;
use sqlx::mysql::MySqlArguments;
use sqlx::mysql::MySqlRow;
use sqlx::query::Query;

use crate::classify::is_duplicate;
use crate::database::Database;
use crate::database::told;
use crate::row::ALL;
use crate::row::COLUMNS;
use crate::row::Kind;
use crate::row::bind;
use crate::row::read;
use crate::row::stored;
use crate::trails::add;

/// The condition of every write: the row still is the one that the change was computed from. The revision alone would do;
/// state, generation and epoch make each write say what it relies on.
const UNCHANGED: &str =
    "`productid` = ? AND `revision` = ? AND `applyState` = ? AND `generation` = ? AND `epoch` = ?";

/// The device table.
#[derive(Clone, Debug)]
pub struct MySqlRegistry {
    database: Database,
}

impl MySqlRegistry {
    /// The registry in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds a row that is not there yet; whether it was not.
    pub async fn add(&self, record: &Record) -> Result<bool, Failure> {
        let row = stored(record);
        let entry = Entry::of(record);
        let added = self.database.settled(|| self.insert(&row, entry.as_ref()));
        match added.await {
            Ok(()) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    async fn insert(&self, row: &Row, entry: Option<&Entry>) -> Result<(), sqlx::Error> {
        let marks = vec!["?"; COLUMNS.len()].join(", ");
        let text = format!("INSERT INTO cvm_devices ({}) VALUES ({marks})", *ALL);
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (name, kind) in COLUMNS {
            query = bind(query, row.get(*name), *kind)?;
        }
        let mut transaction = self.database.pool().begin().await?;
        query.execute(&mut *transaction).await?;
        if let Some(entry) = entry {
            add(&mut transaction, entry).await?;
        }
        transaction.commit().await
    }

    /// Change and entry of the trail in one transaction; whether the row was the one expected. If not, the row as it is.
    async fn attempt(
        &self,
        change: &Change,
        after: &Record,
        entry: Option<&Entry>,
    ) -> Result<Attempt, sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        let changed = change
            .update()?
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if changed == 0 {
            let found = find(&mut *transaction, &after.serial).await?;
            return Ok(Attempt::Beaten(found));
        }
        if let Some(entry) = entry {
            add(&mut transaction, entry).await?;
        }
        transaction.commit().await?;
        Ok(Attempt::Written)
    }
}

enum Attempt {
    Written,
    Beaten(Option<MySqlRow>),
}

impl Registry for MySqlRegistry {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        let found = find(self.database.pool(), serial).await.map_err(told)?;
        found.as_ref().map(read).transpose()
    }

    /// A COMMIT whose answer was lost is `Unavailable`; the repeated write then meets its own row, which is `after`.
    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let change = Change::between(before, after);
        let entry = Entry::of(after).filter(|_| after.trail != before.trail);
        let attempt = self
            .database
            .settled(|| self.attempt(&change, after, entry.as_ref()));
        match attempt.await.map_err(told)? {
            Attempt::Written => Ok(Swap::Done),
            Attempt::Beaten(None) => Err(Failure::CorruptRow { field: KEY }),
            Attempt::Beaten(Some(row)) => {
                let current = read(&row)?;
                if current == *after {
                    return Ok(Swap::Done);
                }
                Ok(Swap::Changed(Box::new(current)))
            }
        }
    }
}

/// The row of a device, as of now.
async fn find(
    executor: impl MySqlExecutor<'_>,
    serial: &SerialNumber,
) -> Result<Option<MySqlRow>, sqlx::Error> {
    let text = format!("SELECT {} FROM cvm_devices WHERE `productid` = ?", *ALL);
    let query = sqlx::query(AssertSqlSafe(text)).bind(serial.to_string());
    query.fetch_optional(executor).await
}

/// The difference of two rows as an update: columns that this version does not know stay as they are, so that an older and
/// a newer version can share a table.
struct Change {
    text: String,
    columns: Vec<(&'static str, Kind)>,
    after: Row,
    serial: String,
    expected: [i64; 4],
}

impl Change {
    fn between(before: &Record, after: &Record) -> Self {
        let (old, new) = (stored(before), stored(after));
        let differs = |(name, _): &&(&'static str, Kind)| old.get(*name) != new.get(*name);
        let columns: Vec<_> = COLUMNS.iter().filter(differs).copied().collect();
        let set: Vec<_> = columns
            .iter()
            .map(|(name, _)| format!("`{name}` = ?"))
            .collect();
        let text = format!(
            "UPDATE cvm_devices SET {} WHERE {UNCHANGED}",
            set.join(", ")
        );
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            text,
            columns,
            after: new,
            serial: before.serial.to_string(),
            expected: [
                number(before.revision),
                before.state.apply_state().into(),
                number(before.generation.0.into()),
                number(before.epoch.0),
            ],
        }
    }

    fn update(&self) -> Result<Query<'_, MySql, MySqlArguments>, sqlx::Error> {
        let mut query = sqlx::query(AssertSqlSafe(self.text.clone()));
        for (name, kind) in &self.columns {
            query = bind(query, self.after.get(*name), *kind)?;
        }
        query = query.bind(&self.serial);
        for number in self.expected {
            query = query.bind(number);
        }
        Ok(query)
    }
}
