//! The trails and what the janitor leaves behind, wherever they are.

use cvm_aws::backlog::DynamoBacklog;
use cvm_aws::trails::DynamoTrails;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::trails::MySqlTrails;
use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Bookmark;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::trails::Page;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails;
use cvm_shared::operate::trails::Upkeep;
use cvm_shared::time::UnixMillis;

use crate::aws::Part;
use crate::site::Place;
use crate::site::Site;
use crate::trouble::Trouble;

/// The trails.
#[derive(Clone, Debug)]
pub(crate) enum TrailStore {
    Dynamo(DynamoTrails),
    MySql(MySqlTrails),
}

/// The janitor's marks, and the rows that wait.
#[derive(Clone, Debug)]
pub(crate) enum UpkeepStore {
    Dynamo(DynamoBacklog),
    MySql(MySqlBacklog),
}

impl Site {
    /// The trails.
    pub(crate) async fn trails(&self) -> Result<TrailStore, Trouble> {
        Ok(match &self.place {
            Place::Stack(aws) => {
                let table = aws.name(Part::AuditTable).await?;
                TrailStore::Dynamo(DynamoTrails::new(aws.dynamodb(), table))
            }
            Place::Host(host) => TrailStore::MySql(MySqlTrails::new(host.database.clone())),
        })
    }

    /// What the janitor leaves behind.
    pub(crate) async fn upkeep(&self) -> Result<UpkeepStore, Trouble> {
        Ok(match &self.place {
            Place::Stack(aws) => {
                let table = aws.name(Part::Table).await?;
                UpkeepStore::Dynamo(DynamoBacklog::new(aws.dynamodb(), table))
            }
            Place::Host(host) => UpkeepStore::MySql(MySqlBacklog::new(host.database.clone())),
        })
    }
}

impl TrailStore {
    /// Adds to the count of devices by state; whether there is one, and it can be wrong. A database counts the devices
    /// themselves.
    pub(crate) async fn correct(&self, changes: &Counts) -> Result<bool, Failure> {
        match self {
            Self::Dynamo(trails) => trails.count(changes).await.map(|()| true),
            Self::MySql(_) => Ok(false),
        }
    }
}

impl Trails for TrailStore {
    async fn read(&self, name: &str) -> Result<Vec<Placed>, Failure> {
        match self {
            Self::Dynamo(trails) => trails.read(name).await,
            Self::MySql(trails) => trails.read(name).await,
        }
    }

    async fn page(&self, after: Option<Bookmark>) -> Result<Page, Failure> {
        match self {
            Self::Dynamo(trails) => trails.page(after).await,
            Self::MySql(trails) => trails.page(after).await,
        }
    }

    async fn add(&self, entries: &[Placed]) -> Result<Vec<bool>, Failure> {
        match self {
            Self::Dynamo(trails) => trails.add(entries).await,
            Self::MySql(trails) => trails.add(entries).await,
        }
    }

    async fn counts(&self) -> Result<Counts, Failure> {
        match self {
            Self::Dynamo(trails) => trails.counts().await,
            Self::MySql(trails) => trails.counts().await,
        }
    }

    async fn minutes(&self, from: u64) -> Result<Vec<(u64, Counts)>, Failure> {
        match self {
            Self::Dynamo(trails) => trails.minutes(from).await,
            Self::MySql(trails) => trails.minutes(from).await,
        }
    }
}

impl Upkeep for UpkeepStore {
    async fn last_sweep(&self) -> Result<Option<(UnixMillis, String)>, Failure> {
        match self {
            Self::Dynamo(backlog) => backlog.last_sweep().await,
            Self::MySql(backlog) => backlog.last_sweep().await,
        }
    }

    async fn oldest(&self, group: Group) -> Result<Option<(SerialNumber, UnixMillis)>, Failure> {
        match self {
            Self::Dynamo(backlog) => backlog.oldest(group).await,
            Self::MySql(backlog) => backlog.oldest(group).await,
        }
    }
}
