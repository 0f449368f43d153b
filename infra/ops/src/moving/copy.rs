//! One side brought to the other, part by part.

use std::sync::atomic::AtomicBool;

use crate::moving::keys;
use crate::moving::rows;
use crate::moving::side::Side;
use crate::moving::tally::Tally;
use crate::moving::trails;
use crate::trouble::Trouble;

/// Copies all of it; whether it came to the end. What was done until then is in the tally.
pub(super) async fn copy(
    from: &Side,
    to: &Side,
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
) -> Result<bool, Trouble> {
    // Load-bearing: rows come last. A device whose row has arrived is served at once, and must find its key bound and
    // its trail begun.
    Ok(keys::copy(from, to, tally, stop).await?
        && trails::copy(from, to, tally, stop).await?
        && rows::copy(from, to, tally, stop).await?)
}
