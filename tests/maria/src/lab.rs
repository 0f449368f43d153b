//! One MariaDB for all of a program, and a database of its own for each test of it.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_local::database::MariaDb;
use cvm_local::workspace::Workspace;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseTerms;
use cvm_mysql::database::Tls;
use sqlx::AssertSqlSafe;
use sqlx::Connection as _;
use sqlx::Executor as _;
use sqlx::MySqlConnection;
use tokio::sync::OnceCell;

static SERVER: OnceCell<MariaDb> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The server, started by whoever comes first.
pub async fn server() -> &'static MariaDb {
    SERVER.get_or_init(|| started(&[])).await
}

/// Another server with these options, for who asks.
pub async fn started(options: &[&str]) -> MariaDb {
    let workspace = Workspace::find().await.unwrap();
    MariaDb::start(&workspace, options).unwrap()
}

/// The name of a fresh, empty database.
pub async fn fresh() -> String {
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let mut root = root("mysql").await;
    let text = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
    root.execute(AssertSqlSafe(text)).await.unwrap();
    name
}

/// A connection of the administrator's, to do what a server of ours may not.
pub async fn root(name: &str) -> MySqlConnection {
    let url = server().await.url("root", name);
    MySqlConnection::connect(&url).await.unwrap()
}

/// How a server of ours connects to this database.
pub async fn terms(name: &str) -> DatabaseTerms {
    terms_at(server().await.url("root", name))
}

/// How a server of ours connects to this address.
pub fn terms_at(url: String) -> DatabaseTerms {
    DatabaseTerms {
        url,
        tls: Tls::Off,
        connections: 16,
        patience: Duration::from_secs(3),
    }
}

/// A database with its tables.
pub async fn database() -> Database {
    database_named().await.1
}

/// The same with its name.
pub async fn database_named() -> (String, Database) {
    let name = fresh().await;
    let database = Database::open(&terms(&name).await, None).await.unwrap();
    database.migrate().await.unwrap();
    (name, database)
}

/// Empties all tables. The queues' numbers go on, which costs nothing: a table that is made anew costs 40 ms.
pub async fn empty(database: &Database) {
    for table in [
        "cvm_devices",
        "cvm_trails",
        "cvm_guard",
        "cvm_marks",
        "cvm_bundles",
        "cvm_orders",
        "cvm_dead_letters",
    ] {
        let text = AssertSqlSafe(format!("DELETE FROM {table}"));
        database.pool().execute(text).await.unwrap();
    }
}
