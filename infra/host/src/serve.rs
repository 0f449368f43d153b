//! A server from its start to its shutdown.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_ingest::door::Door;
use cvm_ingest::door::Own;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseError;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::links::Links;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock as _;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::iot::client;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use cvm_worker::run::Worker;
use cvm_worker::sweep::Janitor;
use cvm_worker::table::Table;
use cvm_worker::tally::throttled;
use metrics_exporter_prometheus::BuildError;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::task::JoinSet;

use crate::admin;
use crate::admin::Office;
use crate::config::DatabaseLogin;
use crate::config::HostConfig;
use crate::crew::Crew;
use crate::crew::Held;
use crate::entrance;
use crate::entrance::EntranceError;
use crate::parts::Bundles;
use crate::parts::DeadLetters;
use crate::parts::WorkQueue;
use crate::prometheus;
use crate::rounds::Rounds;
use crate::stop::Stop;
use crate::stop::sign;
use crate::token::TokenError;
use crate::token::keep_fresh;
use crate::token::token;
use crate::web::Front;

/// How often histograms are folded and throttled calls counted.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why a server does not come up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A call to it.
    #[error("the database: {0}")]
    Call(#[from] Failure),
    /// The way in for devices.
    #[error(transparent)]
    Entrance(#[from] EntranceError),
    /// The database's token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The file with the password.
    #[error("{0}")]
    Password(String),
    /// An address that cannot be listened at.
    #[error("{0} cannot be listened at: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// Signals cannot be heeded.
    #[error("signals: {0}")]
    Signals(std::io::Error),
}

/// Serves until somebody asks it to stop (SIGTERM, SIGINT).
pub async fn serve(config: HostConfig) -> Result<(), ServeError> {
    let (stopper, stop) = sign();
    let mut server = Server::open(config, stop).await?;
    let metrics = prometheus::start()?;
    let rates = server.rates().await;
    let rounds = server.rounds(&rates);
    let admin = server.admin(metrics.clone(), rounds.clone()).await?;
    server.open_door().await?;
    if let Some(rounds) = rounds {
        server.tasks.spawn(rounds.go(server.stop.clone()));
    }
    server.begin_work(&rates, metrics);
    tracing::info!(roles = ?server.config.roles, "serving");
    told_to_stop().await?;
    tracing::info!("stopping");
    stopper.stop();
    while server.tasks.join_next().await.is_some() {}
    admin.abort();
    server.database.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Makes the tables, or changes them to those of this version.
pub async fn migrate(config: HostConfig) -> Result<(), ServeError> {
    let sdk = sdk_config(CallLimits::WORKER).await;
    let database = connect(&config, &sdk).await?;
    database.migrate().await?;
    database.close().await;
    Ok(())
}

/// A server's parts while it runs.
struct Server {
    config: HostConfig,
    sdk: SdkConfig,
    database: Database,
    queue: WorkQueue,
    links: Links,
    stop: Stop,
    tasks: JoinSet<()>,
}

impl Server {
    async fn open(config: HostConfig, stop: Stop) -> Result<Self, ServeError> {
        let sdk = sdk_config(CallLimits::WORKER).await;
        let database = connect(&config, &sdk).await?;
        database.check_tables().await?;
        let mut tasks = JoinSet::new();
        if config.login == DatabaseLogin::RdsIam {
            let account = config.database.account()?;
            let fresh = keep_fresh(sdk.clone(), account, database.clone(), stop.clone());
            tasks.spawn(fresh);
        }
        let guard = MySqlGuard::new(database.clone(), SystemRandom);
        let base = format!("https://{}", config.web.public_host);
        Ok(Self {
            queue: WorkQueue::open(&config.queue, &database, &sdk),
            links: Links::shared(&guard, base).await?,
            config,
            sdk,
            database,
            stop,
            tasks,
        })
    }

    /// Only who calls AWS IoT asks how fast it may.
    async fn rates(&self) -> Rates {
        let roles = self.config.roles;
        if roles.worker || roles.janitor {
            Rates::from(self.config.rate, &self.sdk).await
        } else {
            Rates::aws_defaults()
        }
    }

    fn registry(&self) -> MySqlRegistry {
        MySqlRegistry::new(self.database.clone())
    }

    fn bundles(&self, sdk: &SdkConfig) -> Bundles {
        let links = self.links.clone();
        Bundles::open(&self.config.vault, &self.database, links, sdk)
    }

    fn issuer(&self, rates: &Rates) -> AwsIssuer<SystemClock> {
        AwsIssuer::new(client(&self.sdk), Pacer::new(rates), SystemClock)
    }

    fn rounds(&self, rates: &Rates) -> Option<Arc<Rounds>> {
        let config = &self.config;
        if !config.roles.janitor {
            return None;
        }
        let janitor = Janitor {
            registry: Table {
                rows: self.registry(),
                backlog: MySqlBacklog::new(self.database.clone()),
            },
            queue: self.queue.clone(),
            // A tenth of the quota: the workers have the rest.
            issuer: self.issuer(&rates.shared_by(10)),
            vault: self.bundles(&self.sdk),
            clock: SystemClock,
            terms: config.sweep,
        };
        Some(Arc::new(Rounds {
            janitor,
            database: self.database.clone(),
            every: config.sweep_every,
            bundle_wait: config.runs.terms.bundle_wait,
        }))
    }

    async fn admin(
        &self,
        metrics: PrometheusHandle,
        rounds: Option<Arc<Rounds>>,
    ) -> Result<tokio::task::JoinHandle<()>, ServeError> {
        let office = Arc::new(Office {
            stop: self.stop.clone(),
            database: self.database.clone(),
            queue: self.queue.clone(),
            dead_letters: DeadLetters::open(&self.config.queue, &self.database, &self.sdk),
            metrics,
            rounds,
        });
        let address = self.config.admin;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| ServeError::Listen(address, error))?;
        Ok(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, admin::router(office)).await {
                tracing::error!(%error, "the admin endpoints are gone");
            }
        }))
    }

    async fn open_door(&mut self) -> Result<(), ServeError> {
        if !self.config.roles.door {
            return Ok(());
        }
        // A device waits for less than a worker may.
        let sdk = sdk_config(CallLimits::INGEST).await;
        let door = Door {
            registry: self.registry(),
            queue: self.queue.clone(),
            vault: self.bundles(&sdk),
            guard: MySqlGuard::new(self.database.clone(), SystemRandom),
            clock: SystemClock,
            random: SystemRandom,
            terms: self.config.terms,
            trust: self.config.trust.clone(),
            own: Own::fresh(&SystemRandom),
        };
        let front = Arc::new(Front {
            door,
            audience: self.config.web.public_host.clone(),
            behind_proxy: self.config.web.tls.is_none(),
        });
        let (web, stop) = (&self.config.web, &self.stop);
        let limit = self.config.shutdown;
        entrance::open(web, front, stop, limit, &mut self.tasks)?;
        Ok(())
    }

    fn begin_work(&mut self, rates: &Rates, metrics: PrometheusHandle) {
        let config = &self.config;
        let mut upkeep = Upkeep {
            metrics,
            crew: None,
        };
        if config.roles.worker {
            let crew = Arc::new(Crew {
                worker: Worker {
                    registry: self.registry(),
                    issuer: self.issuer(&rates.shared_by(config.servers)),
                    vault: self.bundles(&self.sdk),
                    clock: SystemClock,
                    random: SystemRandom,
                    terms: config.runs.terms,
                },
                queue: self.queue.clone(),
                runs: config.runs,
                most: usize::try_from(config.workers).unwrap_or(1),
                held: Held::default(),
            });
            upkeep.crew = Some(Arc::clone(&crew));
            let work = crew.work(self.stop.clone(), config.shutdown);
            self.tasks.spawn(work);
        }
        self.tasks.spawn(upkeep.go(self.stop.clone()));
    }
}

/// What the metrics need now and then.
struct Upkeep {
    metrics: PrometheusHandle,
    crew: Option<Arc<Crew>>,
}

impl Upkeep {
    async fn go(self, mut stop: Stop) {
        while !stop.is_given() {
            tokio::select! {
                () = SystemClock.sleep(UPKEEP) => {}
                () = stop.given() => {}
            }
            self.metrics.run_upkeep();
            let calls = self
                .crew
                .as_ref()
                .map(|crew| crew.worker.issuer.throttled_since());
            if let Some(apis) = throttled(&calls.unwrap_or_default()) {
                tracing::info!(%apis, "throttled by AWS IoT");
            }
        }
    }
}

async fn connect(config: &HostConfig, sdk: &SdkConfig) -> Result<Database, ServeError> {
    let password = match &config.login {
        DatabaseLogin::Password(None) => None,
        DatabaseLogin::Password(Some(path)) => Some(read_password(path)?),
        DatabaseLogin::RdsIam => Some(token(sdk, &config.database.account()?).await?),
    };
    Ok(Database::open(&config.database, password.as_ref()).await?)
}

fn read_password(path: &Path) -> Result<SecretString, ServeError> {
    let text = std::fs::read_to_string(path);
    let text =
        text.map_err(|error| ServeError::Password(format!("{}: {error}", path.display())))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

async fn told_to_stop() -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
