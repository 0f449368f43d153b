//! The connection to the database: encrypted, strict, and with a bound on everything.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use backon::ConstantBuilder;
use backon::Retryable as _;
use cvm_shared::failure::Failure;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use sqlx::AssertSqlSafe;
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::Executor as _;
use sqlx::MySqlPool;
use sqlx::migrate::Migrator;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::mysql::MySqlSslMode;

use crate::classify::failure;
use crate::classify::gave_way;
use crate::classify::rejected;

/// The tables, as a series of changes that are made once each. Those of a later version are let be: after a step back, the
/// older version goes on with the newer tables.
fn migrations() -> Migrator {
    let mut steps = sqlx::migrate!("./migrations");
    steps.set_ignore_missing(true);
    steps
}

/// How long a connection is kept that nobody uses: for less than the server keeps it (`wait_timeout` below).
const IDLE: Duration = Duration::from_secs(20);

/// Each connection: what does not fit is refused and never cut off, and a read sees what was committed before it, not
/// what was there when the transaction began.
///
/// A client that vanishes without a word (a power cut) leaves its transaction open, and the row in it locked, for as long as
/// the server waits for its next command: eight hours by default, in which a device could not be served.
const SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
     SESSION innodb_lock_wait_timeout = 3, SESSION wait_timeout = 30";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// How often a transaction that had to give way is tried.
const TRIES: usize = 5;

/// Whether the way to the database is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Yes, and the server must show a certificate for the host's name, from a known authority or this one (PEM file).
    Verified(Option<PathBuf>),
    /// No: for a socket, or an address of the machine's own.
    Off,
}

/// Where the database is, and how it is used.
#[derive(Clone, Debug)]
pub struct DatabaseTerms {
    /// `mysql://user@host:3306/name`, without a password; `?socket=/path` for a socket.
    pub url: String,
    /// Whether the way is encrypted.
    pub tls: Tls,
    /// Connections at most.
    pub connections: u32,
    /// How long a call waits for a free connection.
    pub patience: Duration,
}

/// Whom the database lets in, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The database's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user.
    pub user: String,
}

impl DatabaseTerms {
    /// The account of this address.
    pub fn account(&self) -> Result<Account, DatabaseError> {
        let options = connect_options(self)?;
        Ok(Account {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            user: options.get_username().to_owned(),
        })
    }

    /// Whether the way does not leave this machine: a socket, or a loopback address.
    pub fn is_local(&self) -> bool {
        let Ok(options) = MySqlConnectOptions::from_str(&self.url) else {
            return false;
        };
        let host = options.get_host();
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
        options.get_socket().is_some() || host == "localhost" || is_loopback
    }
}

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The address cannot be used.
    #[error("the database's address {0}")]
    Address(&'static str),
    /// It cannot be reached, or lets us not in.
    #[error("the database does not let us in: {0}")]
    Refused(#[source] sqlx::Error),
    /// It would cut off what does not fit.
    #[error(
        "the database is not strict: sql_mode is {0:?} although STRICT_ALL_TABLES was set (a proxy in between?)"
    )]
    Lax(String),
    /// Its tables are not those of this version.
    #[error("the database's tables are not those of this version: {0}; run `cvm-server migrate`")]
    Tables(String),
    /// Its tables cannot be made.
    #[error("the tables cannot be made: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: MySqlPool,
    /// The same without a password, for connections to come.
    options: Arc<MySqlConnectOptions>,
}

impl Database {
    /// Connects, and sees that the database is as strict as it was told.
    pub async fn open(
        terms: &DatabaseTerms,
        password: Option<&SecretString>,
    ) -> Result<Self, DatabaseError> {
        let plain = connect_options(terms)?;
        let pool = MySqlPoolOptions::new()
            .max_connections(terms.connections)
            .acquire_timeout(terms.patience)
            .max_lifetime(Duration::from_mins(30))
            .idle_timeout(IDLE)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute(SESSION).await?;
                    connection.execute(ISOLATION).await?;
                    Ok(())
                })
            })
            .connect_with(with_password(plain.clone(), password))
            .await
            .map_err(DatabaseError::Refused)?;
        let options = Arc::new(plain);
        let database = Self { pool, options };
        database.is_strict().await?;
        Ok(database)
    }

    /// Knocks once, and tells at once why nobody opens: [`Database::open`] goes on knocking for as long as it has patience.
    pub async fn knock(
        terms: &DatabaseTerms,
        password: Option<&SecretString>,
    ) -> Result<(), DatabaseError> {
        let options = with_password(connect_options(terms)?, password);
        let connected = tokio::time::timeout(terms.patience, options.connect()).await;
        let connected = connected.map_err(|_| sqlx::Error::PoolTimedOut);
        let connection = connected.flatten().map_err(DatabaseError::Refused)?;
        // It was let in: how it takes its leave makes no difference.
        let _left = connection.close().await;
        Ok(())
    }

    async fn is_strict(&self) -> Result<(), DatabaseError> {
        let mode = sqlx::query_scalar::<_, String>("SELECT @@SESSION.sql_mode");
        let mode = mode.fetch_one(&self.pool).await;
        let mode = mode.map_err(DatabaseError::Refused)?;
        if mode.split(',').any(|word| word == "STRICT_ALL_TABLES") {
            Ok(())
        } else {
            Err(DatabaseError::Lax(mode))
        }
    }

    /// A password for the connections to come; those that are open stay. For passwords that live shortly (RDS IAM).
    pub fn renew_password(&self, password: &SecretString) {
        let plain = MySqlConnectOptions::clone(&self.options);
        let fresh = with_password(plain, Some(password));
        self.pool.set_connect_options(fresh);
    }

    /// Creates a database of this name, for letters and digits, if it is missing. Needs the right to.
    pub async fn create(&self, name: &str) -> Result<(), Failure> {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(rejected("a name of other than letters and digits"));
        }
        let text = format!("CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4");
        let made = self.pool.execute(AssertSqlSafe(text)).await;
        made.map(|_| ()).map_err(|error| failure(&error))
    }

    /// Makes or changes the tables until they are those of this version. Needs the right to.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let made = migrations().run(&self.pool).await;
        made.map_err(DatabaseError::Migration)
    }

    /// Whether the tables are those of this version, or of a later one: a server that is being replaced must go on.
    pub async fn check_tables(&self) -> Result<(), DatabaseError> {
        let known = "SELECT version FROM _sqlx_migrations WHERE success";
        let known = sqlx::query_scalar::<_, i64>(known)
            .fetch_all(&self.pool)
            .await;
        let known = known.map_err(|_| DatabaseError::Tables("none are there".to_owned()))?;
        let steps = migrations();
        let missing = steps.iter().find(|wanted| !known.contains(&wanted.version));
        missing.map_or(Ok(()), |missing| {
            let text = format!("step {} is missing", missing.version);
            Err(DatabaseError::Tables(text))
        })
    }

    /// Whether it answers.
    pub async fn answers(&self) -> Result<(), Failure> {
        let answer = self.pool.execute("SELECT 1").await;
        answer.map(|_| ()).map_err(|error| failure(&error))
    }

    /// Who we are to the database: `user@host`, as its grants name it.
    pub async fn user(&self) -> Result<String, Failure> {
        let user = sqlx::query_scalar::<_, String>("SELECT CURRENT_USER()");
        let user = user.fetch_one(&self.pool).await;
        user.map_err(|error| failure(&error))
    }

    /// Lets go of all connections, when the calls on their way have come back.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The connections.
    pub fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// The outcome of these statements, tried again at once where the database undid them to let others through.
    pub(crate) async fn settled<T, F>(&self, statements: impl Fn() -> F) -> Result<T, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let pauses = ConstantBuilder::default()
            .with_delay(Duration::from_millis(5))
            .with_max_times(TRIES);
        statements.retry(pauses).when(gave_way).await
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({} connections)", self.pool.size())
    }
}

fn connect_options(terms: &DatabaseTerms) -> Result<MySqlConnectOptions, DatabaseError> {
    if has_password(&terms.url) {
        return Err(DatabaseError::Address(
            "must not hold the password: it is told apart, from a file",
        ));
    }
    let refuse = || DatabaseError::Address("is no mysql:// URL");
    // The driver takes a URL of any kind for its own.
    if !terms.url.starts_with("mysql://") {
        return Err(refuse());
    }
    let options = MySqlConnectOptions::from_str(&terms.url).map_err(|_| refuse())?;
    let options = options
        .charset("utf8mb4")
        // Our own, not whatever the server's default is with these added to it.
        .pipes_as_concat(false)
        .no_engine_substitution(false);
    Ok(match &terms.tls {
        Tls::Off => options.ssl_mode(MySqlSslMode::Disabled),
        Tls::Verified(authority) => {
            // A token of IAM's goes in clear inside TLS, as RDS asks for it.
            let options = options
                .ssl_mode(MySqlSslMode::VerifyIdentity)
                .enable_cleartext_plugin(true);
            authority.iter().fold(options, MySqlConnectOptions::ssl_ca)
        }
    })
}

/// Whether `user:password@` is in the URL.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

fn with_password(
    options: MySqlConnectOptions,
    password: Option<&SecretString>,
) -> MySqlConnectOptions {
    match password {
        Some(password) => options.password(password.expose_secret()),
        None => options,
    }
}

/// What an error means to a port.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(crate) fn told(error: sqlx::Error) -> Failure {
    failure(&error)
}

/// A number as the database keeps it.
pub(crate) fn signed(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|_| rejected("a number too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, tls: Tls) -> Result<MySqlConnectOptions, String> {
        let terms = DatabaseTerms {
            url: url.to_owned(),
            tls,
            connections: 1,
            patience: Duration::from_secs(1),
        };
        connect_options(&terms).map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let refusal = options("mysql://cvm:hunter2@db/cvm", Tls::Off).unwrap_err();
        assert!(!refusal.contains("hunter2") && refusal.contains("password"));
        assert!(options("mysql://cvm@db/cvm", Tls::Off).is_ok());
        assert!(options("postgres://cvm@db/cvm", Tls::Off).is_err());
    }

    #[test]
    fn the_way_is_verified_whatever_the_address_asks_for() {
        let verified = options("mysql://cvm@db/cvm?ssl-mode=DISABLED", Tls::Verified(None));
        let mode = verified.unwrap().get_ssl_mode();
        assert!(matches!(mode, MySqlSslMode::VerifyIdentity));
    }
}
