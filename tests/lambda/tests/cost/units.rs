//! What DynamoDB charges for a write, and how large it takes an item to be.

use cvm_standin::Written;
use serde_json::Value;

/// What DynamoDB adds to each item that it keeps, and to each place in an index.
pub(crate) const ITEM: u64 = 100;

/// A write costs a unit for each KB of the larger item.
pub(crate) fn units(write: &Written) -> u64 {
    let before = write.before.as_ref().map_or(0, size);
    before.max(size(&write.after)).div_ceil(1024)
}

/// An item that comes into an index or leaves it costs a unit, one that changes its place two.
pub(crate) fn index_units(write: &Written, keys: &[&str]) -> u64 {
    let place = |item: &Value| -> Option<Vec<Value>> {
        keys.iter().map(|key| item.get(key).cloned()).collect()
    };
    match (write.before.as_ref().and_then(place), place(&write.after)) {
        (None, None) => 0,
        (Some(before), Some(after)) if before == after => 0,
        (Some(_), Some(_)) => 2,
        (None, Some(_)) | (Some(_), None) => 1,
    }
}

/// The size of an item, as DynamoDB counts it.
pub(crate) fn size(item: &Value) -> u64 {
    let columns = item.as_object().unwrap().iter();
    columns
        .map(|(name, value)| name.len() as u64 + value_size(value))
        .sum()
}

fn value_size(value: &Value) -> u64 {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().len() as u64;
    match kind.as_str() {
        "S" => text(),
        "N" => text().div_ceil(2) + 1,
        "B" => text() * 3 / 4,
        "M" => 3 + size(value),
        "L" => {
            3 + value
                .as_array()
                .unwrap()
                .iter()
                .map(|one| 1 + value_size(one))
                .sum::<u64>()
        }
        "BOOL" | "NULL" => 1,
        other => panic!("{other}"),
    }
}

#[test]
fn sizes_and_units_are_as_documented() {
    let item = |text: &str| serde_json::json!({ "id": { "S": text }, "n": { "N": "12345" }, "at": { "L": [{ "BOOL": true }] } });
    // 2 + 3, 1 + 4, 2 + 3 + 1 + 1.
    assert_eq!(size(&item("abc")), 17);
    let write = |before: Option<&str>, after: &str| Written {
        before: before.map(item),
        after: item(after),
    };
    let long = "x".repeat(1010);
    assert_eq!(units(&write(None, "abc")), 1);
    assert_eq!(units(&write(None, &long)), 1);
    assert_eq!(units(&write(None, &format!("{long}x"))), 2);
    assert_eq!(units(&write(Some(&format!("{long}x")), "abc")), 2);
    assert_eq!(index_units(&write(None, "a"), &["id"]), 1);
    assert_eq!(index_units(&write(None, "a"), &["id", "none"]), 0);
    assert_eq!(index_units(&write(Some("a"), "a"), &["id"]), 0);
    assert_eq!(index_units(&write(Some("a"), "b"), &["id", "n"]), 2);
}
