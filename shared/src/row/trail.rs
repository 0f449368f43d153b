//! The columns that say who changed a row last, and hold the hash over all its changes.

use crate::failure::Failure;
use crate::ids::TrailHead;
use crate::time::UnixMillis;
use crate::trail::Author;
use crate::trail::Deed;
use crate::trail::Hand;
use crate::trail::Reason;
use crate::trail::Trail;

use super::columns::Reader;
use super::columns::Writer;

/// The hash over all changes; a row without it has no trail yet.
const HEAD: &str = "trailHead";
const DEED: &str = "deed";
const AUTHOR: &str = "author";
const AT: &str = "at";
const REASON: &str = "reason";

pub(super) fn write_trail(row: &mut Writer, trail: Option<&Trail>) {
    let Some(trail) = trail else { return };
    row.text(HEAD, trail.head.as_str());
    row.text(DEED, trail.deed.as_str());
    row.text(AUTHOR, trail.hand.author.as_str());
    row.number(AT, trail.hand.at.0);
    if let Some(reason) = &trail.hand.reason {
        row.text(REASON, reason.as_str());
    }
}

pub(super) fn read_trail(row: &Reader<'_>) -> Result<Option<Trail>, Failure> {
    let Some(head) = row.optional_id(HEAD, TrailHead::parse)? else {
        return Ok(None);
    };
    let hand = Hand {
        author: row.id(AUTHOR, Author::parse)?,
        at: UnixMillis(row.number(AT)?),
        reason: row.optional_id(REASON, Reason::parse)?,
    };
    Ok(Some(Trail {
        deed: row.id(DEED, Deed::parse)?,
        hand,
        head,
    }))
}
