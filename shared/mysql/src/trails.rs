//! The trails: an entry is written in the transaction of the change that it tells of, and none is ever changed. What is
//! counted of the devices is counted where it is asked for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use cvm_shared::entry::Entry;
use cvm_shared::entry::fact;
use cvm_shared::failure::Failure;
use cvm_shared::ids::TrailHead;
use cvm_shared::operate::trails::Bookmark;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::trails::LETTERS;
use cvm_shared::operate::trails::Page;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails;
use cvm_shared::row::corrupt;
use cvm_shared::state::NAMES;
use sqlx::AssertSqlSafe;
use sqlx::MySql;
use sqlx::MySqlExecutor;
use sqlx::Transaction;

use crate::classify::is_duplicate;
use crate::database::Database;
use crate::database::signed;
use crate::database::told;

/// How many entries a page has.
const PAGE: usize = 500;

/// Adds the entry of a change, in its transaction.
pub(crate) async fn add(
    transaction: &mut Transaction<'_, MySql>,
    entry: &Entry,
) -> Result<(), sqlx::Error> {
    put(transaction, &[Placed::of(entry.clone())]).await
}

/// Adds entries. One that stands at its place already stays (a row that was put back from a copy): the trail then does
/// not lead to the row's hash any more, which is for whoever verifies it, and no reason to leave the device without.
///
/// "On duplicate key, change nothing" would say it in one statement, but asks for the right to change an entry.
pub(crate) async fn put(
    transaction: &mut Transaction<'_, MySql>,
    entries: &[Placed],
) -> Result<(), sqlx::Error> {
    match insert(transaction, entries).await {
        // The database has undone this statement alone.
        Err(error) if is_duplicate(&error) => {}
        ended => return ended,
    }
    for entry in entries {
        match insert(transaction, std::slice::from_ref(entry)).await {
            Err(error) if !is_duplicate(&error) => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

async fn insert(
    transaction: &mut Transaction<'_, MySql>,
    entries: &[Placed],
) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let marks = vec!["(?, ?, ?, ?, ?, ?)"; entries.len()].join(", ");
    let text = format!(
        "INSERT INTO cvm_trails (`productid`, `place`, `at`, `deed`, `facts`, `trailHead`) VALUES {marks}"
    );
    let mut query = sqlx::query(AssertSqlSafe(text));
    for entry in entries {
        let of = |name: &str| entry.facts.get(name).cloned();
        let at = of(fact::AT).and_then(|at| at.parse::<i64>().ok());
        query = query
            .bind(of(fact::SERIAL))
            .bind(entry.place.clone())
            .bind(at.unwrap_or_default())
            .bind(of(fact::DEED))
            .bind(serde_json::json!(entry.facts).to_string())
            .bind(entry.head.as_ref().map(ToString::to_string));
    }
    query.execute(&mut **transaction).await.map(|_| ())
}

/// The table of trails.
#[derive(Clone, Debug)]
pub struct MySqlTrails {
    database: Database,
}

impl MySqlTrails {
    /// The trails in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn attempt(&self, entries: &[Placed]) -> Result<Vec<bool>, sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        let there = places(&mut *transaction, entries).await?;
        let is_new = |entry: &Placed| !there.contains(&(name(entry), entry.place.clone()));
        let answers = entries.iter().map(is_new).collect();
        put(&mut transaction, entries).await?;
        transaction.commit().await?;
        Ok(answers)
    }
}

/// Whose trail an entry belongs to.
fn name(entry: &Placed) -> String {
    entry.facts.get(fact::SERIAL).cloned().unwrap_or_default()
}

/// Which of these places have an entry.
async fn places(
    executor: impl MySqlExecutor<'_>,
    entries: &[Placed],
) -> Result<BTreeSet<Bookmark>, sqlx::Error> {
    let marks = vec!["(?, ?)"; entries.len()].join(", ");
    let text = format!(
        "SELECT `productid`, `place` FROM cvm_trails WHERE (`productid`, `place`) IN ({marks})"
    );
    let mut query = sqlx::query_as::<_, Bookmark>(AssertSqlSafe(text));
    for entry in entries {
        query = query.bind(name(entry)).bind(entry.place.clone());
    }
    Ok(query.fetch_all(executor).await?.into_iter().collect())
}

/// An entry as it is selected: device, place, facts, hash.
type Found = (String, String, String, Option<String>);

fn placed((_, place, facts, head): Found) -> Result<Placed, Failure> {
    let facts: BTreeMap<String, String> =
        serde_json::from_str(&facts).map_err(|_| corrupt("facts"))?;
    let head = head.map(TrailHead::parse).transpose();
    Ok(Placed {
        place,
        facts,
        head: head.map_err(|_| corrupt("trailHead"))?,
    })
}

impl Trails for MySqlTrails {
    async fn read(&self, name: &str) -> Result<Vec<Placed>, Failure> {
        let text = "SELECT `productid`, `place`, `facts`, `trailHead` FROM cvm_trails \
             WHERE `productid` = ? ORDER BY `place`";
        let query = sqlx::query_as::<_, Found>(text).bind(name);
        let found = query.fetch_all(self.database.pool()).await.map_err(told)?;
        found.into_iter().map(placed).collect()
    }

    /// In the order of devices and places.
    async fn page(&self, after: Option<Bookmark>) -> Result<Page, Failure> {
        let (device, place) = after.unwrap_or_default();
        // The first condition is there for the index; the second one alone would read from the beginning.
        let text = format!(
            "SELECT `productid`, `place`, `facts`, `trailHead` FROM cvm_trails \
             WHERE `productid` >= ? AND (`productid` > ? OR `place` > ?) \
             ORDER BY `productid`, `place` LIMIT {PAGE}"
        );
        let query = sqlx::query_as::<_, Found>(AssertSqlSafe(text));
        let query = query.bind(device.clone()).bind(device).bind(place);
        let found = query.fetch_all(self.database.pool()).await.map_err(told)?;
        let last = found.last().map(|row| (row.0.clone(), row.1.clone()));
        Ok(Page {
            next: last.filter(|_| found.len() == PAGE),
            entries: found.into_iter().map(placed).collect::<Result<_, _>>()?,
        })
    }

    async fn add(&self, entries: &[Placed]) -> Result<Vec<bool>, Failure> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let added = self.database.settled(|| self.attempt(entries)).await;
        added.map_err(told)
    }

    async fn counts(&self) -> Result<Counts, Failure> {
        let text =
            "SELECT CAST(`applyState` AS SIGNED), COUNT(*) FROM cvm_devices GROUP BY `applyState`";
        let found = sqlx::query_as::<_, (i64, i64)>(text);
        let found = found.fetch_all(self.database.pool()).await.map_err(told)?;
        let named = |(state, count): (i64, i64)| {
            let name = NAMES.iter().find(|(number, _)| i64::from(*number) == state);
            (name.map_or("unknown", |(_, name)| name).to_owned(), count)
        };
        Ok(found.into_iter().map(named).collect())
    }

    /// Of devices alone, as they tell it themselves: a change that nobody signed is nobody's deed.
    async fn minutes(&self, from: u64) -> Result<Vec<(u64, Counts)>, Failure> {
        let text = "SELECT CAST(`at` DIV 60000 AS SIGNED) AS `minute`, `deed`, COUNT(*) FROM cvm_trails \
             WHERE `at` >= ? AND `deed` IS NOT NULL AND `trailHead` IS NOT NULL AND `productid` <> ? \
             GROUP BY `minute`, `deed`";
        let query = sqlx::query_as::<_, (i64, String, i64)>(text);
        let query = query
            .bind(signed(from.saturating_mul(60_000))?)
            .bind(LETTERS);
        let found = query.fetch_all(self.database.pool()).await.map_err(told)?;
        let mut minutes: BTreeMap<u64, Counts> = BTreeMap::new();
        for (minute, deed, count) in found {
            let minute = u64::try_from(minute).map_err(|_| corrupt("at"))?;
            minutes.entry(minute).or_default().insert(deed, count);
        }
        Ok(minutes.into_iter().collect())
    }
}
