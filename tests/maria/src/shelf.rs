//! The vault on MariaDB, with what a suite looks at beside the port.

use std::time::Duration;

use cvm_mysql::database::Database;
use cvm_mysql::links::Links;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault as _;
use cvm_testkit::time::HandClock;
use cvm_testkit::vault::BASE;
use cvm_testkit::vault::Shelf;
use zeroize::Zeroizing;

use crate::blocking::wait;

/// The vault.
#[derive(Clone, Debug)]
pub struct MariaShelf {
    database: Database,
    vault: MySqlVault<HandClock>,
}

impl MariaShelf {
    /// The vault in this database, on this clock.
    pub fn new(database: Database, clock: HandClock) -> Self {
        let links = Links::new(Zeroizing::new([7; 32]), BASE.to_owned());
        Self {
            vault: MySqlVault::new(database.clone(), links, clock),
            database,
        }
    }
}

impl Shelf for MariaShelf {
    fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        let (vault, key, bytes) = (self.vault.clone(), key.clone(), bytes.clone());
        wait(async move { vault.stage(&key, &bytes).await })
    }

    fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        let (vault, key) = (self.vault.clone(), key.clone());
        wait(async move { vault.holds(&key).await })
    }

    fn fetch(&self, key: &BundleKey, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let (vault, key) = (self.vault.clone(), key.clone());
        wait(async move { vault.fetch(&key, most).await })
    }

    fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        let (vault, key) = (self.vault.clone(), key.clone());
        wait(async move { vault.presign(&key, valid).await })
    }

    fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        let (vault, key) = (self.vault.clone(), key.clone());
        wait(async move { vault.shred(&key).await })
    }

    fn follow(&self, link: &str) -> Option<Vec<u8>> {
        let (path, query) = link.strip_prefix(BASE)?.split_once('?')?;
        let (path, query) = (path.to_owned(), query.to_owned());
        let vault = self.vault.clone();
        let found = wait(async move { vault.open(&path, &query, usize::MAX).await });
        found.unwrap().map(|bytes| bytes.to_vec())
    }

    fn count(&self) -> usize {
        let database = self.database.clone();
        let count = wait(async move {
            let text = "SELECT COUNT(*) FROM cvm_bundles";
            let query = sqlx::query_scalar::<_, i64>(text);
            query.fetch_one(database.pool()).await.unwrap()
        });
        usize::try_from(count).unwrap()
    }
}
