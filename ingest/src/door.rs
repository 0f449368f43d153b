//! Who asks: one login, one refusal, the same work whoever it is.

use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::trust::TrustBundle;
use cvm_shared::verifier::Verifier;

use crate::config::Terms;
use crate::credentials::Credentials;
use crate::problem::Refused;

/// The door's ports and terms.
#[derive(Debug)]
pub struct Door<R, Q, V, C, N> {
    /// The device table.
    pub registry: R,
    /// The way into the work queue.
    pub queue: Q,
    /// The bucket of bundles.
    pub vault: V,
    /// Time.
    pub clock: C,
    /// Randomness for jitter.
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
pub struct DummyKey([u8; 32]);

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

impl<R, Q, V, C, N> Door<R, Q, V, C, N>
where
    R: Registry,
    N: Random,
{
    /// The device's row, if it may log in. Unknown, disabled and wrong all take one read and the
    /// same derivations, and end in the same refusal.
    pub(crate) async fn login(&self, shown: &Credentials) -> Result<Record, Refused> {
        let row = self.row(&shown.serial).await?;
        let stand_in = Verifier::dummy(&self.dummy.0, &shown.serial);
        let admitted = row.filter(|row| row.state != State::Disabled);
        let verifier = admitted.as_ref().map_or(&stand_in, |row| &row.verifier);
        let accepted = verifier.accepts(&shown.serial, &shown.token);
        admitted.filter(|_| accepted).ok_or(Refused::Unauthorized)
    }

    async fn row(&self, serial: &SerialNumber) -> Result<Option<Record>, Refused> {
        match self.registry.load(serial).await {
            Ok(row) => Ok(row),
            // A row that cannot be read admits nobody, and must not tell that it is there.
            Err(failure @ Failure::CorruptRow { .. }) => {
                tracing::error!(%serial, %failure, "a device row is unreadable");
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Seconds until the next poll, spread over half as much again.
    pub(crate) fn poll_after(&self) -> u64 {
        let [low, high, ..] = self.random.bytes();
        let spread = self.terms.poll_seconds / 2 + 1;
        self.terms.poll_seconds + u64::from(u16::from_le_bytes([low, high])) % spread
    }
}
