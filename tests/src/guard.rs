//! What may happen only once, in memory.

use std::collections::BTreeSet;
use std::collections::HashMap;
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

#[derive(Debug, Default)]
struct Inside {
    used: BTreeSet<String>,
    keys: HashMap<PublicKeyDigest, SerialNumber>,
}

/// A guard. Clones share what it remembers; it never forgets a nonce.
#[derive(Clone, Debug, Default)]
pub struct MemoryGuard(Arc<Mutex<Inside>>);

impl MemoryGuard {
    /// How many nonces were used up.
    pub fn used(&self) -> usize {
        self.0.lock().unwrap().used.len()
    }

    /// How many public keys are bound.
    pub fn keys(&self) -> usize {
        self.0.lock().unwrap().keys.len()
    }
}

impl Guard for MemoryGuard {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        Ok(NonceKey::new(NONCE_KEY))
    }

    async fn consume(&self, used: &str, _: UnixMillis) -> Result<bool, Failure> {
        Ok(self.0.lock().unwrap().used.insert(used.to_owned()))
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        let mut inside = self.0.lock().unwrap();
        let owner = inside.keys.entry(key).or_insert_with(|| serial.clone());
        Ok(owner == serial)
    }
}
