//! The trails as an operator reads them, and what is counted of the devices.

use std::collections::BTreeMap;
use std::future::Future;

use crate::care::Group;
use crate::entry::Entry;
use crate::failure::Failure;
use crate::ids::SerialNumber;
use crate::ids::TrailHead;
use crate::time::UnixMillis;

/// The trail of what was done to dead letters whose devices have no row. No serial number can be this.
pub const LETTERS: &str = "#letters";

/// How many entries one call may add.
pub const ENTRIES: usize = 25;

/// Counts by name.
pub type Counts = BTreeMap<String, i64>;

/// An entry with its place: its revision in 20 digits, so that places sort as revisions do. What nobody signed comes
/// after the revision that it was found at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The place.
    pub place: String,
    /// Names and texts; the device is among them.
    pub facts: BTreeMap<String, String>,
    /// The hash, if it was signed.
    pub head: Option<TrailHead>,
}

impl Placed {
    /// The entry at its place.
    pub fn of(entry: Entry) -> Self {
        Self {
            place: format!("{:020}", entry.revision().unwrap_or_default()),
            facts: entry.facts,
            head: Some(entry.head),
        }
    }

    /// The signed entry that this is; `None` for one that nobody signed.
    pub fn entry(&self) -> Option<Entry> {
        Some(Entry {
            facts: self.facts.clone(),
            head: self.head.clone()?,
        })
    }
}

/// Where a read through all trails stands: device and place of the last entry.
pub type Bookmark = (String, String);

/// A page of all trails.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries; those of one device are in the order of their places.
    pub entries: Vec<Placed>,
    /// What to ask for next; `None` at the end.
    pub next: Option<Bookmark>,
}

/// The trails.
pub trait Trails: Send + Sync {
    /// The trail of this name, a serial number or [`LETTERS`], from the first entry to the last, as of now.
    fn read(&self, name: &str) -> impl Future<Output = Result<Vec<Placed>, Failure>> + Send;

    /// The next entries of all trails; `after` is the last page's `next`.
    fn page(&self, after: Option<Bookmark>) -> impl Future<Output = Result<Page, Failure>> + Send;

    /// Adds these entries, [`ENTRIES`] at most; for each, in their order, whether it was new. One that is there already
    /// stays as it is.
    fn add(&self, entries: &[Placed]) -> impl Future<Output = Result<Vec<bool>, Failure>> + Send;

    /// How many devices there are in each state, by the state's name.
    fn counts(&self) -> impl Future<Output = Result<Counts, Failure>> + Send;

    /// What was done in each minute from this one on, minutes counted from 1970. One in which nothing was done may be
    /// left out.
    fn minutes(
        &self,
        from: u64,
    ) -> impl Future<Output = Result<Vec<(u64, Counts)>, Failure>> + Send;
}

/// What the janitor leaves behind, and what waits for it.
pub trait Upkeep: Send + Sync {
    /// When the last sweep ended and what came of it.
    fn last_sweep(
        &self,
    ) -> impl Future<Output = Result<Option<(UnixMillis, String)>, Failure>> + Send;

    /// The device that has waited longest in this group, and since when.
    fn oldest(
        &self,
        group: Group,
    ) -> impl Future<Output = Result<Option<(SerialNumber, UnixMillis)>, Failure>> + Send;
}
