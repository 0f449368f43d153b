//! Which queue and which vault a server has: one type for each, whatever was chosen.

use std::time::Duration;

use aws_config::SdkConfig;
use cvm_aws::intake::SqsIntake;
use cvm_aws::queue::SqsDelivery;
use cvm_aws::queue::SqsQueue;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_aws::vault::S3Vault;
use cvm_mysql::database::Database;
use cvm_mysql::links::Links;
use cvm_mysql::queue::MySqlQueue;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::message::Order;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Intake;
use cvm_shared::ports::Message;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Vault;
use zeroize::Zeroizing;

use crate::config::QueueChoice;
use crate::config::VaultChoice;

/// After how many deliveries the queue itself gives a message up: its workers die (the template's `maxReceiveCount`).
const MOST_RECEIVES: u32 = 30;

/// A queue in the database.
type Rows = MySqlQueue<SystemClock, SystemRandom>;

/// The work queue.
#[derive(Clone, Debug)]
pub enum WorkQueue {
    /// In the database.
    MySql(Rows),
    /// In SQS.
    Sqs(SqsParts),
}

/// The three sides of a queue on SQS.
#[derive(Clone, Debug)]
pub struct SqsParts {
    queue: SqsQueue,
    delivery: SqsDelivery,
    intake: SqsIntake,
}

impl WorkQueue {
    /// The queue that was chosen.
    pub fn open(choice: &QueueChoice, database: &Database, sdk: &SdkConfig) -> Self {
        match choice {
            QueueChoice::MySql => Self::MySql(MySqlQueue::orders(
                database.clone(),
                MOST_RECEIVES,
                SystemClock,
                SystemRandom,
            )),
            QueueChoice::Sqs { url, dead_letters } => {
                let client = aws_sdk_sqs::Client::new(sdk);
                Self::Sqs(SqsParts {
                    queue: SqsQueue::new(client.clone(), url.clone()),
                    delivery: SqsDelivery::new(client.clone(), url.clone(), dead_letters.clone()),
                    intake: SqsIntake::new(client, url.clone()),
                })
            }
        }
    }

    /// How long it may be waited at for a message: SQS bills each call, the database does not.
    pub fn patience(&self) -> Duration {
        match self {
            Self::MySql(_) => Duration::from_secs(2),
            Self::Sqs(_) => Duration::from_secs(10),
        }
    }
}

/// The dead letters, to be counted.
#[derive(Clone, Debug)]
pub enum DeadLetters {
    /// In the database.
    MySql(Rows),
    /// In SQS.
    Sqs(SqsQueue),
}

impl DeadLetters {
    /// Those of the queue that was chosen.
    pub fn open(choice: &QueueChoice, database: &Database, sdk: &SdkConfig) -> Self {
        match choice {
            QueueChoice::MySql => Self::MySql(MySqlQueue::dead_letters(
                database.clone(),
                SystemClock,
                SystemRandom,
            )),
            QueueChoice::Sqs { dead_letters, .. } => {
                let client = aws_sdk_sqs::Client::new(sdk);
                Self::Sqs(SqsQueue::new(client, dead_letters.clone()))
            }
        }
    }
}

impl Depth for DeadLetters {
    async fn depth(&self) -> Result<u64, Failure> {
        match self {
            Self::MySql(letters) => letters.depth().await,
            Self::Sqs(letters) => letters.depth().await,
        }
    }
}

impl Queue for WorkQueue {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        match self {
            Self::MySql(queue) => queue.send(order).await,
            Self::Sqs(parts) => parts.queue.send(order).await,
        }
    }
}

impl Depth for WorkQueue {
    async fn depth(&self) -> Result<u64, Failure> {
        match self {
            Self::MySql(queue) => queue.depth().await,
            Self::Sqs(parts) => parts.queue.depth().await,
        }
    }
}

impl Delivery for WorkQueue {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        match self {
            Self::MySql(queue) => queue.postpone(receipt, after).await,
            Self::Sqs(parts) => parts.delivery.postpone(receipt, after).await,
        }
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        match self {
            Self::MySql(queue) => queue.renew(body, tenant, after).await,
            Self::Sqs(parts) => parts.delivery.renew(body, tenant, after).await,
        }
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        match self {
            Self::MySql(queue) => queue.park(body, reason).await,
            Self::Sqs(parts) => parts.delivery.park(body, reason).await,
        }
    }
}

impl Intake for WorkQueue {
    async fn receive(
        &self,
        most: u32,
        hidden: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, Failure> {
        match self {
            Self::MySql(queue) => queue.receive(most, hidden, wait).await,
            Self::Sqs(parts) => parts.intake.receive(most, hidden, wait).await,
        }
    }

    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        match self {
            Self::MySql(queue) => queue.remove(receipt).await,
            Self::Sqs(parts) => parts.intake.remove(receipt).await,
        }
    }
}

/// Where bundles wait.
#[derive(Clone, Debug)]
pub enum Bundles {
    /// In the database.
    MySql(MySqlVault<SystemClock>),
    /// In S3.
    S3(S3Vault),
}

impl Bundles {
    /// The vault that was chosen; `links` lead to the server.
    pub fn open(choice: &VaultChoice, database: &Database, links: Links, sdk: &SdkConfig) -> Self {
        match choice {
            VaultChoice::MySql => {
                Self::MySql(MySqlVault::new(database.clone(), links, SystemClock))
            }
            VaultChoice::S3 { bucket, kms_key } => {
                let client = aws_sdk_s3::Client::new(sdk);
                let key = Some(kms_key.clone());
                Self::S3(S3Vault::new(client, bucket.clone(), key))
            }
        }
    }
}

impl Vault for Bundles {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        match self {
            Self::MySql(vault) => vault.stage(key, bytes).await,
            Self::S3(vault) => vault.stage(key, bytes).await,
        }
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        match self {
            Self::MySql(vault) => vault.holds(key).await,
            Self::S3(vault) => vault.holds(key).await,
        }
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        match self {
            Self::MySql(vault) => vault.fetch(key, most).await,
            Self::S3(vault) => vault.fetch(key, most).await,
        }
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        match self {
            Self::MySql(vault) => vault.presign(key, valid).await,
            Self::S3(vault) => vault.presign(key, valid).await,
        }
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        match self {
            Self::MySql(vault) => vault.shred(key).await,
            Self::S3(vault) => vault.shred(key).await,
        }
    }
}
