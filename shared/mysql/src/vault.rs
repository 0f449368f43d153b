//! Staged bundles in the database, for a host without a bucket. One with a private key comes here sealed.
//!
//! A device fetches its bundle by a link to the server itself, which [`crate::links`] signs.

use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Vault;
use cvm_shared::time::UnixMillis;
use zeroize::Zeroizing;

use crate::classify::rejected;
use crate::database::Database;
use crate::database::signed;
use crate::database::told;
use crate::links::Links;

/// Content of a key that is there stays; the assignment changes nothing.
const STAGE: &str = "INSERT INTO cvm_bundles (`bundle`, `content`, `stagedAt`) VALUES (?, ?, ?) \
     ON DUPLICATE KEY UPDATE `bundle` = `bundle`";

/// How many bundles go at once.
const SWEPT_AT_ONCE: u64 = 500;

/// The table of staged bundles.
#[derive(Clone, Debug)]
pub struct MySqlVault<C> {
    database: Database,
    links: Links,
    clock: C,
}

impl<C: Clock> MySqlVault<C> {
    /// The vault in this database, whose devices follow `links`.
    pub fn new(database: Database, links: Links, clock: C) -> Self {
        Self {
            database,
            links,
            clock,
        }
    }

    /// The bundle that a link leads to, if it was signed here and has not ended.
    pub async fn open(
        &self,
        path: &str,
        query: &str,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(key) = self.links.follow(path, query, self.clock.now()) else {
            return Ok(None);
        };
        self.fetch(&key, most).await
    }

    /// Shreds what was staged before that moment: bundles of runs that died, which no row names.
    pub async fn clear(&self, before: UnixMillis) -> Result<u64, Failure> {
        let text = "DELETE FROM cvm_bundles WHERE `stagedAt` < ? LIMIT ?";
        let mut gone = 0;
        loop {
            let query = sqlx::query(text)
                .bind(signed(before.0)?)
                .bind(SWEPT_AT_ONCE);
            let done = query.execute(self.database.pool()).await.map_err(told)?;
            gone += done.rows_affected();
            if done.rows_affected() < SWEPT_AT_ONCE {
                return Ok(gone);
            }
        }
    }
}

impl<C: Clock> Vault for MySqlVault<C> {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        let now = signed(self.clock.now().0)?;
        let staged = self.database.settled(|| async {
            let query = sqlx::query(STAGE).bind(key.as_str()).bind(bytes.as_slice());
            query.bind(now).execute(self.database.pool()).await
        });
        staged.await.map(|_| ()).map_err(told)
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        let query = sqlx::query("SELECT 1 FROM cvm_bundles WHERE `bundle` = ?").bind(key.as_str());
        let found = query.fetch_optional(self.database.pool()).await;
        Ok(found.map_err(told)?.is_some())
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        // What is too large stays where it is.
        let text = "SELECT IF(LENGTH(`content`) <= ?, `content`, NULL) FROM cvm_bundles WHERE `bundle` = ?";
        let query = sqlx::query_scalar::<_, Option<Vec<u8>>>(text)
            .bind(u64::try_from(most).unwrap_or(u64::MAX))
            .bind(key.as_str());
        let found = query.fetch_optional(self.database.pool()).await;
        match found.map_err(told)? {
            None => Ok(None),
            Some(Some(bytes)) => Ok(Some(Zeroizing::new(bytes))),
            Some(None) => Err(rejected("a bundle that is too large to be shown")),
        }
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        Ok(self.links.sign(key, self.clock.now().plus(valid)))
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        let query = sqlx::query("DELETE FROM cvm_bundles WHERE `bundle` = ?").bind(key.as_str());
        let done = query.execute(self.database.pool()).await;
        done.map(|_| ()).map_err(told)
    }
}
