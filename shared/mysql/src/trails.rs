//! The trails: an entry is written in the transaction of the change that it tells of, and none is ever changed.

use cvm_shared::entry::Entry;
use cvm_shared::entry::fact;
use sqlx::MySql;
use sqlx::Transaction;

use crate::classify::is_duplicate;

const ADD: &str = "INSERT INTO cvm_trails (`productid`, `place`, `at`, `deed`, `facts`, `trailHead`) \
     VALUES (?, ?, ?, ?, ?, ?)";

/// Adds the entry. One that stands at its place already stays (a row that was put back from a copy): the trail then does
/// not lead to the row's hash any more, which is for whoever verifies it, and no reason to leave the device without.
pub(crate) async fn add(
    transaction: &mut Transaction<'_, MySql>,
    entry: &Entry,
) -> Result<(), sqlx::Error> {
    let of = |name: &str| entry.facts.get(name).cloned();
    let added = sqlx::query(ADD)
        .bind(of(fact::SERIAL))
        .bind(format!("{:020}", entry.revision().unwrap_or_default()))
        .bind(of(fact::AT).and_then(|at| at.parse::<i64>().ok()))
        .bind(of(fact::DEED))
        .bind(serde_json::json!(entry.facts).to_string())
        .bind(entry.head.as_str())
        .execute(&mut **transaction)
        .await;
    match added {
        Err(error) if !is_duplicate(&error) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
