//! How a dead letter's device stands: its row, if there is one that can be read.

use cvm_shared::failure::Failure;
use cvm_shared::ports::Registry;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;

use crate::dlq::letter::Letter;
use crate::dlq::verdict::Obstacle;
use crate::dlq::verdict::Verdict;
use crate::dlq::verdict::judge;

/// What the table says of a letter's device.
pub enum Standing {
    /// It has this row.
    Row(Box<Record>),
    /// It has none, or the letter names no device.
    NoRow,
    /// Its row cannot be read.
    Unreadable,
}

impl Standing {
    /// Asks the table.
    pub async fn of<R: Registry>(registry: &R, letter: &Letter) -> Result<Self, Failure> {
        let Ok(order) = &letter.order else {
            return Ok(Self::NoRow);
        };
        match registry.load(&order.serial).await {
            Ok(Some(row)) => Ok(Self::Row(Box::new(row))),
            Ok(None) => Ok(Self::NoRow),
            Err(Failure::CorruptRow { .. }) => Ok(Self::Unreadable),
            Err(failure) => Err(failure),
        }
    }

    /// The row.
    pub fn row(&self) -> Option<&Record> {
        match self {
            Self::Row(row) => Some(row),
            Self::NoRow | Self::Unreadable => None,
        }
    }

    /// The device's state in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Row(row) => row.state.name(),
            Self::NoRow => "none",
            Self::Unreadable => "unreadable",
        }
    }

    /// What is to be done with the letter.
    pub fn verdict(&self, letter: &Letter, now: UnixMillis) -> Verdict {
        match (&letter.order, self) {
            (Err(_), _) => Verdict::Leave(Obstacle::Unreadable),
            (Ok(_), Self::Unreadable) => Verdict::Leave(Obstacle::UnreadableRow),
            (Ok(order), Self::Row(_) | Self::NoRow) => judge(self.row(), order, now),
        }
    }
}
