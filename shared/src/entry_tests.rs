//! A trail holds what was written, and shows whatever else is done to it.

use super::*;
use crate::event::Event;
use crate::ids::PolicyName;
use crate::ids::SerialNumber;
use crate::ids::ThingName;
use crate::record::Attributes;
use crate::record::Binding;
use crate::record::PolicyFrom;
use crate::secret::DeviceToken;
use crate::time::UnixMillis;
use crate::trail::Author;
use crate::trail::Deed;
use crate::trail::Hand;
use crate::trail::OperatorName;
use crate::trail::Reason;
use crate::trail::begun;
use crate::trail::signed;
use crate::transition::next;

fn hand(at: u64) -> Hand {
    let name = OperatorName::parse("arn:aws:iam::123456789012:user/eve").unwrap();
    Hand {
        author: Author::Operator(name),
        at: UnixMillis(at),
        reason: Some(Reason::parse("lost, again").unwrap()),
    }
}

/// An import, a revocation and a reset.
fn life() -> Vec<Record> {
    let serial = SerialNumber::parse("SN-1").unwrap();
    let token = DeviceToken::parse("0123456789abcdef").unwrap();
    let binding = Binding {
        thing: ThingName::parse("SN-1").unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("policy").unwrap()),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    let verifier = crate::verifier::Verifier::derive(&serial, &token);
    let first = begun(Record::registered(serial, verifier, binding), hand(1));
    let mut rows = vec![first];
    for (at, event) in [(2, Event::Revoke { keep: None }), (3, Event::Reset)] {
        let before = rows.last().unwrap();
        let after = next(before, &event).unwrap();
        let deed = Deed::of(&event);
        rows.push(signed(after, before.trail.as_ref(), deed, hand(at)));
    }
    rows
}

fn entries(rows: &[Record]) -> Vec<Entry> {
    rows.iter().filter_map(Entry::of).collect()
}

#[test]
fn a_life_has_a_whole_trail() {
    let rows = life();
    let trail = entries(&rows);
    assert_eq!(check(&trail, &rows[2]), Ok(()));
    let told: Vec<&str> = trail.iter().map(|e| e.facts[fact::DEED].as_str()).collect();
    assert_eq!(told, ["import", "revoke", "reset"]);
    let heads: Vec<_> = trail.iter().map(|entry| entry.head.as_str()).collect();
    assert!(heads[0] != heads[1] && heads[1] != heads[2]);
}

/// The hash is a format: whoever checks old trails with newer code must find them whole.
#[test]
fn the_hash_is_pinned() {
    let trail = entries(&life());
    let facts = serde_json::json!(trail[0].facts).to_string();
    assert_eq!(
        facts,
        r#"{"at":"1","author":"arn:aws:iam::123456789012:user/eve","deed":"import","epoch":"0","generation":"1","productid":"SN-1","reason":"lost, again","revision":"1","state":"Registered"}"#
    );
    let nothing = "0".repeat(64);
    let digest = Sha256::digest(format!("cvm-audit-v1\n{nothing}\n{facts}"));
    assert_eq!(trail[0].head.as_str(), crate::ids::hex(&digest));
}

#[test]
fn whatever_is_changed_shows() {
    let rows = life();
    let whole = entries(&rows);
    for place in 0..whole.len() {
        let mut gone = whole.clone();
        gone.remove(place);
        assert!(check(&gone, &rows[2]).is_err(), "entry {place} is gone");
        for name in whole[place].facts.keys() {
            let mut changed = whole.clone();
            changed[place].facts.insert(name.clone(), "9".to_owned());
            assert!(check(&changed, &rows[2]).is_err(), "{name} of {place}");
        }
        let mut more = whole.clone();
        more[place].facts.insert("new".to_owned(), String::new());
        assert!(
            check(&more, &rows[2]).is_err(),
            "something was added to {place}"
        );
    }
}

#[test]
fn a_row_that_was_changed_by_hand_shows() {
    let rows = life();
    let whole = entries(&rows);
    let mut other = rows[2].clone();
    other.revision += 1;
    let end = Broken::End { row: 4, trail: 3 };
    assert_eq!(check(&whole, &other), Err(end));
    other.revision -= 1;
    other.trail = rows[1].trail.clone();
    assert_eq!(check(&whole, &other), Err(Broken::OtherHead));
    let end = Broken::End { row: 2, trail: 3 };
    assert_eq!(check(&whole, &rows[1]), Err(end));
}

#[test]
fn a_row_from_before_trails_begins_one_with_its_next_change() {
    let mut row = life().swap_remove(1);
    row.trail = None;
    assert_eq!(check(&[], &row), Ok(()));
    let after = next(&row, &Event::Reset).unwrap();
    let after = signed(after, None, Deed::Reset, hand(9));
    assert_eq!(
        check(&entries(std::slice::from_ref(&after)), &after),
        Ok(())
    );
}

#[test]
fn authors_and_deeds_read_back() {
    for author in [
        Author::Ingest,
        Author::Worker,
        Author::Janitor,
        hand(1).author,
    ] {
        assert_eq!(Author::parse(author.as_str()), Ok(author));
    }
    for deed in Deed::ALL {
        assert_eq!(Deed::parse(deed.as_str()), Ok(deed));
    }
    for bad in ["", "Ingest", "arn:aws:iam::1:user/a b", "arn:\n"] {
        assert!(Author::parse(bad).is_err(), "{bad}");
    }
    for bad in ["", " ", "a\nb", &"x".repeat(201)] {
        assert!(Reason::parse(bad).is_err(), "{bad:?}");
    }
}
