//! Staged bundles: in memory, or a real vault behind the same face.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault;
use zeroize::Zeroizing;

/// Where the links of a vault lead.
pub const BASE: &str = "https://vault.test";

/// What a vault does for its port, all at once, and for who looks in from outside. Destroying is losing.
pub trait Shelf: Debug + Send + Sync {
    /// As [`Vault::stage`].
    fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure>;
    /// As [`Vault::holds`].
    fn holds(&self, key: &BundleKey) -> Result<bool, Failure>;
    /// As [`Vault::fetch`].
    fn fetch(&self, key: &BundleKey, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failure>;
    /// As [`Vault::presign`].
    fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure>;
    /// As [`Vault::shred`].
    fn shred(&self, key: &BundleKey) -> Result<(), Failure>;
    /// What a link leads to. Whether it has ended is the caller's to know.
    fn follow(&self, link: &str) -> Option<Vec<u8>>;
    /// How many bundles there are.
    fn count(&self) -> usize;
}

/// A vault. Clones share the bundles.
#[derive(Clone, Debug)]
pub struct TestVault(Arc<dyn Shelf>);

impl Default for TestVault {
    fn default() -> Self {
        Self::on(Memory::default())
    }
}

impl TestVault {
    /// The vault that this one is.
    pub fn on(shelf: impl Shelf + 'static) -> Self {
        Self(Arc::new(shelf))
    }

    /// A bundle's bytes.
    pub fn open(&self, key: &BundleKey) -> Option<Vec<u8>> {
        let found = self.0.fetch(key, usize::MAX).unwrap();
        found.map(|bytes| bytes.to_vec())
    }

    /// What a link leads to. Whether it has ended is the caller's to know.
    pub fn follow(&self, link: &str) -> Option<Vec<u8>> {
        self.0.follow(link)
    }

    /// Loses a bundle, as an expiry would.
    pub fn lose(&self, key: &BundleKey) {
        self.0.shred(key).unwrap();
    }

    /// How many bundles there are.
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Vault for TestVault {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        self.0.stage(key, bytes)
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        self.0.holds(key)
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        self.0.fetch(key, most)
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        self.0.presign(key, valid)
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        self.0.shred(key)
    }
}

#[derive(Debug, Default)]
struct Memory(Mutex<HashMap<BundleKey, Vec<u8>>>);

impl Shelf for Memory {
    fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        let mut bundles = self.0.lock().unwrap();
        bundles.entry(key.clone()).or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        Ok(self.0.lock().unwrap().contains_key(key))
    }

    fn fetch(&self, key: &BundleKey, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let found = self.0.lock().unwrap().get(key).cloned();
        if found.as_ref().is_some_and(|bytes| bytes.len() > most) {
            return Err(Failure::Rejected {
                service: "test",
                detail: "too large".to_owned(),
            });
        }
        Ok(found.map(Zeroizing::new))
    }

    fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        Ok(format!("{BASE}/{key}?expires={}", valid.as_secs()))
    }

    fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    fn follow(&self, link: &str) -> Option<Vec<u8>> {
        let path = link.split('?').next()?.strip_prefix(BASE)?;
        let key = BundleKey::parse(path.strip_prefix('/')?).unwrap();
        self.0.lock().unwrap().get(&key).cloned()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
