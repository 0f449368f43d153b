//! The guard on MariaDB.

use std::sync::Arc;

use cvm_mysql::database::Database;
use cvm_mysql::guard::MySqlGuard;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Guard as _;
use cvm_shared::time::UnixMillis;
use cvm_testkit::guard::Watch;
use cvm_testkit::time::CountedRandom;

use crate::blocking::wait;

/// The guard.
#[derive(Clone, Debug)]
pub struct MariaGuard {
    database: Database,
    guard: Arc<MySqlGuard<CountedRandom>>,
}

impl MariaGuard {
    /// The guard in this database.
    pub fn new(database: Database) -> Self {
        let guard = MySqlGuard::new(database.clone(), CountedRandom::default());
        Self {
            database,
            guard: Arc::new(guard),
        }
    }

    fn count(&self, kind: &'static str) -> usize {
        let database = self.database.clone();
        let count = wait(async move {
            let text = "SELECT COUNT(*) FROM cvm_guard WHERE `guard` LIKE ?";
            let query = sqlx::query_scalar::<_, i64>(text).bind(format!("{kind}#%"));
            query.fetch_one(database.pool()).await.unwrap()
        });
        usize::try_from(count).unwrap()
    }
}

impl Watch for MariaGuard {
    fn nonce_key(&self) -> Result<NonceKey, Failure> {
        let guard = self.guard.clone();
        wait(async move { guard.nonce_key().await })
    }

    fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        let (guard, used) = (self.guard.clone(), used.to_owned());
        wait(async move { guard.consume(&used, forget_at).await })
    }

    fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        let (guard, serial) = (self.guard.clone(), serial.clone());
        wait(async move { guard.bind_key(key, &serial).await })
    }

    fn used(&self) -> usize {
        self.count("nonce")
    }

    fn keys(&self) -> usize {
        self.count("key")
    }
}
