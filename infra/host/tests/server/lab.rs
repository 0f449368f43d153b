//! A MariaDB, an AWS in memory, and servers of the host form on both: the real binary as an operator starts it.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use cvm_aws::backlog::CERTIFICATE_INDEX;
use cvm_aws::system::SystemClock;
use cvm_device::Vended;
use cvm_device::install::KeyMode;
use cvm_device::vend::VendConfig;
use cvm_local::host::Authority;
use cvm_local::host::HostOptions;
use cvm_local::host::HostServer;
use cvm_maria::lab;
use cvm_maria::proxy::Proxy;
use cvm_mysql::database::Database;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_standin::Account;
use cvm_standin::Options;
use cvm_standin::StandIn;
use cvm_testkit::sample;
use sqlx::AssertSqlSafe;
use sqlx::Executor as _;
use tempfile::TempDir;

/// One test's surroundings.
pub(crate) struct Lab {
    pub(crate) standin: StandIn,
    pub(crate) database: Database,
    pub(crate) authority: Authority,
    url: String,
    dir: TempDir,
}

impl Lab {
    /// With an AWS that answers at once.
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let name = lab::fresh().await;
        let terms = lab::terms(&name).await;
        let database = Database::open(&terms, None).await.unwrap();
        let url = terms.url;
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::fresh(dir.path()).unwrap();
        let standin = StandIn::start(options).await.unwrap();
        standin
            .account()
            .add_index(CERTIFICATE_INDEX, "certID", None);
        let lab = Self {
            standin,
            database,
            authority,
            url,
            dir,
        };
        lab.options("migrate").migrate().await.unwrap();
        lab
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn account(&self) -> &Account {
        self.standin.account()
    }

    /// The settings of a server whose times are as short as they may be.
    pub(crate) fn options(&self, name: &str) -> HostOptions {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_cvm-server"));
        let mut options = HostOptions::new(&binary, self.dir(), self.standin.endpoint(), &self.url);
        options.log = self.dir().join(format!("{name}.log"));
        options.tls = Some(self.authority.clone());
        options
            .set("iot_rate", 100)
            .set("poll_seconds", 1)
            .set("run_seconds", 10)
            .set("lease_seconds", 11)
            .set("visibility_seconds", 60)
            .set("creates_per_day", 100)
            .set("database_connections", 12)
    }

    pub(crate) async fn server(&self, name: &str) -> HostServer {
        HostServer::start(&self.options(name)).await.unwrap()
    }

    /// A proxy in front of the database.
    pub(crate) async fn proxy(&self) -> Proxy {
        Proxy::before(lab::server().await.port()).await
    }

    /// This lab's database by way of the proxy.
    pub(crate) fn url_through(&self, proxy: &Proxy) -> String {
        let name = self.url.rsplit('/').next().unwrap();
        proxy.url("root", name)
    }

    /// Imports a device.
    pub(crate) async fn import(&self, serial: &str) -> Record {
        let row = sample::device(serial);
        let registry = MySqlRegistry::new(self.database.clone());
        assert!(registry.add(&row).await.unwrap());
        row
    }

    pub(crate) async fn row(&self, serial: &str) -> Record {
        let registry = MySqlRegistry::new(self.database.clone());
        registry
            .load(&sample::serial(serial))
            .await
            .unwrap()
            .unwrap()
    }

    /// What a device is told that asks this server.
    pub(crate) fn device(&self, url: &str, serial: &str, mode: KeyMode) -> VendConfig {
        let token = DeviceToken::parse(sample::TOKEN).unwrap();
        let dir = self.dir().join("devices").join(serial);
        let mut config = VendConfig::new(url, sample::serial(serial), token, dir);
        config.key_mode = mode;
        config.ca_pem.clone_from(&self.authority.ca_pem);
        config.retry_base = Duration::from_millis(200);
        config
    }

    pub(crate) async fn vend(&self, config: &VendConfig) -> Result<Vended, String> {
        let vended = cvm_device::vend(config, &|| SystemClock.now(), &|_| {}).await;
        vended.map_err(|error| error.to_string())
    }

    /// A client that trusts the server's certificate.
    pub(crate) fn client(&self) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(self.authority.ca_pem.as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_merge([ca]);
        client.build().unwrap()
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let text = format!("SELECT COUNT(*) FROM {table}");
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(text));
        count.fetch_one(self.database.pool()).await.unwrap()
    }

    /// Lets time pass for messages whose worker is dead: what is hidden shows.
    pub(crate) async fn show_hidden(&self) {
        let text = "UPDATE cvm_orders SET visibleAt = 0 WHERE receipt IS NOT NULL";
        self.database.pool().execute(text).await.unwrap();
    }
}

/// Whether it came true in time.
pub(crate) async fn until(patience: Duration, mut look: impl AsyncFnMut() -> bool) -> bool {
    let give_up = SystemClock.now().plus(patience);
    while SystemClock.now() < give_up {
        if look().await {
            return true;
        }
        SystemClock.sleep(Duration::from_millis(30)).await;
    }
    false
}
