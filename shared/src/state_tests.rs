//! Every event in every state: the whole table of [`next`], written down.

use super::*;
use crate::ids::BundleKey;
use crate::ids::CertificateId;
use crate::ids::Owner;
use crate::ids::PolicyName;
use crate::ids::SerialNumber;
use crate::ids::ThingName;
use crate::lease::Epoch;
use crate::record::Attributes;
use crate::record::Binding;
use crate::record::BundleRef;
use crate::request::Generation;
use crate::request::KeySource;
use crate::secret::DeviceToken;
use crate::verifier::Verifier;

const NOW: UnixMillis = UnixMillis(1_000);

fn request(generation: u32) -> Request {
    let serial = SerialNumber::parse("SN-1").unwrap();
    Request::new(&serial, Generation(generation), KeySource::Service)
}

fn ours() -> Request {
    request(1)
}

fn lease(epoch: u64, owner: u8, until: u64) -> Lease {
    Lease {
        epoch: Epoch(epoch),
        owner: Owner::from_random([owner; 16]),
        until: UnixMillis(until),
    }
}

fn issued(tag: &str) -> Issued {
    Issued {
        certificate_id: CertificateId::parse(tag.repeat(64)).unwrap(),
        certificate_arn: format!("arn:aws:iot:eu-west-1:1:cert/{tag}"),
        endpoint: "host".to_owned(),
        bundle: BundleRef {
            key: BundleKey::parse(format!("b/{tag}")).unwrap(),
            sha256: tag.repeat(64),
        },
    }
}

fn record(state: State) -> Record {
    let serial = SerialNumber::parse("SN-1").unwrap();
    let token = DeviceToken::parse("token").unwrap();
    let binding = Binding {
        thing: ThingName::parse("thing").unwrap(),
        policy: PolicyName::parse("policy").unwrap(),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    let verifier = Verifier::derive(&serial, &token);
    Record {
        epoch: Epoch(7),
        state,
        ..Record::registered(serial, verifier, binding)
    }
}

fn failed(failure: FailureCode, issued: Option<Issued>) -> State {
    State::Failed {
        request: ours().id,
        issued,
        failure,
        failed_at: NOW,
    }
}

fn vended(confirmed_at: Option<UnixMillis>) -> State {
    State::Vended {
        request: ours().id,
        issued: issued("a"),
        confirmed_at,
    }
}

fn requested(issued: Option<Issued>) -> State {
    State::Requested {
        request: ours(),
        issued,
    }
}

fn issuing(until: u64, issued: Option<Issued>) -> State {
    State::Issuing {
        request: ours(),
        lease: lease(7, 1, until),
        issued,
    }
}

/// The states, each with a name for the table.
fn states() -> Vec<(&'static str, State)> {
    vec![
        ("disabled", State::Disabled),
        ("registered", State::Registered),
        ("requested", requested(None)),
        ("issuing", issuing(2_000, None)),
        ("issuing, expired", issuing(500, None)),
        ("issuing, committed", issuing(2_000, Some(issued("a")))),
        ("vended", vended(None)),
        ("confirmed", vended(Some(NOW))),
        (
            "failed, retryable",
            failed(FailureCode::PolicyMissing, None),
        ),
        ("failed for good", failed(FailureCode::CsrRefused, None)),
        (
            "failed, committed",
            failed(FailureCode::PolicyMissing, Some(issued("a"))),
        ),
    ]
}

/// What an event makes of each state: the name of the new one, or the refusal.
fn table(event: &Event) -> Vec<(&'static str, String)> {
    let told = |state: &State| match next(&record(state.clone()), event) {
        Ok(after) => after.state.name().to_owned(),
        Err(refusal) => format!("{refusal:?}"),
    };
    states()
        .iter()
        .map(|(name, state)| (*name, told(state)))
        .collect()
}

fn assert_table(event: &Event, expected: [&str; 11]) {
    let told = table(event);
    for ((name, told), expected) in told.iter().zip(expected) {
        assert_eq!(told, expected, "{event:?} in {name}");
    }
}

const HELD: &str = "LeaseHeld { until: UnixMillis(2000) }";
const FOR_GOOD: &str = "FailedForGood { failure: CsrRefused }";

#[test]
fn apply_in_every_state() {
    let event = Event::Apply {
        request: ours(),
        now: NOW,
    };
    assert_table(
        &event,
        [
            "Disabled",
            "Requested",
            "Already",
            "Already",
            "Already",
            "Already",
            "Already",
            "Confirmed",
            "Requested",
            FOR_GOOD,
            "Requested",
        ],
    );
}

#[test]
fn apply_for_another_key_in_every_state() {
    let event = Event::Apply {
        request: request(9),
        now: NOW,
    };
    assert_table(
        &event,
        [
            "Disabled",
            "Requested",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "Confirmed",
            "Requested",
            "Requested",
            "OtherRequest",
        ],
    );
}

fn claim_of(request: Request, generation: u32) -> Event {
    Event::Claim {
        request,
        generation: Generation(generation),
        lease: lease(8, 2, 3_000),
        now: NOW,
    }
}

#[test]
fn claim_in_every_state() {
    assert_table(
        &claim_of(ours(), 1),
        [
            "Disabled", "Issuing", "Issuing", HELD, "Issuing", HELD, "Already", "Already",
            "Issuing", FOR_GOOD, "Issuing",
        ],
    );
}

#[test]
fn claim_for_another_request_in_every_state() {
    assert_table(
        &claim_of(request(9), 1),
        [
            "Disabled",
            "Issuing",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
        ],
    );
}

#[test]
fn claim_of_another_generation_is_stale_everywhere() {
    assert_table(&claim_of(ours(), 2), ["StaleGeneration"; 11]);
}

/// The answer of a fenced event: refused everywhere but in the holder's own Issuing states.
fn fenced(
    live: &'static str,
    expired: &'static str,
    committed: &'static str,
) -> [&'static str; 11] {
    let mut row = ["LeaseLost"; 11];
    (row[3], row[4], row[5]) = (live, expired, committed);
    row
}

#[test]
fn the_holders_events_in_every_state() {
    let fence = lease(7, 1, 0).fence();
    let commit = |tag| Event::Commit {
        fence: fence.clone(),
        issued: issued(tag),
    };
    assert_table(&commit("a"), fenced("Issuing", "Issuing", "Already"));
    assert_table(&commit("b"), fenced("Issuing", "Issuing", "LeaseLost"));
    let retire = Event::Retire {
        fence: fence.clone(),
    };
    assert_table(&retire, fenced("Already", "Already", "Issuing"));
    let finish = Event::Finish {
        fence: fence.clone(),
    };
    assert_table(&finish, fenced("NotIssued", "NotIssued", "Vended"));
    let release = Event::Release {
        fence: fence.clone(),
    };
    assert_table(&release, fenced("Requested", "Requested", "Requested"));
    let failure = FailureCode::PolicyMissing;
    let fail = Event::Fail {
        fence,
        failure,
        now: NOW,
    };
    assert_table(&fail, fenced("Failed", "Failed", "Failed"));
}

#[test]
fn an_old_epoch_or_another_owner_writes_nothing() {
    for stale in [lease(6, 1, 0), lease(7, 2, 0)] {
        let fence = stale.fence();
        for event in [
            Event::Commit {
                fence: fence.clone(),
                issued: issued("b"),
            },
            Event::Retire {
                fence: fence.clone(),
            },
            Event::Finish {
                fence: fence.clone(),
            },
            Event::Release {
                fence: fence.clone(),
            },
            Event::Fail {
                fence,
                failure: FailureCode::Denied,
                now: NOW,
            },
        ] {
            assert_table(&event, ["LeaseLost"; 11]);
        }
    }
}

#[test]
fn confirm_in_every_state() {
    let event = Event::Confirm {
        request: ours().id,
        now: NOW,
    };
    assert_table(
        &event,
        [
            "Disabled",
            "NothingAsked",
            "NotIssued",
            "NotIssued",
            "NotIssued",
            "NotIssued",
            "Vended",
            "Already",
            "NotIssued",
            "NotIssued",
            "NotIssued",
        ],
    );
    let event = Event::Confirm {
        request: request(9).id,
        now: NOW,
    };
    let mut row = ["OtherRequest"; 11];
    (row[0], row[1]) = ("Disabled", "NothingAsked");
    assert_table(&event, row);
}

#[test]
fn every_write_raises_the_revision_and_only_a_claim_the_epoch() {
    for (name, state) in states() {
        let before = record(state);
        for event in [
            Event::Apply {
                request: ours(),
                now: NOW,
            },
            claim_of(ours(), 1),
            Event::Finish {
                fence: lease(7, 1, 0).fence(),
            },
        ] {
            let Ok(after) = next(&before, &event) else {
                continue;
            };
            assert_eq!(after.revision, before.revision + 1, "{name}");
            let claimed = matches!(event, Event::Claim { .. });
            assert_eq!(after.epoch.0, before.epoch.0 + u64::from(claimed), "{name}");
        }
    }
}

#[test]
fn a_claim_with_a_wrong_epoch_is_refused() {
    let Event::Claim {
        request,
        generation,
        now,
        ..
    } = claim_of(ours(), 1)
    else {
        unreachable!()
    };
    for epoch in [6, 7, 9] {
        let lease = lease(epoch, 2, 3_000);
        let event = Event::Claim {
            request: request.clone(),
            generation,
            lease,
            now,
        };
        assert_eq!(
            next(&record(requested(None)), &event),
            Err(Refusal::LeaseLost)
        );
    }
}

#[test]
fn a_committed_certificate_survives_expiry_release_failure_and_renewed_asking() {
    let committed = Some(issued("a"));
    for state in [
        issuing(500, committed.clone()),
        requested(committed.clone()),
        failed(FailureCode::PolicyMissing, committed.clone()),
    ] {
        let after = next(&record(state), &claim_of(ours(), 1)).unwrap();
        assert_eq!(after.state.issued(), committed.as_ref());
    }
    let asked = Event::Apply {
        request: ours(),
        now: NOW,
    };
    let after = next(
        &record(failed(FailureCode::PolicyMissing, committed.clone())),
        &asked,
    )
    .unwrap();
    assert_eq!(after.state.issued(), committed.as_ref());
}
