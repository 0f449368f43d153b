//! Both sides held against each other: each is read through, and what it has is looked for on the other.

use std::sync::atomic::AtomicBool;

use crate::moving::keys;
use crate::moving::rows;
use crate::moving::side::Side;
use crate::moving::tally::Tally;
use crate::moving::trails;
use crate::trouble::Trouble;

/// Compares all of it; whether it came to the end.
pub(super) async fn verify(
    (one, other): (&Side, &Side),
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
) -> Result<bool, Trouble> {
    for (sides, is_first) in [((one, other), true), ((other, one), false)] {
        let is_over = keys::compare(sides, tally, stop, is_first).await?
            && trails::compare(sides, tally, stop, is_first).await?
            && rows::compare(sides, tally, stop, is_first).await?;
        if !is_over {
            return Ok(false);
        }
    }
    Ok(true)
}
