//! Rows: every state reads back, and what is broken is named.

use crate::record::Resent;
use crate::reprovision::Creates;
use crate::reprovision::Disuse;
use crate::reprovision::Ending;
use crate::reprovision::Reprovision;
use crate::reprovision::Superseded;
use crate::secret::DeviceToken;
use crate::trail::Author;
use crate::trail::Hand;
use crate::trail::Reason;
use crate::trail::begun;

use super::*;

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
    let value = AttributeValue::parse("hall-7").unwrap();
    let binding = Binding {
        thing: ThingName::parse("thing-1").unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("policy").unwrap()),
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
        assert_eq!(from_row(&to_row(&record)).unwrap(), record);
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
        let signed = begun(record(State::Registered), hand(reason));
        let mut row = to_row(&signed);
        assert_eq!(from_row(&row).unwrap(), signed);
        row.remove("author");
        let broken = Failure::CorruptRow { field: "author" };
        assert_eq!(from_row(&row), Err(broken));
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
        assert_eq!(from_row(&to_row(&record)).unwrap(), record);
    }
}

/// Each way to have rights, with a Thing that the worker makes and one that is there.
#[test]
fn lean_bindings_read_back_in_columns_of_their_own() {
    let group = ThingGroupName::parse("fleet").unwrap();
    for (thing_group, thing_made) in [
        (Some(group.clone()), false),
        (Some(group), true),
        (None, true),
    ] {
        let mut record = record(State::Registered);
        record.binding.policy = PolicyFrom::Group;
        (record.binding.thing_group, record.binding.thing_made) = (thing_group, thing_made);
        let row = to_row(&record);
        assert_eq!(from_row(&row), Ok(record));
        assert!(!row.contains_key("policyName"), "{row:?}");
        assert_eq!(row["policyFrom"], Value::Text("group".to_owned()));
        assert_eq!(row.contains_key("thingMade"), thing_made);
    }
    let row = to_row(&record(State::Registered));
    assert!(!row.contains_key("policyFrom") && !row.contains_key("thingMade"));
}

#[test]
fn a_policy_from_nowhere_from_two_places_or_from_no_group_is_refused() {
    let text = |value: &str| Value::Text(value.to_owned());
    let whole = to_row(&record(State::Registered));
    let with = |changes: &[(&str, Option<&str>)]| {
        let mut row = whole.clone();
        for (name, value) in changes {
            match value {
                Some(value) => row.insert((*name).to_owned(), text(value)),
                None => row.remove(*name),
            };
        }
        from_row(&row).map(drop)
    };
    let (none, group) = (("policyName", None), ("policyFrom", Some("group")));
    assert_eq!(with(&[none]), Err(corrupt("policyName")));
    assert_eq!(with(&[group]), Err(corrupt("policyFrom")));
    for word in ["certificate", "Group", ""] {
        let other = ("policyFrom", Some(word));
        assert_eq!(with(&[none, other]), Err(corrupt("policyFrom")), "{word}");
    }
    let alone = ("thingGroup", None);
    assert_eq!(with(&[none, group, alone]), Err(corrupt("thingGroup")));
    let made = |word| ("thingMade", Some(word));
    assert_eq!(with(&[none, group, alone, made("yes")]), Ok(()));
    for word in ["true", "no", ""] {
        assert_eq!(with(&[made(word)]), Err(corrupt("thingMade")), "{word}");
    }
}

#[test]
fn the_columns_have_the_seeds_names() {
    let row = to_row(&record(State::Vended {
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
        assert!(row.contains_key(name), "{name}");
    }
    assert_eq!(row["applyState"], Value::Number("-1".to_owned()));
}

#[test]
fn the_secret_is_not_in_the_row() {
    let row = format!("{:?}", to_row(&record(State::Registered)));
    assert!(!row.contains("\"token\""), "{row}");
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
    let whole = to_row(&record(vended));
    for (name, value) in [
        ("accessToken", Value::Text("plain secret".to_owned())),
        ("applyState", Value::Number("9".to_owned())),
        ("certID", Value::Text("short".to_owned())),
        ("epoch", Value::Text("3".to_owned())),
        ("revision", Value::Number("-1".to_owned())),
        ("attributes", Value::Other),
    ] {
        let mut row = whole.clone();
        row.insert(name.to_owned(), value);
        assert_eq!(from_row(&row), Err(corrupt(name)));
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
        let mut row = whole.clone();
        row.remove(name);
        assert_eq!(from_row(&row), Err(corrupt(name)));
    }
}
