//! The device table as an operator uses it: rows are read and added many at a time, and listed from one end to the other.

use std::future::Future;

use crate::failure::Failure;
use crate::ids::SerialNumber;
use crate::record::Record;
use crate::time::UnixMillis;

/// How many rows one read may ask for.
pub const ROWS: usize = 100;

/// What a read says of one device: its row, that there is none, or why nobody knows.
pub type Found = Result<Option<Record>, Failure>;

/// The device table, for reading many rows.
pub trait Rows: Send + Sync {
    /// The rows of these devices as of now, [`ROWS`] at most and no device twice, in their order.
    fn load_many(&self, serials: &[SerialNumber]) -> impl Future<Output = Vec<Found>> + Send;
}

/// What became of a row that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in the table now.
    New,
    /// The table has it already, with the same secret and binding: imported before, perhaps by a
    /// call of this very run whose answer was lost.
    Same,
    /// The table has this one under its serial number; it stays as it is.
    Conflict(Box<Record>),
}

impl Inserted {
    /// What it means that `stored` stands where `offered` was to go.
    ///
    /// Only what an import sets is compared: a device that has moved on since is still the same.
    pub fn beside(offered: &Record, stored: Record) -> Self {
        let same = offered.serial == stored.serial
            && offered.verifier == stored.verifier
            && offered.proof_only == stored.proof_only
            && offered.binding == stored.binding;
        if same {
            Self::Same
        } else {
            Self::Conflict(Box::new(stored))
        }
    }
}

/// Where devices are added. No row that is there is ever changed.
pub trait Roster: Send + Sync {
    /// How many rows one call of the store takes.
    fn at_once(&self) -> usize;

    /// Adds these rows; the answers are in their order, one each. A row that failed may have been written or not; adding
    /// it again is harmless: it is `Same` then.
    fn insert_batch(
        &self,
        records: &[Record],
    ) -> impl Future<Output = Vec<Result<Inserted, Failure>>> + Send;
}

/// Which devices are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In one of these states (`applyState`); empty: in any.
    pub states: Vec<i32>,
    /// With a serial number that begins so.
    pub prefix: Option<String>,
    /// That asked at this moment or later.
    pub since: Option<UnixMillis>,
    /// That asked before this moment.
    pub before: Option<UnixMillis>,
}

/// A row, or the serial number of one that cannot be read and why.
pub type Listed = Result<Record, (String, Failure)>;

/// A read through the table. What it tells may be some seconds old.
pub trait Listing: Send {
    /// The next page, perhaps an empty one; `None` after the last.
    fn page(&mut self) -> impl Future<Output = Result<Option<Vec<Listed>>, Failure>> + Send;
}
