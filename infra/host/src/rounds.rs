//! The janitor's rounds: on a schedule, by one server of all at a time, and when an operator asks for one.

use std::sync::Arc;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::batches::MySqlBatches;
use cvm_mysql::database::Database;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::lock::Lock;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Random as _;
use cvm_worker::errand::Errand;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::sweep::Janitor;
use cvm_worker::sweep::Summary;
use cvm_worker::table::Table;
use cvm_worker::tally::swept;

use crate::parts::Bundles;
use crate::parts::WorkQueue;
use crate::stop::Stop;

/// The janitor of a host.
pub type HostJanitor = Janitor<
    Table<MySqlRegistry, MySqlBacklog>,
    WorkQueue,
    AwsIssuer<SystemClock>,
    Bundles,
    SystemClock,
>;

/// The lock of who goes round.
const LOCK: &str = "cvm-janitor";

/// How long a round may last: as long as the Lambda function has.
const ROUND: Duration = Duration::from_mins(15);

/// How long a factory's batches are kept, as in the bucket of the serverless form.
const BATCHES_KEPT: Duration = Duration::from_hours(400 * 24);

/// Bundles are kept so much longer than a device has to fetch one; then no row can want them.
const BUNDLE_SLACK: Duration = Duration::from_hours(48);

/// The janitor and its schedule.
#[derive(Debug)]
pub struct Rounds {
    /// Goes round.
    pub janitor: HostJanitor,
    /// Where the lock is, and what grows old.
    pub database: Database,
    /// How often.
    pub every: Duration,
    /// How long a bundle waits for its device.
    pub bundle_wait: Duration,
}

impl Rounds {
    /// Goes round until the sign to stop. A round that is under way when it comes is cut off: each of its effects comes
    /// before the write that says so, and the next round goes on.
    pub async fn go(self: Arc<Self>, mut stop: Stop) {
        let usual = Errand::default();
        loop {
            tokio::select! {
                () = SystemClock.sleep(self.pause()) => {}
                () = stop.given() => return,
            }
            tokio::select! {
                done = self.round(&usual) => {
                    if let Err(failure) = done {
                        tracing::warn!(%failure, "no round was made");
                    }
                }
                () = stop.given() => return,
            }
        }
    }

    /// Between three quarters of the time and all of it, so that servers that start together do not go on together.
    fn pause(&self) -> Duration {
        let [byte, ..] = SystemRandom.bytes();
        self.every.mul_f64(0.75 + f64::from(byte) / 1024.0)
    }

    /// One round, if no other server is on one.
    pub async fn round(&self, errand: &Errand) -> Result<Option<Summary>, Failure> {
        let Some(lock) = Lock::take(&self.database, LOCK).await? else {
            return Ok(None);
        };
        let deadline = SystemClock.now().plus(ROUND);
        let summary = Box::pin(self.janitor.round(errand, deadline)).await;
        swept(&summary);
        let noted = self.note(&summary).await;
        let tidied = self.tidy(errand).await;
        lock.release().await;
        noted.and(tidied)?;
        Ok(Some(summary))
    }

    async fn note(&self, summary: &Summary) -> Result<(), Failure> {
        let text = serde_json::json!(summary).to_string();
        let backlog = &self.janitor.registry.backlog;
        backlog.note_sweep(SystemClock.now(), &text).await
    }

    /// What DynamoDB and S3 do by themselves elsewhere: used nonces and old bundles go.
    async fn tidy(&self, errand: &Errand) -> Result<(), Failure> {
        if errand.report_only || self.janitor.terms.report_only {
            return Ok(());
        }
        let now = SystemClock.now();
        let guard = MySqlGuard::new(self.database.clone(), SystemRandom);
        guard.forget(now).await?;
        let batches = MySqlBatches::new(self.database.clone(), SystemClock);
        batches.clear(now.minus(BATCHES_KEPT)).await?;
        if let Bundles::MySql(vault) = &self.janitor.vault {
            let old = now.minus(self.bundle_wait + BUNDLE_SLACK);
            vault.clear(old).await?;
        }
        Ok(())
    }
}
