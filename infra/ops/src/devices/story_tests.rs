//! Stories: each state tells what belongs to it, and none tells the verifier.

use std::collections::BTreeMap;

use cvm_shared::failure::FailureCode;
use cvm_shared::ids::AttributeName;
use cvm_shared::ids::AttributeValue;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::Owner;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Lease;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;
use cvm_shared::request::Generation;
use cvm_shared::request::Request;
use cvm_shared::secret::DeviceToken;
use cvm_shared::verifier::Verifier;

use super::*;

fn record(state: State) -> Record {
    let serial = SerialNumber::parse("SN-1").unwrap();
    let site = AttributeName::parse("site").unwrap();
    let hall = AttributeValue::parse("h7").unwrap();
    let binding = Binding {
        thing: ThingName::parse("thing-1").unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("fleet").unwrap()),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::new(BTreeMap::from([(site, hall)]), false).unwrap(),
    };
    let token = DeviceToken::parse("hunter2-hunter2-hunter2").unwrap();
    let mut record = Record::registered(serial.clone(), Verifier::derive(&serial, &token), binding);
    record.requested_at = Some(UnixMillis(1_709_251_200_123));
    record.state = state;
    record
}

fn request() -> Request {
    let serial = SerialNumber::parse("SN-1").unwrap();
    Request::new(&serial, Generation::FIRST, KeySource::Service)
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

fn states() -> Vec<State> {
    let lease = Lease {
        epoch: Epoch(1),
        owner: Owner::from_random([9; 16]),
        until: UnixMillis(1_000),
    };
    vec![
        State::Disabled,
        State::Registered,
        State::Requested {
            request: request(),
            issued: None,
        },
        State::Issuing {
            request: request(),
            lease,
            issued: Some(issued()),
        },
        State::Vended {
            request: request().id,
            issued: issued(),
            delivery: Delivery::Confirmed {
                at: UnixMillis(2_000),
            },
        },
        State::Failed {
            request: request().id,
            issued: None,
            failure: FailureCode::CsrRefused,
            failed_at: UnixMillis(3_000),
            retry_at: None,
        },
    ]
}

fn told(state: State) -> BTreeMap<&'static str, String> {
    Story::of(&record(state)).lines().collect()
}

#[test]
fn all_stories_have_the_same_names_and_never_the_verifier() {
    let names = |story: &Story| {
        story
            .facts
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
    };
    let first = names(&Story::of(&record(State::Disabled)));
    for state in states() {
        let record = record(state);
        let story = Story::of(&record);
        assert_eq!(names(&story), first);
        let json = serde_json::to_string(&story).unwrap();
        assert!(!json.contains(&record.verifier.to_text()), "{json}");
        assert!(!json.contains("cvm1"), "{json}");
    }
}

#[test]
fn each_state_tells_what_belongs_to_it() {
    let [disabled, registered, requested, issuing, vended, failed] =
        <[State; 6]>::try_from(states()).unwrap().map(told);
    assert_eq!(disabled["state"], "Disabled");
    assert_eq!(registered["attributes"], "site=h7");
    assert!(!registered.contains_key("requestId"));
    assert_eq!(requested["mode"], "keys");
    assert_eq!(requested["requestedAt"], "2024-03-01T00:00:00.123Z");
    assert_eq!(issuing["leaseUntil"], "1970-01-01T00:00:01.000Z");
    assert_eq!(issuing["bundle"], "staged");
    assert_eq!(vended["applyState"], "-1");
    assert_eq!(vended["bundle"], "confirmed");
    assert_eq!(vended["certificateId"], "a".repeat(64));
    assert_eq!(failed["failure"], "csr_refused");
    assert_eq!(failed["retryHelps"], "no");
}

#[test]
fn what_waits_and_what_has_to_go_is_told() {
    let mut record = record(State::Failed {
        request: request().id,
        issued: None,
        failure: FailureCode::BudgetSpent,
        failed_at: UnixMillis(3_000),
        retry_at: Some(UnixMillis(4_000)),
    });
    record.reprovision = Some(Reprovision::Replace);
    record.superseded = vec![Superseded {
        issued: issued(),
        generation: record.generation,
        ending: Ending::Grace {
            until: UnixMillis(5_000),
        },
        inactive_at: None,
    }];
    let told: BTreeMap<_, _> = Story::of(&record).lines().collect();
    assert_eq!(told["retryAt"], "1970-01-01T00:00:04.000Z");
    assert_eq!(told["reprovision"], "replace");
    let expected = format!("{} in grace until 1970-01-01T00:00:05.000Z", "a".repeat(64));
    assert_eq!(told["superseded"], expected);
}

#[test]
fn json_keeps_the_order_and_the_types() {
    let story = Story::of(&record(State::Registered));
    let json = serde_json::to_string(&story).unwrap();
    let start = "{\"productid\":\"SN-1\",\"state\":\"Registered\",\"applyState\":1,\
                 \"thingName\":\"thing-1\",\"policyName\":\"fleet\",\"thingType\":null,";
    assert!(json.starts_with(start), "{json}");
    assert!(json.contains("\"attributes\":{\"site\":\"h7\"}"), "{json}");
}

#[test]
fn whose_policy_is_its_groups_and_whose_thing_was_made_is_told() {
    let told = |record: &Record| serde_json::to_value(Story::of(record)).unwrap();
    let mut device = record(State::Registered);
    let json = told(&device);
    assert_eq!(
        (&json["policyFrom"], &json["thingMade"]),
        (&Value::Null, &Value::Null)
    );
    (device.binding.policy, device.binding.thing_made) = (PolicyFrom::Group, true);
    let json = told(&device);
    assert_eq!(json["policyName"], Value::Null);
    assert_eq!(
        (&json["policyFrom"], &json["thingMade"]),
        (&"group".into(), &"yes".into())
    );
}

#[test]
fn how_a_device_logs_in_is_told() {
    let told = |record: &Record| {
        let story = Story::of(record);
        let lines: BTreeMap<_, _> = story.lines().collect();
        let json = serde_json::to_value(&story).unwrap();
        let line = |name| lines.get(name).cloned().unwrap_or_default();
        assert!(!json.to_string().contains("cvm1"), "{json}");
        (line("auth"), line("secret"), json["secret"].clone())
    };
    let mut device = record(State::Registered);
    let expected = |auth: &str, secret: &str, json| (auth.to_owned(), secret.to_owned(), json);
    assert_eq!(told(&device), expected("any", "", Value::Null));
    device.proof_only = true;
    assert_eq!(told(&device), expected("proof", "", Value::Null));
    device.proof_only = false;
    let token = DeviceToken::parse("1234").unwrap();
    device.verifier = Verifier::derive_slowly(&device.serial, &token, [1; 16]);
    let stretched = Value::from("stretched");
    assert_eq!(told(&device), expected("any", "stretched", stretched));
}
