//! What may happen only once: in memory, or a real guard behind the same face.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Guard;
use cvm_shared::time::UnixMillis;

/// The nonces' key of every guard in memory.
pub const NONCE_KEY: [u8; 32] = [0xa5; 32];

/// What a guard does for its port, all at once, and for who looks in from outside.
pub trait Watch: Debug + Send + Sync {
    /// As [`Guard::nonce_key`].
    fn nonce_key(&self) -> Result<NonceKey, Failure>;
    /// As [`Guard::consume`].
    fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure>;
    /// As [`Guard::bind_key`].
    fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure>;
    /// How many nonces were used up.
    fn used(&self) -> usize;
    /// How many public keys are bound.
    fn keys(&self) -> usize;
}

/// A guard. Clones share what it remembers; one in memory never forgets a nonce.
#[derive(Clone, Debug)]
pub struct TestGuard(Arc<dyn Watch>);

impl Default for TestGuard {
    fn default() -> Self {
        Self::on(Memory::default())
    }
}

impl TestGuard {
    /// The guard that this one is.
    pub fn on(watch: impl Watch + 'static) -> Self {
        Self(Arc::new(watch))
    }

    /// How many nonces were used up.
    pub fn used(&self) -> usize {
        self.0.used()
    }

    /// How many public keys are bound.
    pub fn keys(&self) -> usize {
        self.0.keys()
    }
}

impl Guard for TestGuard {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        self.0.nonce_key()
    }

    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        self.0.consume(used, forget_at)
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        self.0.bind_key(key, serial)
    }
}

#[derive(Debug, Default)]
struct Inside {
    used: BTreeSet<String>,
    keys: HashMap<PublicKeyDigest, SerialNumber>,
}

#[derive(Debug, Default)]
struct Memory(Mutex<Inside>);

impl Watch for Memory {
    fn nonce_key(&self) -> Result<NonceKey, Failure> {
        Ok(NonceKey::new(NONCE_KEY))
    }

    fn consume(&self, used: &str, _: UnixMillis) -> Result<bool, Failure> {
        Ok(self.0.lock().unwrap().used.insert(used.to_owned()))
    }

    fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        let mut inside = self.0.lock().unwrap();
        let owner = inside.keys.entry(key).or_insert_with(|| serial.clone());
        Ok(owner == serial)
    }

    fn used(&self) -> usize {
        self.0.lock().unwrap().used.len()
    }

    fn keys(&self) -> usize {
        self.0.lock().unwrap().keys.len()
    }
}
