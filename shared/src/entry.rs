//! One entry of a trail, as it is kept outside the row, and what a whole trail must look like.

use std::collections::BTreeMap;

use sha2::Digest as _;
use sha2::Sha256;

use crate::ids::TrailHead;
use crate::record::Record;

/// The names of an entry's facts, which are also the columns of the audit table.
pub mod fact {
    /// The device.
    pub const SERIAL: &str = "productid";
    /// The row's revision after the change: the place in the trail.
    pub const REVISION: &str = "revision";
    /// What was done.
    pub const DEED: &str = "deed";
    /// Who did it.
    pub const AUTHOR: &str = "author";
    /// When, in milliseconds since 1970 (UTC), by the author's clock.
    pub const AT: &str = "at";
    /// Why, where an operator said so.
    pub const REASON: &str = "reason";
    /// The state after it.
    pub const STATE: &str = "state";
    /// The generation after it.
    pub const GENERATION: &str = "generation";
    /// The epoch after it.
    pub const EPOCH: &str = "epoch";
    /// The request that the row is about.
    pub const REQUEST: &str = "requestId";
    /// The certificate that the row names.
    pub const CERTIFICATE: &str = "certID";
    /// Why it failed.
    pub const FAILURE: &str = "error";
}

/// What stands before the first entry.
fn nothing() -> TrailHead {
    TrailHead::from_digest(&[0; 32])
}

/// One change of one row: names and texts, none of them secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What there is to know of it.
    pub facts: BTreeMap<String, String>,
    /// The hash of these facts and of the head before them.
    pub head: TrailHead,
}

impl Entry {
    /// The entry of a row's last change; `None` for a row that was last changed before there were trails.
    pub fn of(record: &Record) -> Option<Self> {
        let trail = record.trail.as_ref()?;
        Some(Self {
            facts: facts(record),
            head: trail.head.clone(),
        })
    }

    /// The row's revision after this change; `None` if the entry does not say.
    pub fn revision(&self) -> Option<u64> {
        self.facts.get(fact::REVISION)?.parse().ok()
    }

    /// Whether it follows on what ended with `before`.
    pub fn follows(&self, before: Option<&TrailHead>) -> bool {
        head_of(&self.facts, before) == self.head
    }
}

/// The head of a row's trail after the change that its own trail names, following on `before`.
pub(crate) fn head_after(record: &Record, before: Option<&TrailHead>) -> TrailHead {
    head_of(&facts(record), before)
}

fn head_of(facts: &BTreeMap<String, String>, before: Option<&TrailHead>) -> TrailHead {
    // A map of texts has one JSON form: its keys are sorted.
    let text = serde_json::json!(facts).to_string();
    let mut digest = Sha256::new();
    digest.update(b"cvm-audit-v1\n");
    digest.update(before.cloned().unwrap_or_else(nothing).as_str());
    digest.update(b"\n");
    digest.update(text);
    TrailHead::from_digest(&digest.finalize().into())
}

fn facts(record: &Record) -> BTreeMap<String, String> {
    let state = &record.state;
    let trail = record.trail.as_ref();
    let hand = trail.map(|trail| &trail.hand);
    let all = [
        (fact::SERIAL, Some(record.serial.to_string())),
        (fact::REVISION, Some(record.revision.to_string())),
        (
            fact::DEED,
            trail.map(|trail| trail.deed.as_str().to_owned()),
        ),
        (
            fact::AUTHOR,
            hand.map(|hand| hand.author.as_str().to_owned()),
        ),
        (fact::AT, hand.map(|hand| hand.at.0.to_string())),
        (
            fact::REASON,
            hand.and_then(|hand| Some(hand.reason.as_ref()?.as_str().to_owned())),
        ),
        (fact::STATE, Some(state.name().to_owned())),
        (fact::GENERATION, Some(record.generation.0.to_string())),
        (fact::EPOCH, Some(record.epoch.0.to_string())),
        (fact::REQUEST, state.request_id().map(ToString::to_string)),
        (
            fact::CERTIFICATE,
            state
                .issued()
                .map(|issued| issued.certificate_id.to_string()),
        ),
        (
            fact::FAILURE,
            state.failure().map(|failure| failure.as_str().to_owned()),
        ),
    ];
    let told = all.into_iter();
    told.filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// What is wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Entries are missing before this revision.
    #[error("nothing tells of what came before revision {0}")]
    Gap(u64),
    /// An entry is not what was written, or the one before it is not.
    #[error("revision {0} was changed, or the entry before it was")]
    Changed(u64),
    /// An entry does not say which revision it is of.
    #[error("an entry without a revision")]
    Unplaced,
    /// The row says otherwise: the last entries are missing, or the row was changed by hand.
    #[error("the row is at revision {row}, the trail ends with {trail}")]
    End {
        /// The row's revision.
        row: u64,
        /// The last entry's.
        trail: u64,
    },
    /// Trail and row end at the same revision with different hashes.
    #[error("the row's hash is not the trail's: one of them was changed by hand")]
    OtherHead,
}

/// Checks a trail, in the order of its revisions, against the row that it leads to. The first entry is that of an
/// import, or of the first change after trails were begun.
pub fn check(entries: &[Entry], row: &Record) -> Result<(), Broken> {
    let mut before: Option<&Entry> = None;
    for entry in entries {
        let revision = entry.revision().ok_or(Broken::Unplaced)?;
        let due = before.and_then(Entry::revision).map(|last| last + 1);
        if due.is_some_and(|due| due != revision) {
            return Err(Broken::Gap(revision));
        }
        if !entry.follows(before.map(|entry| &entry.head)) {
            return Err(Broken::Changed(revision));
        }
        before = Some(entry);
    }
    ends_at(before, row)
}

fn ends_at(last: Option<&Entry>, row: &Record) -> Result<(), Broken> {
    let head = row.trail.as_ref().map(|trail| &trail.head);
    let trail = last.and_then(Entry::revision).unwrap_or(0);
    match (last.map(|entry| &entry.head), head) {
        (None, None) => Ok(()),
        _ if trail != row.revision => Err(Broken::End {
            row: row.revision,
            trail,
        }),
        (told, head) if told == head => Ok(()),
        _ => Err(Broken::OtherHead),
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
