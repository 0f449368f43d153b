//! The device table read through from one end to the other, in the order of its serial numbers. Each page begins after the
//! last one's end, so that the last page costs what the first one did.

use cvm_shared::failure::Failure;
use cvm_shared::operate::moving::Stock;
use cvm_shared::operate::moving::Stored;
use cvm_shared::operate::rows::Listed;
use cvm_shared::operate::rows::Listing;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::row::KEY;
use sqlx::AssertSqlSafe;
use sqlx::Row as _;
use sqlx::mysql::MySqlRow;

use crate::classify::failure;
use crate::database::Database;
use crate::database::signed;
use crate::database::told;
use crate::row::ALL;
use crate::row::COLUMNS;
use crate::row::WAITS_FOR;
use crate::row::WAITS_SINCE;
use crate::row::columns;
use crate::row::read;

/// How many rows a page has.
const PAGE: usize = 500;

/// Behind all characters of a serial number.
const BEHIND: char = '\u{7f}';

/// A read through the table.
#[derive(Debug)]
pub struct MySqlListing {
    database: Database,
    wanted: Wanted,
    after: String,
    is_over: bool,
}

impl MySqlListing {
    /// A read of this database's devices from the first one.
    pub fn new(database: Database, wanted: Wanted) -> Self {
        // Names are ASCII, and nothing else can be compared with them.
        let is_over = wanted
            .prefix
            .as_ref()
            .is_some_and(|prefix| !prefix.is_ascii());
        Self {
            database,
            wanted,
            after: String::new(),
            is_over,
        }
    }

    async fn rows(&self) -> Result<Vec<MySqlRow>, Failure> {
        let wanted = &self.wanted;
        let text = format!(
            "SELECT {} FROM cvm_devices WHERE {} ORDER BY `productid` LIMIT {PAGE}",
            *ALL,
            conditions(wanted)
        );
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(&self.after);
        if let Some(prefix) = &wanted.prefix {
            query = query.bind(prefix).bind(format!("{prefix}{BEHIND}"));
        }
        for state in &wanted.states {
            query = query.bind(*state);
        }
        for moment in [wanted.since, wanted.before].into_iter().flatten() {
            query = query.bind(signed(moment.0)?);
        }
        query.fetch_all(self.database.pool()).await.map_err(told)
    }
}

/// What is wanted, as the parameters of [`MySqlListing::rows`] follow on one another.
fn conditions(wanted: &Wanted) -> String {
    let mut all = vec!["`productid` > ?".to_owned()];
    if wanted.prefix.is_some() {
        all.push("`productid` >= ? AND `productid` < ?".to_owned());
    }
    if !wanted.states.is_empty() {
        let marks = vec!["?"; wanted.states.len()].join(", ");
        all.push(format!("`applyState` IN ({marks})"));
    }
    if wanted.since.is_some() {
        all.push("`timestamp` >= ?".to_owned());
    }
    if wanted.before.is_some() {
        all.push("`timestamp` < ?".to_owned());
    }
    all.join(" AND ")
}

impl Listing for MySqlListing {
    async fn page(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let rows = self.rows().await?;
        self.is_over = rows.len() < PAGE;
        let names: Vec<String> = rows.iter().map(name).collect::<Result<_, _>>()?;
        let listed = |(row, name): (&MySqlRow, &String)| {
            read(row).map_err(|failure| (name.clone(), failure))
        };
        let page = rows.iter().zip(&names).map(listed).collect();
        self.after = names.into_iter().next_back().unwrap_or_default();
        Ok(Some(page))
    }
}

fn name(row: &MySqlRow) -> Result<String, Failure> {
    row.try_get(KEY).map_err(|error| failure(&error))
}

/// The same with all that stands in each row, columns of a later version among it.
#[derive(Debug)]
pub struct MySqlStock {
    database: Database,
    /// Columns of the table that this version does not know; none until the table was asked.
    foreign: Option<Vec<String>>,
    after: String,
    is_over: bool,
}

impl MySqlStock {
    /// A read of this database's devices from the first one.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            foreign: None,
            after: String::new(),
            is_over: false,
        }
    }

    async fn foreign(&mut self) -> Result<Vec<String>, Failure> {
        if let Some(foreign) = &self.foreign {
            return Ok(foreign.clone());
        }
        let text = "SELECT CAST(`COLUMN_NAME` AS CHAR) FROM information_schema.COLUMNS \
             WHERE `TABLE_SCHEMA` = DATABASE() AND `TABLE_NAME` = 'cvm_devices'";
        let names = sqlx::query_scalar::<_, String>(text);
        let names = names.fetch_all(self.database.pool()).await.map_err(told)?;
        let is_known = |name: &String| COLUMNS.iter().any(|(known, _)| known == name);
        let foreign: Vec<_> = names.into_iter().filter(|name| !is_known(name)).collect();
        self.foreign = Some(foreign.clone());
        Ok(foreign)
    }
}

impl Stock for MySqlStock {
    async fn page(&mut self) -> Result<Option<Vec<Stored>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let foreign = self.foreign().await?;
        let filled: String = foreign
            .iter()
            .enumerate()
            .fold(String::new(), |text, (n, name)| {
                let name = name.replace('`', "``");
                format!("{text}, CAST(`{name}` IS NOT NULL AS SIGNED) AS foreign{n}")
            });
        let text = format!(
            "SELECT {}{filled} FROM cvm_devices WHERE `productid` > ? ORDER BY `productid` LIMIT {PAGE}",
            *ALL
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(&self.after);
        let rows = query.fetch_all(self.database.pool()).await.map_err(told)?;
        self.is_over = rows.len() < PAGE;
        let page: Vec<_> = rows
            .iter()
            .map(|row| stored(row, &foreign))
            .collect::<Result<_, _>>()?;
        self.after = page.last().map(|row| row.name.clone()).unwrap_or_default();
        Ok(Some(page))
    }
}

fn stored(found: &MySqlRow, foreign: &[String]) -> Result<Stored, Failure> {
    let name = name(found)?;
    let mut stored = match columns(found) {
        Ok(row) => Stored::of(name, &row, &[WAITS_FOR, WAITS_SINCE]),
        Err(failure) => Stored {
            name,
            record: Err(failure),
            unknown: Vec::new(),
        },
    };
    for (n, column) in foreign.iter().enumerate() {
        let is_filled = found.try_get::<i64, _>(format!("foreign{n}").as_str());
        if is_filled.map_err(|error| failure(&error))? != 0 {
            stored.unknown.push(column.clone());
        }
    }
    Ok(stored)
}
