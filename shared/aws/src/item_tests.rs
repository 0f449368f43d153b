//! Rows: every state reads back, and what is broken is named.

use cvm_shared::record::Resent;
use cvm_shared::reprovision::Creates;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::Superseded;
use cvm_shared::secret::DeviceToken;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::Reason;
use cvm_shared::trail::begun;

use super::*;
use crate::item_care::WAITS_FOR;
use crate::item_care::WAITS_SINCE;

fn serial() -> SerialNumber {
    SerialNumber::parse("SN-1").unwrap()
}

fn request() -> Request {
    Request::new(&serial(), Generation::FIRST, KeySource::Service)
}

fn issued() -> Issued {
    Issued {
        certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
        certificate_arn: "arn:aws:iot:eu-west-1:1:cert/a".to_owned(),
        endpoint: "host".to_owned(),
        bundle: BundleRef {
            key: BundleKey::parse("b/x").unwrap(),
            sha256: "b".repeat(64),
        },
    }
}

fn record(state: State) -> Record {
    let typed = ThingTypeName::parse("meter").unwrap();
    let name = AttributeName::parse("site").unwrap();
    let value = ThingAttributeValue::parse("hall-7").unwrap();
    let binding = Binding {
        thing: ThingName::parse("thing-1").unwrap(),
        policy: PolicyName::parse("policy").unwrap(),
        thing_type: Some(typed),
        thing_group: Some(ThingGroupName::parse("fleet").unwrap()),
        attributes: Attributes::new(BTreeMap::from([(name, value)]), true).unwrap(),
    };
    let verifier = Verifier::derive(&serial(), &DeviceToken::parse("token").unwrap());
    let mut record = Record::registered(serial(), verifier, binding);
    record.epoch = Epoch(3);
    record.requested_at = Some(UnixMillis(1_700_000_000_123));
    record.state = state;
    record
}

fn states() -> Vec<State> {
    let lease = Lease {
        epoch: Epoch(3),
        owner: Owner::from_random([9; 16]),
        until: UnixMillis(77),
    };
    let mut states = vec![State::Disabled, State::Registered];
    for issued in [None, Some(issued())] {
        let (request, lease) = (request(), lease.clone());
        states.push(State::Requested {
            request: request.clone(),
            issued: issued.clone(),
        });
        states.push(State::Issuing {
            request: request.clone(),
            lease,
            issued: issued.clone(),
        });
        let failure = FailureCode::PolicyMissing;
        states.push(State::Failed {
            request: request.id,
            issued,
            failure,
            failed_at: UnixMillis(5),
            retry_at: Some(UnixMillis(6)),
        });
    }
    let at = UnixMillis(6);
    for delivery in [
        Delivery::Waiting { until: at },
        Delivery::Confirmed { at },
        Delivery::Expired { at },
    ] {
        states.push(State::Vended {
            request: request().id,
            issued: issued(),
            delivery,
        });
    }
    states
}

#[test]
fn every_state_reads_back() {
    for state in states() {
        let record = record(state);
        assert_eq!(from_item(&to_item(&record)).unwrap(), record);
    }
}

#[test]
fn a_trail_reads_back_and_is_taken_whole() {
    let arn = "arn:aws-cn:sts::123456789012:assumed-role/ops/eve";
    let hand = |reason: Option<&str>| Hand {
        author: Author::parse(arn).unwrap(),
        at: UnixMillis(7),
        reason: reason.map(|text| Reason::parse(text).unwrap()),
    };
    for reason in [None, Some("mended ✓")] {
        let row = begun(record(State::Registered), hand(reason));
        let mut item = to_item(&row);
        assert_eq!(from_item(&item).unwrap(), row);
        item.remove("author");
        let broken = Failure::CorruptRow { field: "author" };
        assert_eq!(from_item(&item), Err(broken));
    }
}

#[test]
fn what_the_janitor_lives_by_reads_back() {
    let grace = Ending::Grace {
        until: UnixMillis(8),
    };
    let kept = |disuse, settled| Ending::Kept { disuse, settled };
    for (ending, inactive_at) in [
        (Ending::AtOnce, None),
        (grace, Some(UnixMillis(7))),
        (kept(Disuse::Inactive, false), None),
        (kept(Disuse::Revoked, true), Some(UnixMillis(7))),
    ] {
        let mut record = record(State::Registered);
        record.reprovision = Some(Reprovision::Replace);
        record.creates = Creates {
            day: 20_000,
            count: 3,
        };
        record.resent = Resent {
            count: 2,
            at: UnixMillis(4),
        };
        record.superseded = vec![Superseded {
            issued: issued(),
            generation: Generation(1),
            ending,
            inactive_at,
        }];
        assert_eq!(from_item(&to_item(&record)).unwrap(), record);
    }
}

#[test]
fn only_rows_that_wait_are_in_the_index() {
    for state in states() {
        let record = record(state);
        let item = to_item(&record);
        let waits = cvm_shared::care::waiting(&record);
        assert_eq!(item.contains_key(WAITS_FOR), waits.is_some());
        assert_eq!(item.contains_key(WAITS_SINCE), waits.is_some());
        if let Some(waits) = waits {
            let key = item[WAITS_FOR].as_s().unwrap();
            assert!(key.starts_with(waits.group.as_str()), "{key}");
        }
    }
}

#[test]
fn the_columns_have_the_seeds_names() {
    let item = to_item(&record(State::Vended {
        request: request().id,
        issued: issued(),
        delivery: Delivery::Waiting {
            until: UnixMillis(9),
        },
    }));
    for name in [
        "productid",
        "accessToken",
        "timestamp",
        "applyState",
        "certID",
    ] {
        assert!(item.contains_key(name), "{name}");
    }
    assert_eq!(item["applyState"].as_n().unwrap(), "-1");
}

#[test]
fn the_secret_is_not_in_the_row() {
    let item = format!("{:?}", to_item(&record(State::Registered)));
    assert!(!item.contains("\"token\""), "{item}");
}

#[test]
fn a_broken_attribute_is_named() {
    let vended = State::Vended {
        request: request().id,
        issued: issued(),
        delivery: Delivery::Waiting {
            until: UnixMillis(9),
        },
    };
    let whole = to_item(&record(vended));
    for (name, value) in [
        ("accessToken", AttributeValue::S("plain secret".to_owned())),
        ("applyState", AttributeValue::N("9".to_owned())),
        ("certID", AttributeValue::S("short".to_owned())),
        ("epoch", AttributeValue::S("3".to_owned())),
        ("revision", AttributeValue::N("-1".to_owned())),
        ("attributes", AttributeValue::Bool(true)),
    ] {
        let mut item = whole.clone();
        item.insert(name.to_owned(), value);
        assert_eq!(from_item(&item), Err(corrupt(name)));
    }
    for name in [
        "productid",
        "thingName",
        "requestId",
        "certID",
        "bundle",
        "bundleUntil",
        "generation",
    ] {
        let mut item = whole.clone();
        item.remove(name);
        assert_eq!(from_item(&item), Err(corrupt(name)));
    }
}
