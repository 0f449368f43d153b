//! The columns that say who changed a row last, and hold the hash over all its changes.

use cvm_shared::failure::Failure;
use cvm_shared::ids::TrailHead;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Deed;
use cvm_shared::trail::Hand;
use cvm_shared::trail::Reason;
use cvm_shared::trail::Trail;

use crate::columns::Reader;
use crate::columns::Writer;

/// The hash over all changes; a row without it has no trail yet.
const HEAD: &str = "trailHead";
const DEED: &str = "deed";
const AUTHOR: &str = "author";
const AT: &str = "at";
const REASON: &str = "reason";

pub(crate) fn write_trail(item: &mut Writer, trail: Option<&Trail>) {
    let Some(trail) = trail else { return };
    item.text(HEAD, trail.head.as_str());
    item.text(DEED, trail.deed.as_str());
    item.text(AUTHOR, trail.hand.author.as_str());
    item.number(AT, trail.hand.at.0);
    if let Some(reason) = &trail.hand.reason {
        item.text(REASON, reason.as_str());
    }
}

pub(crate) fn read_trail(item: &Reader<'_>) -> Result<Option<Trail>, Failure> {
    let Some(head) = item.optional_id(HEAD, TrailHead::parse)? else {
        return Ok(None);
    };
    let hand = Hand {
        author: item.id(AUTHOR, Author::parse)?,
        at: UnixMillis(item.number(AT)?),
        reason: item.optional_id(REASON, Reason::parse)?,
    };
    Ok(Some(Trail {
        deed: item.id(DEED, Deed::parse)?,
        hand,
        head,
    }))
}
