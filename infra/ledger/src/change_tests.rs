//! What the stream tells becomes the entry that the writer signed, or one that says that nobody did.

use cvm_aws::item::to_item;
use cvm_shared::event::Event;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::begun;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::sample;
use futures_util::FutureExt as _;
use serde_json::Value;
use serde_json::json;

use super::*;

/// A row as it was imported, and as it was revoked.
fn rows() -> (Record, Record) {
    let hand = Hand::new(Author::Janitor, UnixMillis(5));
    let imported = begun(sample::device("SN-1"), hand.clone());
    let registry = TestRegistry::default();
    registry.put(imported.clone());
    let written = write(&registry, &hand, imported.clone(), |_| Event::Revoke {
        keep: None,
    })
    .now_or_never();
    let Some(Ok(Written::Applied(revoked))) = written else {
        panic!("{written:?}");
    };
    (imported, revoked)
}

fn image(record: &Record) -> Value {
    serde_json::to_value(serde_dynamo::Item::from(to_item(record))).unwrap()
}

fn told(old: Option<Value>, new: Option<Value>) -> Change {
    read(old, new).unwrap()
}

fn read(old: Option<Value>, new: Option<Value>) -> Option<Change> {
    let mut images = json!({
        "ApproximateCreationDateTime": 1_700_000_000.25,
        "SequenceNumber": "4421584500000000017450439091",
        "SizeBytes": 59,
    });
    for (name, image) in [("OldImage", old), ("NewImage", new)] {
        if let Some(image) = image {
            images[name] = image;
        }
    }
    let record = json!({ "eventName": "MODIFY", "awsRegion": "eu-west-1", "dynamodb": images });
    Change::read(serde_json::from_value(record).unwrap())
}

#[test]
fn a_signed_write_is_its_own_entry() {
    let (imported, revoked) = rows();
    let first = told(None, Some(image(&imported)));
    assert_eq!(first.entry, Placed::of(Entry::of(&imported).unwrap()));
    assert_eq!(
        (first.left, first.entered.as_deref()),
        (None, Some("Registered"))
    );
    let second = told(Some(image(&imported)), Some(image(&revoked)));
    assert_eq!(second.entry, Placed::of(Entry::of(&revoked).unwrap()));
    assert_eq!(second.left.as_deref(), Some("Registered"));
    assert_eq!(second.entered.as_deref(), Some("Disabled"));
    let trail = [first.entry.entry().unwrap(), second.entry.entry().unwrap()];
    assert_eq!(cvm_shared::entry::check(&trail, &revoked), Ok(()));
    assert!(
        trail
            .iter()
            .all(|entry| !format!("{entry:?}").contains("v1$")),
        "no verifier"
    );
}

#[test]
fn a_write_that_nobody_signed_says_so() {
    let (imported, _) = rows();
    let mut forged = image(&imported);
    forged["applyState"] = json!({ "N": "-1" });
    let change = told(Some(image(&imported)), Some(forged));
    assert_eq!(change.entry.head, None);
    assert_eq!(change.entry.facts[fact::DEED], OUTSIDE);
    assert_eq!(change.entry.facts[fact::AT], "1700000000250");
    assert_eq!(
        change.entry.place,
        "00000000000000000001~4421584500000000017450439091"
    );
    assert_eq!(change.entered.as_deref(), Some("Vended"));
}

#[test]
fn a_removed_row_and_an_unreadable_one_are_told() {
    let (imported, _) = rows();
    let gone = told(Some(image(&imported)), None);
    assert_eq!(gone.entry.facts[fact::DEED], REMOVED);
    assert_eq!(
        (gone.left.as_deref(), gone.entered),
        (Some("Registered"), None)
    );
    let mut broken = image(&imported);
    broken["revision"] = json!({ "S": "x" });
    broken["applyState"] = json!({ "N": "77" });
    let change = told(Some(image(&imported)), Some(broken));
    assert_eq!(change.entry.facts[fact::DEED], OUTSIDE);
    assert_eq!(change.entered.as_deref(), Some("unknown"));
}

#[test]
fn the_janitors_mark_is_no_device() {
    let mark = json!({ "productid": { "S": "#sweep" }, "lookedThroughUntil": { "N": "1" } });
    assert_eq!(read(None, Some(mark)), None);
}
