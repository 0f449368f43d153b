//! A lock by name that one process of all can have. It goes with the connection that holds it, so nobody's death leaves it.

use cvm_shared::failure::Failure;
use sqlx::Connection as _;
use sqlx::MySqlConnection;

use crate::database::Database;
use crate::database::told;

/// The lock, held. Its names are the server's, not the database's: they have the database's before them.
#[derive(Debug)]
pub struct Lock(MySqlConnection);

impl Lock {
    /// Takes the lock if nobody has it.
    pub async fn take(database: &Database, name: &str) -> Result<Option<Self>, Failure> {
        let connection = database.pool().acquire().await.map_err(told)?;
        // Not the pool's any more: whoever has it next would have the lock.
        let mut connection = connection.detach();
        // It says nothing while the lock is held.
        let patient = sqlx::query("SET SESSION wait_timeout = 1200").execute(&mut connection);
        patient.await.map_err(told)?;
        let taken =
            sqlx::query_scalar::<_, Option<i64>>("SELECT GET_LOCK(CONCAT(DATABASE(), '.', ?), 0)");
        let taken = taken.bind(name).fetch_one(&mut connection).await;
        let taken = taken.map_err(told)?;
        Ok((taken == Some(1)).then_some(Self(connection)))
    }

    /// Lets go of it.
    pub async fn release(self) {
        // The server lets go of it when the connection ends, in whatever way.
        let _ended = self.0.close().await;
    }
}
