//! The lease: who may work on a row, until when, and the token that fences late writes.

use serde::Deserialize;
use serde::Serialize;

use crate::ids::Owner;
use crate::time::UnixMillis;

/// Counts the claims of one row. It only grows; a write that names an old one is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of the next claim.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A claim on a row.
///
/// Safety hangs on `epoch` and `owner`, never on the clock: a clock that is wrong makes a rival
/// claim early or late, and the loser's next write is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which claim this is.
    pub epoch: Epoch,
    /// Who made it.
    pub owner: Owner,
    /// From this moment on others may claim the row.
    pub until: UnixMillis,
}

impl Lease {
    /// Whether others must still keep away.
    pub fn is_live(&self, now: UnixMillis) -> bool {
        now < self.until
    }

    /// Whether a write that shows `token` comes from the holder.
    pub fn is_held_by(&self, token: &Fence) -> bool {
        self.epoch == token.epoch && self.owner == token.owner
    }

    /// The token that the holder shows with each later write.
    pub fn fence(&self) -> Fence {
        Fence {
            epoch: self.epoch,
            owner: self.owner.clone(),
        }
    }
}

/// The fencing token of a lease: shown with every write after the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The claim's epoch.
    pub epoch: Epoch,
    /// The claim's owner.
    pub owner: Owner,
}
