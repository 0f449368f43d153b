//! The rows that wait: one index, and the marks that the janitor leaves.

use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Upkeep;
use cvm_shared::ports::Backlog;
use cvm_shared::row::corrupt;
use cvm_shared::time::UnixMillis;

use crate::database::Database;
use crate::database::signed;
use crate::database::told;

/// Up to where the certificates were looked through.
const LOOKED: &str = "looked-through";
/// When a sweep ended, and what came of it.
const SWEPT: &str = "swept";

const SET: &str = "INSERT INTO cvm_marks (`mark`, `at`, `says`) VALUES (?, ?, ?) \
     ON DUPLICATE KEY UPDATE `at` = VALUES(`at`), `says` = VALUES(`says`)";

/// The waiting rows of the device table.
#[derive(Clone, Debug)]
pub struct MySqlBacklog {
    database: Database,
}

impl MySqlBacklog {
    /// The waiting rows in this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Notes when a sweep ended and what came of it, for whoever asks.
    pub async fn note_sweep(&self, at: UnixMillis, summary: &str) -> Result<(), Failure> {
        self.set(SWEPT, at, Some(summary)).await
    }

    async fn set(&self, mark: &str, at: UnixMillis, says: Option<&str>) -> Result<(), Failure> {
        let query = sqlx::query(SET).bind(mark).bind(signed(at.0)?).bind(says);
        let done = query.execute(self.database.pool()).await;
        done.map(|_| ()).map_err(told)
    }

    async fn get(&self, mark: &str) -> Result<Option<(UnixMillis, Option<String>)>, Failure> {
        let text = "SELECT `at`, `says` FROM cvm_marks WHERE `mark` = ?";
        let found = sqlx::query_as::<_, (i64, Option<String>)>(text).bind(mark);
        let found = found.fetch_optional(self.database.pool()).await;
        let found = found.map_err(told)?;
        found.map(|(at, says)| Ok((moment(at)?, says))).transpose()
    }
}

fn serial_number(text: String) -> Result<SerialNumber, Failure> {
    SerialNumber::parse(text).map_err(|_| corrupt("productid"))
}

fn moment(at: i64) -> Result<UnixMillis, Failure> {
    let at = u64::try_from(at).map_err(|_| corrupt("at"))?;
    Ok(UnixMillis(at))
}

impl Upkeep for MySqlBacklog {
    async fn last_sweep(&self) -> Result<Option<(UnixMillis, String)>, Failure> {
        let found = self.get(SWEPT).await?;
        Ok(found.and_then(|(at, says)| Some((at, says?))))
    }

    async fn oldest(&self, group: Group) -> Result<Option<(SerialNumber, UnixMillis)>, Failure> {
        let text = "SELECT `productid`, `waitsSince` FROM cvm_devices WHERE `waitsFor` = ? \
             ORDER BY `waitsSince` LIMIT 1";
        let found = sqlx::query_as::<_, (String, i64)>(text).bind(group.as_str());
        let found = found.fetch_optional(self.database.pool()).await;
        let found = found.map_err(told)?;
        found
            .map(|(serial, since)| Ok((serial_number(serial)?, moment(since)?)))
            .transpose()
    }
}

impl Backlog for MySqlBacklog {
    async fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        let text = "SELECT `productid` FROM cvm_devices WHERE `waitsFor` = ? AND `waitsSince` < ? \
             ORDER BY `waitsSince`, `productid` LIMIT ?";
        let query = sqlx::query_scalar::<_, String>(text)
            .bind(group.as_str())
            .bind(signed(before.0)?)
            .bind(u64::try_from(most).unwrap_or(u64::MAX));
        let found = query.fetch_all(self.database.pool()).await.map_err(told)?;
        found.into_iter().map(serial_number).collect()
    }

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        let text = "SELECT 1 FROM cvm_devices WHERE `certID` = ? LIMIT 1";
        let query = sqlx::query(text).bind(certificate.as_str());
        let found = query.fetch_optional(self.database.pool()).await;
        Ok(found.map_err(told)?.is_some())
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        Ok(self.get(LOOKED).await?.map(|(at, _)| at))
    }

    /// Only one sweep runs at a time, and one that goes back looks at something twice: no condition.
    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        self.set(LOOKED, mark, None).await
    }
}
