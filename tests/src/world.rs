//! The fakes put together: one account, one table, one queue, one vault, one clock.

use crate::guard::MemoryGuard;
use crate::issuer::MemoryIssuer;
use crate::queue::MemoryQueue;
use crate::registry::MemoryRegistry;
use crate::sample::POLICY;
use crate::time::CountedRandom;
use crate::time::HandClock;
use crate::vault::MemoryVault;

/// Everything outside. Clones share it.
#[derive(Clone, Debug)]
pub struct World {
    /// The device table.
    pub registry: MemoryRegistry,
    /// What may happen only once.
    pub guard: MemoryGuard,
    /// The work queue.
    pub queue: MemoryQueue,
    /// AWS IoT.
    pub issuer: MemoryIssuer,
    /// The bucket.
    pub vault: MemoryVault,
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
            registry: MemoryRegistry::default(),
            guard: MemoryGuard::default(),
            queue: MemoryQueue::new(clock.clone()),
            issuer: MemoryIssuer::new(&[POLICY], clock.clone()),
            vault: MemoryVault::default(),
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
