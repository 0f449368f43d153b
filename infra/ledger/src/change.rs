//! What the stream tells of one row, as an entry of its trail and as a step of the count.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cvm_aws::columns::Item;
use cvm_aws::item::KEY;
use cvm_aws::item::from_item;
use cvm_shared::entry::Entry;
use cvm_shared::entry::fact;
use cvm_shared::operate::trails::Placed;
use cvm_shared::record::Record;
use cvm_shared::state::NAMES;
use serde::Deserialize;

/// The deeds of writes that nobody signed.
const OUTSIDE: &str = "changed outside";
const REMOVED: &str = "removed outside";

/// One record of the stream (DynamoDB Streams API reference, `Record`; images as `NEW_AND_OLD_IMAGES`).
#[derive(Debug, Deserialize)]
pub struct Told {
    dynamodb: Images,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    #[serde(default)]
    approximate_creation_date_time: f64,
    sequence_number: String,
    #[serde(default)]
    new_image: Option<serde_dynamo::Item>,
    #[serde(default)]
    old_image: Option<serde_dynamo::Item>,
}

/// What happened to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// For its trail.
    pub entry: Placed,
    /// The state that it left, if it was there before.
    pub left: Option<String>,
    /// The state that it is in, if it is still there.
    pub entered: Option<String>,
}

impl Change {
    /// Reads a record of the stream; `None` if it is of no device.
    pub fn read(told: Told) -> Option<Self> {
        let number = told.dynamodb.sequence_number;
        let at = told.dynamodb.approximate_creation_date_time;
        let new = told.dynamodb.new_image.map(Item::from);
        let old = told.dynamodb.old_image.map(Item::from);
        let serial = text(new.as_ref().or(old.as_ref())?, KEY)?;
        // The janitor's mark lies in the same table.
        if serial.starts_with('#') {
            return None;
        }
        let signed = new.as_ref().and_then(|new| signed(new, old.as_ref()));
        Some(Self {
            entry: signed
                .unwrap_or_else(|| unsigned(&serial, new.as_ref(), old.as_ref(), &number, at)),
            left: old.as_ref().and_then(state),
            entered: new.as_ref().and_then(state),
        })
    }
}

/// The entry of a write that carries its own signature. One that left the trail as it was has none.
fn signed(new: &Item, old: Option<&Item>) -> Option<Placed> {
    let record: Record = from_item(new).ok()?;
    let before = old.and_then(|old| from_item(old).ok());
    let head = |record: &Record| record.trail.as_ref().map(|trail| trail.head.clone());
    if before.as_ref().and_then(head) == head(&record) {
        return None;
    }
    Entry::of(&record).map(Placed::of)
}

/// The entry of a write that nobody signed: somebody's hand in the console, or a row imported by an older version.
fn unsigned(serial: &str, new: Option<&Item>, old: Option<&Item>, number: &str, at: f64) -> Placed {
    let row = new.or(old);
    let revision = row.and_then(|row| digits(row, "revision"));
    let revision: u64 = revision.and_then(|text| text.parse().ok()).unwrap_or(0);
    let deed = if new.is_some() { OUTSIDE } else { REMOVED };
    let facts = [
        (fact::SERIAL, Some(serial.to_owned())),
        (fact::REVISION, Some(revision.to_string())),
        (fact::DEED, Some(deed.to_owned())),
        (fact::AT, Some(format!("{:.0}", at * 1000.0))),
        (fact::STATE, new.and_then(state)),
    ];
    let facts = facts.into_iter();
    Placed {
        place: format!("{revision:020}~{number}"),
        facts: facts
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect::<BTreeMap<_, _>>(),
        head: None,
    }
}

/// The name of the state that a row is in, even if the rest of it cannot be read.
fn state(item: &Item) -> Option<String> {
    let number = digits(item, "applyState")?.parse();
    let found = NAMES.into_iter().find(|(known, _)| number == Ok(*known));
    Some(found.map_or("unknown", |(_, name)| name).to_owned())
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

fn digits(item: &Item, name: &str) -> Option<String> {
    let value: &AttributeValue = item.get(name)?;
    value.as_n().ok().cloned()
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
