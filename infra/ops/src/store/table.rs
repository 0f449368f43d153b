//! The device table, wherever it is.

use aws_sdk_dynamodb::Client;
use cvm_aws::listing::DynamoListing;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::roster::DynamoRoster;
use cvm_aws::rows::DynamoRows;
use cvm_aws::stock::DynamoStock;
use cvm_mysql::database::Database;
use cvm_mysql::listing::MySqlListing;
use cvm_mysql::listing::MySqlStock;
use cvm_mysql::registry::MySqlRegistry;
use cvm_mysql::rows::MySqlRows;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::moving::Stock;
use cvm_shared::operate::moving::Stored;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Listed;
use cvm_shared::operate::rows::Listing;
use cvm_shared::operate::rows::Roster;
use cvm_shared::operate::rows::Rows;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;

use crate::aws::Part;
use crate::site::Place;
use crate::site::Site;
use crate::trouble::Trouble;

/// The device table.
#[derive(Clone, Debug)]
pub(crate) enum DeviceTable {
    Dynamo {
        client: Client,
        name: String,
        registry: DynamoRegistry,
        rows: DynamoRows,
        roster: DynamoRoster,
    },
    MySql {
        database: Database,
        name: String,
        registry: MySqlRegistry,
        rows: MySqlRows,
    },
}

impl Site {
    /// The device table.
    pub(crate) async fn table(&self) -> Result<DeviceTable, Trouble> {
        match &self.place {
            Place::Stack(aws) => {
                let name = aws.name(Part::Table).await?;
                let client = aws.dynamodb();
                Ok(DeviceTable::Dynamo {
                    registry: DynamoRegistry::new(client.clone(), name.clone()),
                    rows: DynamoRows::new(client.clone(), name.clone()),
                    roster: DynamoRoster::new(client.clone(), name.clone()),
                    client,
                    name,
                })
            }
            Place::Host(host) => {
                let database = host.database.clone();
                Ok(DeviceTable::MySql {
                    name: format!("cvm_devices at {}", host.name),
                    registry: MySqlRegistry::new(database.clone()),
                    rows: MySqlRows::new(database.clone()),
                    database,
                })
            }
        }
    }
}

impl DeviceTable {
    /// What it is called, for messages.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Dynamo { name, .. } | Self::MySql { name, .. } => name,
        }
    }

    /// A read through it.
    pub(crate) fn listing(&self, wanted: &Wanted) -> DeviceListing {
        match self {
            Self::Dynamo { client, name, .. } => {
                let listing = DynamoListing::new(client.clone(), name.clone(), wanted);
                DeviceListing::Dynamo(listing)
            }
            Self::MySql { database, .. } => {
                let listing = MySqlListing::new(database.clone(), wanted.clone());
                DeviceListing::MySql(listing)
            }
        }
    }

    /// A read through it with all that stands in it.
    pub(crate) fn stock(&self) -> DeviceStock {
        match self {
            Self::Dynamo { client, name, .. } => {
                DeviceStock::Dynamo(DynamoStock::new(client.clone(), name.clone()))
            }
            Self::MySql { database, .. } => DeviceStock::MySql(MySqlStock::new(database.clone())),
        }
    }
}

impl Registry for DeviceTable {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        match self {
            Self::Dynamo { registry, .. } => registry.load(serial).await,
            Self::MySql { registry, .. } => registry.load(serial).await,
        }
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        match self {
            Self::Dynamo { registry, .. } => registry.swap(before, after).await,
            Self::MySql { registry, .. } => registry.swap(before, after).await,
        }
    }
}

impl Rows for DeviceTable {
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        match self {
            Self::Dynamo { rows, .. } => rows.load_many(serials).await,
            Self::MySql { rows, .. } => rows.load_many(serials).await,
        }
    }
}

impl Roster for DeviceTable {
    fn at_once(&self) -> usize {
        match self {
            Self::Dynamo { roster, .. } => roster.at_once(),
            Self::MySql { rows, .. } => rows.at_once(),
        }
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        match self {
            Self::Dynamo { roster, .. } => roster.insert_batch(records).await,
            Self::MySql { rows, .. } => rows.insert_batch(records).await,
        }
    }
}

/// A read through the device table.
#[derive(Debug)]
pub(crate) enum DeviceListing {
    Dynamo(DynamoListing),
    MySql(MySqlListing),
}

impl Listing for DeviceListing {
    async fn page(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        match self {
            Self::Dynamo(listing) => listing.page().await,
            Self::MySql(listing) => listing.page().await,
        }
    }
}

/// A read through the device table with all that stands in it.
#[derive(Debug)]
pub(crate) enum DeviceStock {
    Dynamo(DynamoStock),
    MySql(MySqlStock),
}

impl Stock for DeviceStock {
    async fn page(&mut self) -> Result<Option<Vec<Stored>>, Failure> {
        match self {
            Self::Dynamo(stock) => stock.page().await,
            Self::MySql(stock) => stock.page().await,
        }
    }
}
