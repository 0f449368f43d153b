//! The rights that a server of ours needs in the database, and no more: it can change no trail and delete no device.

use cvm_maria::lab;
use cvm_mysql::classify::failure;
use cvm_mysql::database::Database;
use cvm_shared::failure::Failure;
use sqlx::AssertSqlSafe;
use sqlx::Executor as _;

use crate::contracts;

/// What a server of ours may do, table by table.
const GRANTS: [(&str, &str); 8] = [
    ("SELECT, INSERT, UPDATE", "cvm_devices"),
    ("SELECT, INSERT", "cvm_trails"),
    ("SELECT, INSERT, UPDATE, DELETE", "cvm_guard"),
    ("SELECT, INSERT, UPDATE, DELETE", "cvm_marks"),
    ("SELECT, INSERT, UPDATE, DELETE", "cvm_orders"),
    ("SELECT, INSERT, UPDATE, DELETE", "cvm_dead_letters"),
    ("SELECT, INSERT, UPDATE, DELETE", "cvm_bundles"),
    ("SELECT", "_sqlx_migrations"),
];

/// A database as a user sees it that has these rights and no others.
async fn served() -> Database {
    let name = lab::database_named().await.0;
    let mut root = lab::root(&name).await;
    let user = format!("'server_{name}'@'127.0.0.1'");
    let grants =
        GRANTS.map(|(rights, table)| format!("GRANT {rights} ON {name}.{table} TO {user}"));
    for text in [format!("CREATE USER {user}")].into_iter().chain(grants) {
        root.execute(AssertSqlSafe(text)).await.unwrap();
    }
    let url = lab::server().await.url(&format!("server_{name}"), &name);
    Database::open(&lab::terms_at(url), None).await.unwrap()
}

#[tokio::test]
async fn they_suffice() {
    served().await.check_tables().await.unwrap();
    contracts::table(&served().await).await;
    contracts::waiting_rows(&served().await).await;
    contracts::guard(&served().await).await;
    contracts::queue(&served().await).await;
    contracts::vault(&served().await).await;
}

#[tokio::test]
async fn what_they_leave_out_is_refused_as_a_missing_right() {
    let database = served().await;
    for text in [
        "DELETE FROM cvm_devices",
        "UPDATE cvm_trails SET `deed` = 'claim'",
        "DELETE FROM cvm_trails",
        "UPDATE _sqlx_migrations SET `success` = 0",
        "DROP TABLE cvm_trails",
        "CREATE TABLE other (`id` INT)",
        "ALTER TABLE cvm_trails ADD COLUMN `other` INT",
        "CREATE TRIGGER other BEFORE INSERT ON cvm_trails FOR EACH ROW SET NEW.`deed` = 'other'",
    ] {
        let refused = database.pool().execute(text).await.unwrap_err();
        let refused = failure(&refused);
        assert!(
            matches!(refused, Failure::Denied { .. }),
            "{text}: {refused:?}"
        );
    }
}
