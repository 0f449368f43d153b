//! One conditional write: the loop between the pure function and the store.

use crate::event::Event;
use crate::event::Refusal;
use crate::failure::Failure;
use crate::ports::Registry;
use crate::ports::Swap;
use crate::record::Record;
use crate::trail::Deed;
use crate::trail::Hand;
use crate::trail::signed;
use crate::transition::next;

/// How often a row may change under one event before we give way.
const TRIES: u32 = 8;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was applied; this is the row now.
    Applied(Record),
    /// It was refused; this is the row that refused it.
    Refused(Record, Refusal),
}

/// Applies the event that `make` derives from the row as it stands, in the name of `hand`.
///
/// When another writer was faster, the store hands out the row that beat us and the event is judged
/// again on that one, never on a separate, perhaps stale read.
pub async fn write<R: Registry>(
    registry: &R,
    hand: &Hand,
    mut row: Record,
    make: impl Fn(&Record) -> Event,
) -> Result<Written, Failure> {
    for _ in 0..TRIES {
        let event = make(&row);
        let after = match next(&row, &event) {
            Ok(after) => signed(after, row.trail.as_ref(), Deed::of(&event), hand.clone()),
            Err(refusal) => return Ok(Written::Refused(row, refusal)),
        };
        match registry.swap(&row, &after).await? {
            Swap::Done => return Ok(Written::Applied(after)),
            Swap::Changed(current) => row = *current,
        }
    }
    Err(Failure::Contended)
}
