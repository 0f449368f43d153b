//! What may happen only once, wherever it is remembered.

use cvm_aws::guard::DynamoGuard;
use cvm_aws::keys::DynamoKeys;
use cvm_aws::system::SystemRandom;
use cvm_mysql::guard::MySqlGuard;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::operate::moving::Bound;
use cvm_shared::operate::moving::Keys;
use cvm_shared::ports::Guard;
use cvm_shared::time::UnixMillis;

use crate::aws::Part;
use crate::site::Place;
use crate::site::Site;
use crate::trouble::Trouble;

/// The guard, and the keys that it knows.
#[derive(Debug)]
pub(crate) enum KeyGuard {
    Dynamo {
        guard: DynamoGuard<SystemRandom>,
        keys: DynamoKeys,
    },
    MySql(MySqlGuard<SystemRandom>),
}

impl Site {
    /// The guard.
    pub(crate) async fn guard(&self) -> Result<KeyGuard, Trouble> {
        Ok(match &self.place {
            Place::Stack(aws) => {
                let table = aws.name(Part::Guard).await?;
                KeyGuard::Dynamo {
                    guard: DynamoGuard::new(aws.dynamodb(), table.clone(), SystemRandom),
                    keys: DynamoKeys::new(aws.dynamodb(), table),
                }
            }
            Place::Host(host) => {
                KeyGuard::MySql(MySqlGuard::new(host.database.clone(), SystemRandom))
            }
        })
    }
}

impl Guard for KeyGuard {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        match self {
            Self::Dynamo { guard, .. } => guard.nonce_key().await,
            Self::MySql(guard) => guard.nonce_key().await,
        }
    }

    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        match self {
            Self::Dynamo { guard, .. } => guard.consume(used, forget_at).await,
            Self::MySql(guard) => guard.consume(used, forget_at).await,
        }
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        match self {
            Self::Dynamo { guard, .. } => guard.bind_key(key, serial).await,
            Self::MySql(guard) => guard.bind_key(key, serial).await,
        }
    }
}

impl Keys for KeyGuard {
    async fn bound(&self, after: Option<String>) -> Result<(Vec<Bound>, Option<String>), Failure> {
        match self {
            Self::Dynamo { keys, .. } => keys.bound(after).await,
            Self::MySql(guard) => guard.bound(after).await,
        }
    }

    async fn holder(&self, key: PublicKeyDigest) -> Result<Option<SerialNumber>, Failure> {
        match self {
            Self::Dynamo { keys, .. } => keys.holder(key).await,
            Self::MySql(guard) => guard.holder(key).await,
        }
    }
}
