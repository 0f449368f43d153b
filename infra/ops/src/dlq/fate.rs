//! What became of a dead letter, and how many came to which end.

use std::fmt;

use cvm_shared::failure::Failure;
use serde::Serialize;

use crate::dlq::verdict::Moot;
use crate::dlq::verdict::Obstacle;
use crate::dlq::verdict::Verdict;

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the work queue again.
    Sent,
    /// It was removed, as nothing was left to be done.
    Moot(Moot),
    /// It was removed, as the operator wanted.
    Dropped,
    /// It stays.
    Left(Obstacle),
    /// It stays, for something failed. Trying again is safe.
    Failed(Failure),
    /// What a replay would have done with it.
    Would(Verdict),
    /// It would have been removed.
    WouldDrop,
}

impl Fate {
    /// Whether it is in the dead letters no more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Sent | Self::Moot(_) | Self::Dropped => true,
            Self::Left(_) | Self::Failed(_) | Self::Would(_) | Self::WouldDrop => false,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::Moot(why) => write!(f, "dropped: {why}"),
            Self::Dropped => f.write_str("dropped"),
            Self::Left(why) => write!(f, "left: {why}"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
            Self::Would(verdict) => write!(f, "would {verdict}"),
            Self::WouldDrop => f.write_str("would drop"),
        }
    }
}

/// How many letters came, or would come, to which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) dropped: u64,
    pub(super) left: u64,
    pub(super) failed: u64,
}

impl Tally {
    /// One more.
    pub(super) fn count(&mut self, fate: &Fate) {
        let counter = match fate {
            Fate::Sent | Fate::Would(Verdict::Send) => &mut self.sent,
            Fate::Moot(_) | Fate::Dropped | Fate::WouldDrop | Fate::Would(Verdict::Drop(_)) => {
                &mut self.dropped
            }
            Fate::Left(_) | Fate::Would(Verdict::Leave(_)) => &mut self.left,
            Fate::Failed(_) => &mut self.failed,
        };
        *counter += 1;
    }

    /// Whether all of them are settled.
    pub(super) fn is_clean(self) -> bool {
        self.left == 0 && self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            dropped,
            left,
            failed,
        } = self;
        write!(
            f,
            "{sent} sent, {dropped} dropped, {left} left, {failed} failed"
        )
    }
}
