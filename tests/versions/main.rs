//! Versions that share a stack: during an upgrade, and after it was taken back.
//!
//! What a version writes lies on file (`0.1.json` and so on): rows, messages, a trail, and all words that occur in
//! them. Every later version must read the files of all earlier ones and write back what it read; and it may write
//! no word that the version just before it cannot read. So a new word is read in one version and written in the next.
//!
//! A change of what this version writes makes its own file differ. While the version is not out,
//! `CVM_RECORD=1 cargo test --test versions` writes the file anew; afterwards the version has to be raised.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod file;
mod lives;
mod words;

use cvm_aws::item::from_item;
use cvm_aws::item::to_item;
use cvm_shared::entry::check;
use cvm_shared::message::Order;

use crate::file::File;

#[test]
fn what_this_version_writes_is_on_file() {
    let written = File::written();
    if std::env::var_os("CVM_RECORD").is_some() {
        written.save();
    }
    let known = File::of_this_version();
    assert_eq!(written, known, "what this version writes has changed");
}

#[test]
fn what_any_version_wrote_is_read_and_written_back_the_same() {
    for file in File::all() {
        for (n, row) in file.rows().into_iter().enumerate() {
            let record = from_item(&row).unwrap_or_else(|failure| panic!("row {n}: {failure}"));
            assert_eq!(to_item(&record), row, "row {n} of {}", file.version);
        }
        for message in &file.messages {
            assert_eq!(Order::decode(message).unwrap().encode(), *message);
        }
        let last = file.rows().into_iter().rfind(|row| file.is_traced(row));
        let record = from_item(&last.unwrap()).unwrap();
        assert_eq!(check(&file.trail(), &record), Ok(()), "{}", file.version);
    }
}

#[test]
fn the_version_before_reads_all_that_this_one_writes() {
    let before = File::before_this_version();
    let unknown = before.words.lack(&File::written().words);
    assert!(
        unknown.is_empty(),
        "{} cannot read {unknown:?}",
        before.version
    );
}

#[test]
fn a_word_that_the_version_before_does_not_know_is_noticed() {
    let before = File::before_this_version();
    let mut words = File::written().words;
    words.add("failures", "moon_in_the_way");
    assert_eq!(
        before.words.lack(&words),
        ["failures: moon_in_the_way".to_owned()]
    );
}

/// The next version may add columns and fields.
#[test]
fn what_is_added_later_is_let_through() {
    let file = File::of_this_version();
    for row in file.rows() {
        let mut later = row.clone();
        let value = aws_sdk_dynamodb::types::AttributeValue::Bool(true);
        later.insert("laterColumn".to_owned(), value);
        assert_eq!(from_item(&later).unwrap(), from_item(&row).unwrap());
    }
    for message in &file.messages {
        let mut later: serde_json::Value = serde_json::from_str(message).unwrap();
        later["laterField"] = true.into();
        let order = Order::decode(&later.to_string());
        assert_eq!(order, Order::decode(message));
    }
}
