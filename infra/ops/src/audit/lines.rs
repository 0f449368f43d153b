//! A trail as lines: one for each change, in the order in which they happened.

use cvm_shared::entry::fact;
use cvm_shared::operate::trails::Placed;
use cvm_shared::time::UnixMillis;
use serde_json::Value;

use crate::calendar::rfc3339;

/// What a line tells.
pub const COLUMNS: &[&str] = &[
    "revision",
    "at",
    "deed",
    "author",
    "state",
    "generation",
    "epoch",
    "requestId",
    "certificateId",
    "error",
    "reason",
];

/// The line of one entry.
pub fn line(entry: &Placed) -> Vec<Value> {
    let text = |name: &str| entry.facts.get(name).map(String::as_str).into();
    vec![
        number(entry, fact::REVISION),
        moment(entry),
        text(fact::DEED),
        text(fact::AUTHOR),
        text(fact::STATE),
        number(entry, fact::GENERATION),
        number(entry, fact::EPOCH),
        text(fact::REQUEST),
        text(fact::CERTIFICATE),
        text(fact::FAILURE),
        text(fact::REASON),
    ]
}

fn number(entry: &Placed, name: &str) -> Value {
    let number = entry
        .facts
        .get(name)
        .and_then(|text| text.parse::<u64>().ok());
    number.into()
}

fn moment(entry: &Placed) -> Value {
    let millis = entry.facts.get(fact::AT).and_then(|text| text.parse().ok());
    millis.map(UnixMillis).map(rfc3339).into()
}
