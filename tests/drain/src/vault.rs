//! A bucket that takes its time and keeps nothing: whatever is asked for was staged.

use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault;
use zeroize::Zeroizing;

use crate::latency::Latency;
use crate::latency::Service;

/// The bucket.
#[derive(Clone, Debug)]
pub struct ForgetfulVault(pub Latency);

impl Vault for ForgetfulVault {
    async fn stage(&self, _: &BundleKey, _: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        self.0.of(Service::Vault).await;
        Ok(())
    }

    async fn holds(&self, _: &BundleKey) -> Result<bool, Failure> {
        self.0.of(Service::Vault).await;
        Ok(true)
    }

    async fn fetch(&self, _: &BundleKey, _: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        Ok(None)
    }

    async fn presign(&self, key: &BundleKey, _: Duration) -> Result<String, Failure> {
        Ok(key.to_string())
    }

    async fn shred(&self, _: &BundleKey) -> Result<(), Failure> {
        self.0.of(Service::Vault).await;
        Ok(())
    }
}
