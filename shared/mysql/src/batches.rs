//! What is kept of a factory's batches, for a host without a bucket: their rows in pieces, and a page about each.

use std::io::Write;
use std::path::Path;

use cvm_shared::failure::Failure;
use cvm_shared::operate::work::Batches;
use cvm_shared::ports::Clock;
use cvm_shared::row::corrupt;
use cvm_shared::time::UnixMillis;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::classify::is_duplicate;
use crate::classify::unavailable;
use crate::database::Database;
use crate::database::signed;
use crate::database::told;

/// How large a piece is: well below what either database takes in one packet (16 MB).
const PIECE: u64 = 1 << 20;

/// How many pieces, or pages, go at once.
const CLEARED_AT_ONCE: u64 = 50;

/// The batches in the database.
#[derive(Clone, Debug)]
pub struct MySqlBatches<C> {
    database: Database,
    clock: C,
}

impl<C: Clock> MySqlBatches<C> {
    /// The batches in this database.
    pub fn new(database: Database, clock: C) -> Self {
        Self { database, clock }
    }

    /// Forgets the batches that were begun before that moment, and rows of batches that never were.
    pub async fn clear(&self, before: UnixMillis) -> Result<u64, Failure> {
        let pages = self.clear_table("cvm_batches", "begunAt", before).await?;
        self.clear_table("cvm_batch_rows", "putAt", before).await?;
        Ok(pages)
    }

    async fn clear_table(
        &self,
        table: &str,
        column: &str,
        before: UnixMillis,
    ) -> Result<u64, Failure> {
        let text = format!("DELETE FROM {table} WHERE `{column}` < ? LIMIT ?");
        let mut gone = 0;
        loop {
            let query = sqlx::query(sqlx::AssertSqlSafe(text.clone()))
                .bind(signed(before.0)?)
                .bind(CLEARED_AT_ONCE);
            let done = query.execute(self.database.pool()).await.map_err(told)?;
            gone += done.rows_affected();
            if done.rows_affected() < CLEARED_AT_ONCE {
                return Ok(gone);
            }
        }
    }

    async fn is_begun(&self, id: &str) -> Result<bool, Failure> {
        let query = sqlx::query("SELECT 1 FROM cvm_batches WHERE `batch` = ?").bind(id);
        let found = query.fetch_optional(self.database.pool()).await;
        Ok(found.map_err(told)?.is_some())
    }

    /// The next piece of the file; empty at its end.
    async fn piece(file: &mut File) -> Result<Vec<u8>, Failure> {
        let mut piece = Vec::new();
        let read = file.take(PIECE).read_to_end(&mut piece).await;
        read.map_err(|error| unavailable(&error.to_string()))?;
        Ok(piece)
    }
}

impl<C: Clock> Batches for MySqlBatches<C> {
    /// In one transaction. The rows of a batch that somebody has begun meanwhile stay as they are.
    async fn put_rows(&self, id: &str, file: &Path) -> Result<(), Failure> {
        if self.is_begun(id).await? {
            return Ok(());
        }
        let file = File::open(file).await;
        let mut file = file.map_err(|error| unavailable(&error.to_string()))?;
        let now = signed(self.clock.now().0)?;
        let mut transaction = self.database.pool().begin().await.map_err(told)?;
        let query = sqlx::query("DELETE FROM cvm_batch_rows WHERE `batch` = ?").bind(id);
        query.execute(&mut *transaction).await.map_err(told)?;
        for place in 0u32.. {
            let piece = Self::piece(&mut file).await?;
            if piece.is_empty() {
                break;
            }
            let text = "INSERT INTO cvm_batch_rows (`batch`, `piece`, `content`, `putAt`) VALUES (?, ?, ?, ?)";
            let query = sqlx::query(text).bind(id).bind(place).bind(piece).bind(now);
            query.execute(&mut *transaction).await.map_err(told)?;
        }
        transaction.commit().await.map_err(told)
    }

    async fn begin(&self, id: &str, about: Vec<u8>) -> Result<bool, Failure> {
        let about = String::from_utf8(about).map_err(|_| corrupt("about"))?;
        let now = signed(self.clock.now().0)?;
        let text = "INSERT INTO cvm_batches (`batch`, `about`, `begunAt`) VALUES (?, ?, ?)";
        let begun = self.database.settled(|| async {
            let query = sqlx::query(text).bind(id).bind(&about).bind(now);
            query.execute(self.database.pool()).await
        });
        match begun.await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    async fn about(&self, id: &str) -> Result<Option<Vec<u8>>, Failure> {
        let text = "SELECT `about` FROM cvm_batches WHERE `batch` = ?";
        let found = sqlx::query_scalar::<_, String>(text).bind(id);
        let found = found.fetch_optional(self.database.pool()).await;
        Ok(found.map_err(told)?.map(String::into_bytes))
    }

    async fn rows(&self, id: &str, sink: &mut (impl Write + Send)) -> Result<(), Failure> {
        let text = "SELECT `content` FROM cvm_batch_rows WHERE `batch` = ? AND `piece` = ?";
        for place in 0u32.. {
            let found = sqlx::query_scalar::<_, Vec<u8>>(text).bind(id).bind(place);
            let found = found.fetch_optional(self.database.pool()).await;
            let Some(piece) = found.map_err(told)? else {
                break;
            };
            let written = sink.write_all(&piece);
            written.map_err(|error| unavailable(&error.to_string()))?;
        }
        Ok(())
    }

    async fn ids(&self) -> Result<Vec<String>, Failure> {
        let text = "SELECT `batch` FROM cvm_batches ORDER BY `batch`";
        let ids = sqlx::query_scalar::<_, String>(text);
        ids.fetch_all(self.database.pool()).await.map_err(told)
    }
}
