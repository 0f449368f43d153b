//! Servers of the host form with a MariaDB, on the same stand-in for AWS that the functions have.

mod rush;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_local::database::MariaDb;
use cvm_local::host::Authority;
use cvm_local::host::HostOptions;
use cvm_local::host::HostServer;
use cvm_local::workspace::Workspace;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseTerms;
use cvm_mysql::database::Tls;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use cvm_shared::record::Record;
use sqlx::Row as _;

use crate::backend::Row;
use crate::error::Error;
use crate::runtime::locked;

pub use rush::Rush;

/// The name of the database.
const NAME: &str = "cvm";

/// Servers and their database. Dropping it ends all of it.
#[derive(Debug)]
pub struct Hosts {
    options: Vec<HostOptions>,
    servers: Mutex<Vec<Option<HostServer>>>,
    database: Database,
    ca_pem: String,
    _mariadb: MariaDb,
}

/// What a failure of the database is here.
fn broken(error: &dyn std::error::Error) -> Error {
    Error::Usage(format!("the database: {error}"))
}

impl Hosts {
    /// Starts so many servers with these settings on a database of their own; their files are in `dir`.
    pub async fn start(
        count: usize,
        binary: &Path,
        aws: &str,
        dir: &Path,
        settings: &[(&str, String)],
    ) -> Result<Self, Error> {
        let workspace = Workspace::find().await?;
        let mariadb = MariaDb::start(&workspace, &[])?;
        let database = database(&mariadb).await?;
        let url = mariadb.url("root", NAME);
        let authority = Authority::fresh(dir)?;
        let mut all = Vec::new();
        for number in 0..count {
            let mut options = HostOptions::new(binary, dir, aws, &url);
            // Links to bundles are https, and lead to the server itself.
            options.tls = Some(authority.clone());
            options.log = dir.join(format!("server-{number}.log"));
            for (key, value) in settings {
                options = options.set(key, value);
            }
            all.push(options);
        }
        if let Some(first) = all.first() {
            first.migrate().await?;
        }
        let hosts = Self {
            servers: Mutex::new(all.iter().map(|_| None).collect()),
            options: all,
            database,
            ca_pem: authority.ca_pem,
            _mariadb: mariadb,
        };
        for number in 0..count {
            hosts.begin(number).await?;
        }
        Ok(hosts)
    }

    /// Starts a server that is not there, where it was before.
    async fn begin(&self, number: usize) -> Result<(), Error> {
        let Some(options) = self.options.get(number) else {
            return Ok(());
        };
        let server = HostServer::start(options).await?;
        if let Some(place) = locked(&self.servers).get_mut(number) {
            *place = Some(server);
        }
        Ok(())
    }

    /// Where devices ask: the first server.
    pub fn url(&self) -> Result<String, Error> {
        let servers = locked(&self.servers);
        let first = servers.iter().flatten().next();
        first
            .map(HostServer::url)
            .ok_or_else(|| Error::Usage("no server is there".to_owned()))
    }

    /// The authority of the servers' certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Has no message hidden for longer than this from now on: where that is less than the servers are told, time passes
    /// faster for messages whose server is dead.
    pub async fn hide_at_most(&self, seconds: u64) -> Result<(), Error> {
        let text = "UPDATE cvm_orders SET visibleAt = ? WHERE visibleAt > ?";
        let latest = SystemClock.now().plus(Duration::from_secs(seconds));
        let latest = i64::try_from(latest.0).unwrap_or(i64::MAX);
        let shown = sqlx::query(text).bind(latest).bind(latest);
        let shown = shown.execute(self.database.pool()).await;
        shown.map(drop).map_err(|error| broken(&error))
    }

    /// Kills a server as a power cut would, and starts it again.
    pub async fn cut(&self, number: usize) -> Result<(), Error> {
        let server = locked(&self.servers).get_mut(number).and_then(Option::take);
        if let Some(server) = server {
            server.kill().await;
        }
        self.begin(number).await
    }

    /// Has one of them go round.
    pub async fn sweep(&self) -> Result<(), Error> {
        let url = {
            let servers = locked(&self.servers);
            servers
                .iter()
                .flatten()
                .next()
                .map(|server| server.admin("/sweep"))
        };
        let Some(url) = url else { return Ok(()) };
        let client = reqwest::Client::new();
        let answer = client
            .post(url)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        answer.map(drop).map_err(|error| broken(&error))
    }

    /// Imports a device.
    pub async fn put(&self, record: &Record) -> Result<(), Error> {
        let registry = MySqlRegistry::new(self.database.clone());
        registry
            .add(record)
            .await
            .map(drop)
            .map_err(|error| broken(&error))
    }

    /// A device's row, read off the table itself.
    pub async fn row(&self, serial: &SerialNumber) -> Result<Row, Error> {
        let text = "SELECT applyState, confirmedAt, certID FROM cvm_devices WHERE productid = ?";
        let found = sqlx::query(text).bind(serial.as_str());
        let found = found.fetch_optional(self.database.pool()).await;
        let Some(row) = found.map_err(|error| broken(&error))? else {
            return Ok(Row::default());
        };
        let state: i8 = row.try_get(0).map_err(|error| broken(&error))?;
        Ok(Row {
            state: state.to_string(),
            vended: state == -1,
            confirmed: row.try_get::<Option<i64>, _>(1).ok().flatten().is_some(),
            certificate: row.try_get(2).map_err(|error| broken(&error))?,
        })
    }

    /// Messages in the queue, in whatever state.
    pub async fn depth(&self) -> Result<u64, Error> {
        self.count("SELECT COUNT(*) FROM cvm_orders").await
    }

    async fn count(&self, text: &'static str) -> Result<u64, Error> {
        let count = sqlx::query_scalar::<_, i64>(text);
        let count = count.fetch_one(self.database.pool()).await;
        let count = count.map_err(|error| broken(&error))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Messages that wait for a worker.
    pub async fn waiting(&self) -> Result<u64, Error> {
        let text = "SELECT COUNT(*) FROM cvm_orders WHERE visibleAt <= ?";
        let now = i64::try_from(SystemClock.now().0).unwrap_or(i64::MAX);
        let count = sqlx::query_scalar::<_, i64>(text).bind(now);
        let count = count.fetch_one(self.database.pool()).await;
        let count = count.map_err(|error| broken(&error))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The dead letters by reason.
    pub async fn dead_letters(&self) -> Result<BTreeMap<String, usize>, Error> {
        let text = "SELECT COALESCE(reason, 'received too often'), COUNT(*) FROM cvm_dead_letters GROUP BY 1";
        let found = sqlx::query_as::<_, (String, i64)>(text);
        let found = found.fetch_all(self.database.pool()).await;
        let found = found.map_err(|error| broken(&error))?;
        let pair = |(reason, count)| (reason, usize::try_from(count).unwrap_or_default());
        Ok(found.into_iter().map(pair).collect())
    }

    /// Has a part of the messages delivered a second time: those above this id; the highest id now.
    pub async fn copy_messages(&self, above: u64, fraction: f64) -> Result<u64, Error> {
        let text = "INSERT INTO cvm_orders (body, tenant, turn, sentAt, visibleAt) \
             SELECT body, tenant, turn, sentAt, visibleAt FROM cvm_orders WHERE id > ? AND RAND() < ?";
        let copied = sqlx::query(text).bind(above).bind(fraction);
        copied
            .execute(self.database.pool())
            .await
            .map_err(|error| broken(&error))?;
        self.count("SELECT CAST(COALESCE(MAX(id), 0) AS SIGNED) FROM cvm_orders")
            .await
    }
}

async fn database(mariadb: &MariaDb) -> Result<Database, Error> {
    let terms = |name: &str| DatabaseTerms {
        url: mariadb.url("root", name),
        tls: Tls::Off,
        connections: 8,
        patience: Duration::from_secs(10),
    };
    let server = Database::open(&terms("mysql"), None).await;
    let server = server.map_err(|error| broken(&error))?;
    server.create(NAME).await.map_err(|error| broken(&error))?;
    server.close().await;
    let database = Database::open(&terms(NAME), None).await;
    database.map_err(|error| broken(&error))
}

/// Where a server's binary is.
pub async fn binary(profile: cvm_local::functions::Profile) -> Result<PathBuf, Error> {
    let workspace = Workspace::find().await?;
    Ok(cvm_local::functions::server(&workspace, profile).await?)
}
