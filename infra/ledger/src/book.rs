//! The book: entries are written before they are counted, and only new ones are counted.
//!
//! The stream brings a batch again until it was dealt with. What was written then is not new any more, so it is not
//! counted twice. A function that dies between the two steps, or a call whose answer is lost, leaves a batch uncounted at
//! most; `cvmctl status --recount` sets that right.

use std::collections::BTreeMap;
use std::future::Future;

use cvm_aws::roster::BATCH;
use cvm_aws::trails::DynamoTrails;
use cvm_shared::entry::fact;
use cvm_shared::failure::Failure;
use cvm_shared::operate;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::trails::Placed;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::change::Change;

/// How many calls may be on their way at once.
const IN_FLIGHT: usize = 4;

/// Where entries are kept.
pub trait Trails: Sync {
    /// Adds these entries, [`BATCH`] at most; for each whether it was new.
    fn add(&self, entries: &[Placed]) -> impl Future<Output = Result<Vec<bool>, Failure>> + Send;

    /// Adds to the count of devices by state.
    fn count(&self, changes: &Counts) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Adds to what happened in one minute, counted from 1970.
    fn tick(&self, minute: u64, deeds: &Counts)
    -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Trails for DynamoTrails {
    async fn add(&self, entries: &[Placed]) -> Result<Vec<bool>, Failure> {
        operate::trails::Trails::add(self, entries).await
    }

    async fn count(&self, changes: &Counts) -> Result<(), Failure> {
        Self::count(self, changes).await
    }

    async fn tick(&self, minute: u64, deeds: &Counts) -> Result<(), Failure> {
        Self::tick(self, minute, deeds).await
    }
}

/// Writes all of it down. After a failure all of it is to be brought again.
pub async fn enter<T: Trails>(trails: &T, changes: &[Change]) -> Result<u64, Failure> {
    let pages = stream::iter(changes.chunks(BATCH)).map(|page| write(trails, page));
    let written: Vec<_> = pages.buffer_unordered(IN_FLIGHT).collect().await;
    let (mut new, mut end) = (Vec::new(), Ok(()));
    for page in written {
        match page {
            Ok(page) => new.extend(page),
            Err(failure) => end = Err(failure),
        }
    }
    // Also after a failure: what this attempt wrote is not new to the next one.
    trails.count(&steps(&new)).await?;
    for (minute, deeds) in minutes(&new) {
        trails.tick(minute, &deeds).await?;
    }
    end.map(|()| new.len() as u64)
}

/// Writes a page; the changes that were new.
async fn write<'a, T: Trails>(trails: &T, page: &'a [Change]) -> Result<Vec<&'a Change>, Failure> {
    let entries: Vec<Placed> = page.iter().map(|change| change.entry.clone()).collect();
    let new = trails.add(&entries).await?;
    let told = page.iter().zip(new);
    Ok(told
        .filter_map(|(change, new)| new.then_some(change))
        .collect())
}

/// What the changes make of the count.
fn steps(changes: &[&Change]) -> Counts {
    let mut steps = Counts::new();
    for change in changes {
        for (state, step) in [(&change.left, -1), (&change.entered, 1)] {
            if let Some(state) = state {
                *steps.entry(state.clone()).or_default() += step;
            }
        }
    }
    steps
}

/// What happened in which minute, by the writers' clocks.
fn minutes(changes: &[&Change]) -> BTreeMap<u64, Counts> {
    let mut minutes: BTreeMap<u64, Counts> = BTreeMap::new();
    for change in changes {
        let facts = &change.entry.facts;
        let at = facts.get(fact::AT).and_then(|at| at.parse::<u64>().ok());
        if let (Some(at), Some(deed)) = (at, facts.get(fact::DEED)) {
            let minute = minutes.entry(at / 60_000).or_default();
            *minute.entry(deed.clone()).or_default() += 1;
        }
    }
    minutes
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
