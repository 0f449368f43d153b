//! The door's ports, terms and keys, and how it tells a device to wait.

use cvm_shared::ports::Random;
use cvm_shared::trust::TrustBundle;

use crate::config::Terms;

/// The door's ports and terms.
#[derive(Debug)]
pub struct Door<R, Q, V, G, C, N> {
    /// The device table.
    pub registry: R,
    /// The way into the work queue.
    pub queue: Q,
    /// The bucket of bundles.
    pub vault: V,
    /// What may happen only once.
    pub guard: G,
    /// Time.
    pub clock: C,
    /// Randomness for jitter and nonces.
    pub random: N,
    /// What devices are told about time.
    pub terms: Terms,
    /// The roots that devices are told to trust.
    pub trust: TrustBundle,
    /// Makes the verifiers of devices that may not log in.
    pub dummy: DummyKey,
}

/// A key that makes a stand-in verifier for each serial number. Not printable: who has it can tell
/// stand-ins from the real thing.
#[derive(Clone)]
pub struct DummyKey(pub(crate) [u8; 32]);

impl DummyKey {
    /// A fresh key for this process.
    pub fn fresh(random: &impl Random) -> Self {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&random.bytes());
        key[16..].copy_from_slice(&random.bytes());
        Self(key)
    }
}

impl std::fmt::Debug for DummyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DummyKey([REDACTED])")
    }
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    N: Random,
{
    /// Seconds until the next poll, spread over half as much again.
    pub(crate) fn poll_after(&self) -> u64 {
        let [low, high, ..] = self.random.bytes();
        let spread = self.terms.poll_seconds / 2 + 1;
        self.terms.poll_seconds + u64::from(u16::from_le_bytes([low, high])) % spread
    }
}
