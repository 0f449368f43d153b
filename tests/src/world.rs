//! The fakes put together: one account, one table, one queue, one vault, one clock.

use crate::guard::TestGuard;
use crate::issuer::MemoryIssuer;
use crate::queue::TestQueue;
use crate::registry::TestRegistry;
use crate::sample::POLICY;
use crate::time::CountedRandom;
use crate::time::HandClock;
use crate::vault::TestVault;

/// Everything outside. Clones share it.
#[derive(Clone, Debug)]
pub struct World {
    /// The device table.
    pub registry: TestRegistry,
    /// What may happen only once.
    pub guard: TestGuard,
    /// The work queue.
    pub queue: TestQueue,
    /// AWS IoT.
    pub issuer: MemoryIssuer,
    /// The bucket.
    pub vault: TestVault,
    /// Time.
    pub clock: HandClock,
    /// Randomness.
    pub random: CountedRandom,
}

impl World {
    /// An account with the sample policy and nothing else.
    pub fn new() -> Self {
        let clock = HandClock::new();
        Self {
            registry: TestRegistry::default(),
            guard: TestGuard::default(),
            queue: TestQueue::new(clock.clone()),
            issuer: MemoryIssuer::new(&[POLICY], clock.clone()),
            vault: TestVault::default(),
            clock,
            random: CountedRandom::default(),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
