//! What each connection is set to: strict, and with reads as of now; and what happens where the settings do not arrive
//! (security table B113, B114).

use cvm_maria::lab;
use cvm_maria::proxy::Proxy;
use cvm_maria::table::trail;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseError;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::event::Event;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Guard as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::request::KeySource;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::transition::next;
use cvm_testkit::contract::life;
use cvm_testkit::sample;
use cvm_testkit::time::CountedRandom;

use crate::contracts;

async fn opened_ignoring(beginning: &'static str) -> Result<Database, DatabaseError> {
    let name = lab::database_named().await.0;
    let proxy = Proxy::before(lab::server().await.port()).await;
    proxy.ignore(beginning);
    Database::open(&lab::terms_at(proxy.url("root", &name)), None).await
}

async fn variable(database: &Database, name: &str) -> String {
    let text = sqlx::AssertSqlSafe(format!("SELECT @@{name}"));
    let query = sqlx::query_scalar::<_, String>(text);
    query.fetch_one(database.pool()).await.unwrap()
}

#[tokio::test]
async fn a_database_that_would_cut_values_off_is_refused_at_the_start() {
    let refusal = opened_ignoring("sql_mode =").await.unwrap_err();
    assert!(matches!(refusal, DatabaseError::Lax(_)), "{refusal:?}");
}

/// Where a proxy in between leaves the isolation as the server has it, a snapshot is as old as its transaction: who won
/// is still decided by the rows that a statement changed.
#[tokio::test]
async fn the_contract_holds_under_the_server_s_own_isolation() {
    let database = opened_ignoring("ISOLATION LEVEL").await.unwrap();
    let isolation = variable(&database, "SESSION.tx_isolation").await;
    assert_eq!(isolation, "REPEATABLE-READ");
    contracts::table(&database).await;
    contracts::guard(&database).await;
    contracts::queue(&database).await;
}

#[tokio::test]
async fn a_connection_of_ours_reads_what_was_committed() {
    let database = lab::database().await;
    let isolation = variable(&database, "SESSION.tx_isolation").await;
    assert_eq!(isolation, "READ-COMMITTED");
}

fn is_too_long<T>(result: Result<T, Failure>) -> bool {
    let Err(Failure::Rejected { detail, .. }) = result else {
        return false;
    };
    detail == "1406"
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_and_nothing_of_it_is_kept() {
    let database = lab::database().await;
    let guard = MySqlGuard::new(database.clone(), CountedRandom::default());
    let nonce = "n".repeat(200);
    assert!(is_too_long(
        guard.consume(&nonce, UnixMillis(1_700_000_000_000)).await
    ));
    let text = "SELECT COUNT(*) FROM cvm_guard";
    let count = sqlx::query_scalar::<_, i64>(text).fetch_one(database.pool());
    assert_eq!(count.await.unwrap(), 0);

    let registry = MySqlRegistry::new(database.clone());
    let mut row = sample::device("SN-1");
    registry.add(&row).await.unwrap();
    for event in life(&row, &KeySource::Service) {
        let mut after = next(&row, &event).unwrap();
        if matches!(event, Event::Commit { .. }) {
            let State::Issuing {
                issued: Some(issued),
                ..
            } = &mut after.state
            else {
                panic!("{after:?}")
            };
            issued.endpoint = "e".repeat(300);
            assert!(is_too_long(registry.swap(&row, &after).await));
            break;
        }
        registry.swap(&row, &after).await.unwrap();
        row = after;
    }
    assert_eq!(registry.load(&row.serial).await, Ok(Some(row.clone())));
    assert_eq!(trail(&database, &row.serial).await, []);
}
