//! The door's ports and terms, and what a process of it knows by itself.

use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;
use cvm_shared::trust::TrustBundle;
use futures_util::join;

use crate::config::Terms;
use crate::pace::Admission;
use crate::pace::Gauge;
use crate::pace::Rate;
use crate::slow::SlowChecks;

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
    /// What this process knows by itself.
    pub own: Own,
}

/// What a process of the door knows by itself, and loses when it ends.
#[derive(Debug)]
pub struct Own {
    /// Makes the verifiers of devices that may not log in.
    pub(crate) dummy: DummyKey,
    /// How much there is to wait for.
    pub(crate) gauge: Gauge,
    /// Who asks too fast.
    pub(crate) admission: Admission,
    /// How many slow checks are under way, and whose have failed.
    pub(crate) slow: SlowChecks,
}

/// How often a device may ask: far more than any that does as it is told. What it was served, it has
/// after a handful of calls.
const DEVICE_RATE: Rate = Rate {
    per_second: 2,
    burst: 60,
};
/// How often all devices may ask one process: a Lambda function's never comes near it.
const PROCESS_RATE: Rate = Rate {
    per_second: 1000,
    burst: 2000,
};

impl Own {
    /// What a fresh process knows: nothing, but keys of its own.
    pub fn fresh(random: &impl Random) -> Self {
        Self {
            dummy: DummyKey::fresh(random),
            gauge: Gauge::default(),
            admission: Admission::new(DEVICE_RATE, PROCESS_RATE, random.bytes()),
            slow: SlowChecks::default(),
        }
    }
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    Q: Depth,
    C: Clock,
    N: Random,
{
    /// Opens the connections that the first request would wait for, by asking ahead what it needs anyway: the key of the
    /// nonces and how long the queue is. What fails is asked again when it is needed.
    pub async fn warm_up(&self)
    where
        G: Guard,
    {
        let (_key, _seconds) = join!(self.guard.nonce_key(), self.wait_in_queue());
    }

    /// Whole seconds that a device is told to wait whose request is in the queue.
    pub(crate) async fn wait_in_queue(&self) -> u64 {
        let random = self.random.bytes();
        let told = self
            .own
            .gauge
            .wait(&self.queue, &self.terms.poll, &self.clock, random);
        told.await
    }
}

/// A key that makes a stand-in verifier for each serial number. Not printable: who has it can tell
/// stand-ins from the real thing.
#[derive(Clone)]
pub(crate) struct DummyKey(pub(crate) [u8; 32]);

impl DummyKey {
    /// A fresh key for this process.
    pub(crate) fn fresh(random: &impl Random) -> Self {
        Self(random.key())
    }
}

impl std::fmt::Debug for DummyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DummyKey([REDACTED])")
    }
}
