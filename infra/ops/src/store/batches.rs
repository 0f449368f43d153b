//! What is kept of batches, wherever it is.

use std::io::Write;
use std::path::Path;

use cvm_aws::batches::S3Batches;
use cvm_aws::system::SystemClock;
use cvm_mysql::batches::MySqlBatches;
use cvm_shared::failure::Failure;
use cvm_shared::operate::work::Batches;

use crate::aws::Aws;
use crate::aws::Part;
use crate::host::Host;
use crate::site::Place;
use crate::site::Site;
use crate::trouble::Trouble;

/// The batches.
#[derive(Clone, Debug)]
pub(crate) enum BatchStore {
    S3(S3Batches),
    MySql(MySqlBatches<SystemClock>),
}

/// Where large things are kept.
pub(super) enum Cellar<'a> {
    S3(&'a Aws),
    MySql(&'a Host),
}

impl Site {
    pub(super) fn cellar(&self) -> Cellar<'_> {
        match &self.place {
            Place::Stack(aws) => Cellar::S3(aws),
            Place::Host(host) => match &host.beside {
                Some(aws) if aws.has(Part::Bucket) => Cellar::S3(aws),
                Some(_) | None => Cellar::MySql(host),
            },
        }
    }

    /// The batches.
    pub(crate) async fn batches(&self) -> Result<BatchStore, Trouble> {
        Ok(match self.cellar() {
            Cellar::S3(aws) => {
                let bucket = aws.name(Part::Bucket).await?;
                BatchStore::S3(S3Batches::new(aws.s3(), bucket))
            }
            Cellar::MySql(host) => {
                BatchStore::MySql(MySqlBatches::new(host.database.clone(), SystemClock))
            }
        })
    }
}

impl Batches for BatchStore {
    async fn put_rows(&self, id: &str, file: &Path) -> Result<(), Failure> {
        match self {
            Self::S3(batches) => batches.put_rows(id, file).await,
            Self::MySql(batches) => batches.put_rows(id, file).await,
        }
    }

    async fn begin(&self, id: &str, about: Vec<u8>) -> Result<bool, Failure> {
        match self {
            Self::S3(batches) => batches.begin(id, about).await,
            Self::MySql(batches) => batches.begin(id, about).await,
        }
    }

    async fn about(&self, id: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::S3(batches) => batches.about(id).await,
            Self::MySql(batches) => batches.about(id).await,
        }
    }

    async fn rows(&self, id: &str, sink: &mut (impl Write + Send)) -> Result<(), Failure> {
        match self {
            Self::S3(batches) => batches.rows(id, sink).await,
            Self::MySql(batches) => batches.rows(id, sink).await,
        }
    }

    async fn ids(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::S3(batches) => batches.ids().await,
            Self::MySql(batches) => batches.ids().await,
        }
    }
}
