//! Staged bundles in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault;
use zeroize::Zeroizing;

/// A vault. Clones share the bundles.
#[derive(Clone, Debug, Default)]
pub struct MemoryVault(Arc<Mutex<HashMap<BundleKey, Vec<u8>>>>);

impl MemoryVault {
    /// A bundle's bytes.
    pub fn open(&self, key: &BundleKey) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    /// Loses a bundle, as an expiry would.
    pub fn lose(&self, key: &BundleKey) {
        self.0.lock().unwrap().remove(key);
    }

    /// How many bundles there are.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Vault for MemoryVault {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        let mut bundles = self.0.lock().unwrap();
        bundles.entry(key.clone()).or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        Ok(self.open(key).is_some())
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let found = self.open(key);
        if found.as_ref().is_some_and(|bytes| bytes.len() > most) {
            return Err(Failure::Rejected {
                service: "test",
                detail: "too large".to_owned(),
            });
        }
        Ok(found.map(Zeroizing::new))
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        Ok(format!(
            "https://vault.test/{key}?expires={}",
            valid.as_secs()
        ))
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        self.lose(key);
        Ok(())
    }
}
