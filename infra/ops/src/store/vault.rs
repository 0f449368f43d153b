//! Bundles that wait for their devices, wherever they are. They are only fetched here.

use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_aws::vault::S3Vault;
use cvm_mysql::links::Links;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault;
use zeroize::Zeroizing;

use crate::aws::Part;
use crate::site::Site;
use crate::store::batches::Cellar;
use crate::trouble::Trouble;

/// The bundles.
#[derive(Clone, Debug)]
pub(crate) enum BundleVault {
    S3(S3Vault),
    MySql(MySqlVault<SystemClock>),
}

impl Site {
    /// The bundles.
    pub(crate) async fn vault(&self) -> Result<BundleVault, Trouble> {
        Ok(match self.cellar() {
            Cellar::S3(aws) => {
                let bucket = aws.name(Part::Bucket).await?;
                BundleVault::S3(S3Vault::new(aws.s3(), bucket, None))
            }
            Cellar::MySql(host) => {
                // No link is made here: whoever has the servers' key could open whatever is staged.
                let links = Links::new(Zeroizing::new([0; 32]), String::new());
                let database = host.database.clone();
                BundleVault::MySql(MySqlVault::new(database, links, SystemClock))
            }
        })
    }
}

impl Vault for BundleVault {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        match self {
            Self::S3(vault) => vault.stage(key, bytes).await,
            Self::MySql(vault) => vault.stage(key, bytes).await,
        }
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        match self {
            Self::S3(vault) => vault.holds(key).await,
            Self::MySql(vault) => vault.holds(key).await,
        }
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        match self {
            Self::S3(vault) => vault.fetch(key, most).await,
            Self::MySql(vault) => vault.fetch(key, most).await,
        }
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        match self {
            Self::S3(vault) => vault.presign(key, valid).await,
            // Such a link would open nothing.
            Self::MySql(_) => Err(Failure::Rejected {
                service: "mysql",
                detail: "no links are made here".to_owned(),
            }),
        }
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        match self {
            Self::S3(vault) => vault.shred(key).await,
            Self::MySql(vault) => vault.shred(key).await,
        }
    }
}
