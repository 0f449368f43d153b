//! The device table on MariaDB, with what a suite looks at beside the ports.

use std::sync::Arc;

use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::database::Database;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::care::Group;
use cvm_shared::entry::Entry;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::TrailHead;
use cvm_shared::ports::Backlog as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;
use cvm_testkit::registry::Table;

use crate::blocking::wait;

/// The device table.
#[derive(Clone, Debug)]
pub struct MariaTable {
    database: Database,
    registry: MySqlRegistry,
    backlog: MySqlBacklog,
}

impl MariaTable {
    /// The table in this database.
    pub fn new(database: Database) -> Self {
        Self {
            registry: MySqlRegistry::new(database.clone()),
            backlog: MySqlBacklog::new(database.clone()),
            database,
        }
    }
}

/// The trail of a device as it lies in the table of trails, by place.
pub async fn trail(database: &Database, serial: &SerialNumber) -> Vec<Entry> {
    let text = "SELECT `facts`, `trailHead` FROM cvm_trails WHERE `productid` = ? ORDER BY `place`";
    let query = sqlx::query_as::<_, (String, String)>(text).bind(serial.to_string());
    let found = query.fetch_all(database.pool()).await.unwrap();
    let entry = |(facts, head): (String, String)| Entry {
        facts: serde_json::from_str(&facts).unwrap(),
        head: TrailHead::try_from(head).unwrap(),
    };
    found.into_iter().map(entry).collect()
}

impl Table for MariaTable {
    fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        let (registry, serial) = (self.registry.clone(), serial.clone());
        wait(async move { registry.load(&serial).await })
    }

    fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let registry = self.registry.clone();
        let pair = Arc::new((before.clone(), after.clone()));
        wait(async move { registry.swap(&pair.0, &pair.1).await })
    }

    fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        let backlog = self.backlog.clone();
        wait(async move { backlog.waiting(group, before, most).await })
    }

    fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        let (backlog, certificate) = (self.backlog.clone(), certificate.clone());
        wait(async move { backlog.names(&certificate).await })
    }

    fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        let backlog = self.backlog.clone();
        wait(async move { backlog.mark().await })
    }

    fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        let backlog = self.backlog.clone();
        wait(async move { backlog.set_mark(mark).await })
    }

    fn put(&self, record: Record) {
        let this = self.clone();
        wait(async move {
            let gone = sqlx::query("DELETE FROM cvm_devices WHERE `productid` = ?")
                .bind(record.serial.to_string())
                .execute(this.database.pool());
            gone.await.unwrap();
            assert!(this.registry.add(&record).await.unwrap());
        });
    }

    fn rows(&self) -> Vec<Record> {
        let this = self.clone();
        wait(async move {
            let text = "SELECT `productid` FROM cvm_devices ORDER BY `productid`";
            let names = sqlx::query_scalar::<_, String>(text);
            let names = names.fetch_all(this.database.pool()).await.unwrap();
            let mut rows = Vec::new();
            for name in names {
                let serial = SerialNumber::parse(name).unwrap();
                rows.extend(this.registry.load(&serial).await.unwrap());
            }
            rows
        })
    }

    fn trail(&self, serial: &SerialNumber) -> Option<Vec<Entry>> {
        let (database, serial) = (self.database.clone(), serial.clone());
        Some(wait(async move { trail(&database, &serial).await }))
    }
}
