//! One MariaDB for all tests of this program, and a database of its own for each of them.

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
pub(crate) async fn server() -> &'static MariaDb {
    let start = || async {
        let workspace = Workspace::find().await.unwrap();
        MariaDb::start(&workspace, &[]).unwrap()
    };
    SERVER.get_or_init(start).await
}

/// The name of a fresh, empty database.
pub(crate) async fn fresh() -> String {
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let mut root = root("mysql").await;
    let text = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
    root.execute(AssertSqlSafe(text)).await.unwrap();
    name
}

/// A connection of the administrator's, to do what a server of ours may not.
pub(crate) async fn root(name: &str) -> MySqlConnection {
    let url = server().await.url("root", name);
    MySqlConnection::connect(&url).await.unwrap()
}

/// How a server of ours connects to this database.
pub(crate) async fn terms(name: &str) -> DatabaseTerms {
    DatabaseTerms {
        url: server().await.url("root", name),
        tls: Tls::Off,
        connections: 16,
        patience: Duration::from_secs(3),
    }
}

/// A database with its tables.
pub(crate) async fn database() -> Database {
    let name = fresh().await;
    let database = Database::open(&terms(&name).await, None).await.unwrap();
    database.migrate().await.unwrap();
    database
}
