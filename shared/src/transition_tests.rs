//! Every event in every state: the whole table of [`next`], written down.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::csr::Csr;
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
use crate::record::PolicyFrom;
use crate::reprovision::Disuse;
use crate::reprovision::Ending;
use crate::request::Generation;
use crate::request::KeySource;
use crate::secret::DeviceToken;
use crate::verifier::Verifier;

const REVOKE: Event = Event::Revoke { keep: None };
const NOW: UnixMillis = UnixMillis(1_000);

/// The request of a device in keys mode, in one generation or another.
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
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("policy").unwrap()),
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
        retry_at: None,
    }
}

fn vended(delivery: Delivery) -> State {
    State::Vended {
        request: ours().id,
        issued: issued("a"),
        delivery,
    }
}

const WAITING: Delivery = Delivery::Waiting {
    until: UnixMillis(900),
};
const CONFIRMED: Delivery = Delivery::Confirmed { at: NOW };
const EXPIRED: Delivery = Delivery::Expired { at: NOW };

const BUDGET: u32 = 2;

fn terms(default: Reprovision) -> ReprovisionTerms {
    ReprovisionTerms {
        default,
        grace: Duration::from_mins(1),
    }
}

fn apply_for(key: KeySource, policy: Reprovision) -> Event {
    Event::Apply {
        key,
        generation: Generation(1),
        now: NOW,
        terms: terms(policy),
    }
}

/// The same submission, judged by a row of this generation.
fn in_generation(judged: u32, event: Event) -> Event {
    let Event::Apply {
        key, now, terms, ..
    } = event
    else {
        unreachable!()
    };
    Event::Apply {
        key,
        generation: Generation(judged),
        now,
        terms,
    }
}

fn another_key() -> KeySource {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    KeySource::Device(Csr::parse(&pem).unwrap())
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
        ("vended", vended(WAITING)),
        ("confirmed", vended(CONFIRMED)),
        ("expired", vended(EXPIRED)),
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

fn assert_table(event: &Event, expected: [&str; 12]) {
    let told = table(event);
    for ((name, told), expected) in told.iter().zip(expected) {
        assert_eq!(told, expected, "{event:?} in {name}");
    }
}

const HELD: &str = "LeaseHeld { until: UnixMillis(2000) }";
const FOR_GOOD: &str = "FailedForGood { failure: CsrRefused }";

#[test]
fn the_list_of_names_has_every_state_with_its_number() {
    let told: BTreeSet<(i32, &str)> = states()
        .iter()
        .map(|(_, state)| (state.apply_state(), state.name()))
        .collect();
    assert_eq!(told, BTreeSet::from(crate::state::NAMES));
}

#[test]
fn apply_in_every_state() {
    let redeliver = apply_for(KeySource::Service, Reprovision::Redeliver);
    let with = |confirmed: &'static str, expired: &'static str| {
        [
            "Disabled",
            "Requested",
            "Already",
            "Already",
            "Already",
            "Already",
            "Already",
            confirmed,
            expired,
            "Requested",
            FOR_GOOD,
            "Requested",
        ]
    };
    assert_table(&redeliver, with("Confirmed", "Requested"));
    let never = apply_for(KeySource::Service, Reprovision::Never);
    assert_table(&never, with("Confirmed", "Expired"));
    // In keys mode every request is for a new key.
    let replace = apply_for(KeySource::Service, Reprovision::Replace);
    assert_table(&replace, with("Requested", "Requested"));
}

#[test]
fn apply_for_another_key_in_every_state() {
    let with = |vended: &'static str, confirmed: &'static str| {
        [
            "Disabled",
            "Requested",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            "OtherRequest",
            vended,
            confirmed,
            vended,
            "Requested",
            "Requested",
            "OtherRequest",
        ]
    };
    for policy in [Reprovision::Never, Reprovision::Redeliver] {
        let event = apply_for(another_key(), policy);
        assert_table(&event, with("OtherRequest", "Confirmed"));
    }
    let replace = apply_for(another_key(), Reprovision::Replace);
    assert_table(&replace, with("Requested", "Requested"));
}

fn claim_of(request: Request, generation: u32) -> Event {
    Event::Claim {
        request,
        generation: Generation(generation),
        lease: lease(8, 2, 3_000),
        now: NOW,
        budget: BUDGET,
    }
}

#[test]
fn claim_in_every_state() {
    assert_table(
        &claim_of(ours(), 1),
        [
            "Disabled", "Issuing", "Issuing", HELD, "Issuing", HELD, "Already", "Already",
            "Already", "Issuing", FOR_GOOD, "Issuing",
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
            "OtherRequest",
        ],
    );
}

#[test]
fn claims_of_other_generations_are_stale_or_early_everywhere() {
    assert_table(&claim_of(ours(), 0), ["StaleGeneration"; 12]);
    assert_table(&claim_of(ours(), 2), ["NotMarkedYet"; 12]);
}

/// The answer of a fenced event: refused everywhere but in the holder's own Issuing states.
fn fenced(
    live: &'static str,
    expired: &'static str,
    committed: &'static str,
) -> [&'static str; 12] {
    let mut row = ["LeaseLost"; 12];
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
        now: NOW,
        budget: BUDGET,
    };
    assert_table(&retire, fenced("Already", "Already", "Issuing"));
    let finish = Event::Finish {
        fence: fence.clone(),
        bundle_until: NOW,
    };
    assert_table(&finish, fenced("NotIssued", "NotIssued", "Vended"));
    let release = Event::Release {
        fence: fence.clone(),
        unused: false,
    };
    assert_table(&release, fenced("Requested", "Requested", "Requested"));
    let failure = FailureCode::PolicyMissing;
    let fail = Event::Fail {
        fence,
        failure,
        now: NOW,
        unused: false,
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
                now: NOW,
                budget: BUDGET,
            },
            Event::Finish {
                fence: fence.clone(),
                bundle_until: NOW,
            },
            Event::Release {
                fence: fence.clone(),
                unused: false,
            },
            Event::Fail {
                fence,
                failure: FailureCode::Denied,
                now: NOW,
                unused: false,
            },
        ] {
            assert_table(&event, ["LeaseLost"; 12]);
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
            "Vended",
            "NotIssued",
            "NotIssued",
            "NotIssued",
        ],
    );
    let event = Event::Confirm {
        request: request(9).id,
        now: NOW,
    };
    let mut row = ["OtherRequest"; 12];
    (row[0], row[1]) = ("Disabled", "NothingAsked");
    assert_table(&event, row);
}

#[test]
fn every_write_raises_the_revision_and_only_a_claim_the_epoch() {
    for (name, state) in states() {
        let before = record(state);
        for event in [
            apply_for(KeySource::Service, Reprovision::Redeliver),
            claim_of(ours(), 1),
            Event::Finish {
                fence: lease(7, 1, 0).fence(),
                bundle_until: NOW,
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
            budget: BUDGET,
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
    let asked = apply_for(KeySource::Service, Reprovision::Redeliver);
    let after = next(
        &record(failed(FailureCode::PolicyMissing, committed.clone())),
        &asked,
    )
    .unwrap();
    assert_eq!(after.state.issued(), committed.as_ref());
}

#[test]
fn a_replacement_is_a_new_generation_beside_the_old_certificate() {
    let confirmed = record(vended(CONFIRMED));
    let key = another_key();
    let event = apply_for(key.clone(), Reprovision::Replace);
    let after = next(&confirmed, &event).unwrap();
    assert_eq!(after.generation, Generation(2));
    assert_eq!(after.state.issued(), None, "it needs one of its own");
    let old = &after.superseded[0];
    assert_eq!((&old.issued, old.generation), (&issued("a"), Generation(1)));
    assert_eq!(
        old.ending,
        Ending::Grace {
            until: UnixMillis(61_000)
        }
    );
    // The same again is the same request; a third key has to wait for the grace.
    let again = in_generation(2, apply_for(key, Reprovision::Replace));
    assert_eq!(next(&after, &again), Err(Refusal::Already));
    let late = apply_for(another_key(), Reprovision::Replace);
    assert_eq!(
        next(&after, &late),
        Err(Refusal::StaleGeneration),
        "judged by a row that has moved on"
    );
    let mut served = after;
    served.state = vended(CONFIRMED);
    let third = in_generation(2, apply_for(another_key(), Reprovision::Replace));
    let until = UnixMillis(61_000);
    assert_eq!(
        next(&served, &third),
        Err(Refusal::ReplacementPending { until })
    );
}

#[test]
fn the_devices_own_policy_counts_before_the_stacks() {
    let mut confirmed = record(vended(CONFIRMED));
    confirmed.reprovision = Some(Reprovision::Never);
    let event = apply_for(another_key(), Reprovision::Replace);
    assert_eq!(next(&confirmed, &event), Err(Refusal::Confirmed));
}

#[test]
fn a_spent_budget_fails_visibly_until_the_next_day() {
    let mut row = record(requested(None));
    for _ in 0..BUDGET {
        let mut claim = claim_of(ours(), 1);
        if let Event::Claim { lease, .. } = &mut claim {
            lease.epoch = row.epoch.next();
        }
        row = next(&row, &claim).unwrap();
        let fence = lease(row.epoch.0, 2, 0).fence();
        let release = Event::Release {
            fence,
            unused: false,
        };
        row = next(&row, &release).unwrap();
    }
    let mut claim = claim_of(ours(), 1);
    if let Event::Claim { lease, .. } = &mut claim {
        lease.epoch = row.epoch.next();
    }
    let spent = next(&row, &claim).unwrap();
    let tomorrow = UnixMillis(24 * 60 * 60 * 1000);
    let State::Failed {
        failure, retry_at, ..
    } = spent.state
    else {
        panic!("{:?}", spent.state)
    };
    assert_eq!(failure, FailureCode::BudgetSpent);
    assert_eq!(retry_at, Some(tomorrow));
    let too_soon = Err(Refusal::TooSoon { until: tomorrow });
    assert_eq!(next(&spent, &claim), too_soon);
    let asked = apply_for(KeySource::Service, Reprovision::Redeliver);
    assert_eq!(next(&spent, &asked), too_soon);
}

#[test]
fn a_claim_that_never_tried_a_create_costs_nothing() {
    let claimed = next(&record(requested(None)), &claim_of(ours(), 1)).unwrap();
    assert_eq!(claimed.creates.count, 1);
    for (unused, count) in [(true, 0), (false, 1)] {
        let fence = lease(8, 2, 0).fence();
        let after = next(&claimed, &Event::Release { fence, unused }).unwrap();
        assert_eq!(after.creates.count, count);
    }
}

#[test]
fn the_janitors_events_in_every_state() {
    let not_due = |place: usize, answer: &'static str| {
        let mut row = ["NotDue"; 12];
        row[place] = answer;
        row
    };
    let mut expire = not_due(6, "Vended");
    expire[8] = "Already";
    assert_table(&Event::Expire { now: NOW }, expire);
    for (event, after) in [
        (Event::Resend { now: NOW }, ["Requested", "Issuing"]),
        (Event::Abandon { now: NOW }, ["Failed", "Failed"]),
    ] {
        let mut row = not_due(2, after[0]);
        (row[3], row[4], row[5]) = (HELD, after[1], HELD);
        assert_table(&event, row);
    }
    for event in [
        Event::Deactivate {
            certificate: issued("a").certificate_id,
            now: NOW,
        },
        Event::Forget {
            certificate: issued("a").certificate_id,
        },
    ] {
        assert_table(&event, ["Already"; 12]);
    }
}

#[test]
fn only_a_device_without_a_certificate_is_just_barred() {
    let mut disable = ["Disabled"; 12];
    disable[0] = "Already";
    for committed in [5, 6, 7, 8, 11] {
        disable[committed] = "HasCertificate";
    }
    assert_table(&Event::Disable, disable);
    let mut enable = ["Already"; 12];
    enable[0] = "Registered";
    assert_table(&Event::Enable, enable);
}

#[test]
fn a_dead_letter_that_was_sent_again_in_every_state() {
    let replay = |request: Request, generation| Event::Replay {
        request,
        generation: Generation(generation),
        now: NOW,
    };
    assert_table(
        &replay(ours(), 1),
        [
            "Disabled",
            "Requested",
            "Requested",
            "Issuing",
            "Issuing",
            "Issuing",
            "Already",
            "Already",
            "Already",
            "Requested",
            FOR_GOOD,
            "Requested",
        ],
    );
    assert_table(&replay(ours(), 0), ["StaleGeneration"; 12]);
    let foreign = Request::new(
        &record(State::Disabled).serial,
        Generation(1),
        another_key(),
    );
    let mut others = ["OtherRequest"; 12];
    (others[0], others[1]) = ("Disabled", "Requested");
    assert_table(&replay(foreign, 1), others);
    let committed = record(failed(FailureCode::PolicyMissing, Some(issued("a"))));
    let after = next(&committed, &replay(ours(), 1)).unwrap();
    assert_eq!(after.state.issued(), Some(&issued("a")), "it is resumed");
    assert_eq!(after.requested_at, Some(NOW), "the janitor watches over it");
}

#[test]
fn a_dead_letter_that_was_thrown_away_changes_nothing_but_the_revision() {
    for (name, state) in states() {
        let before = record(state);
        let mut after = next(&before, &Event::Discard).unwrap();
        assert_eq!(after.revision, before.revision + 1, "{name}");
        after.revision = before.revision;
        assert_eq!(after, before, "{name}");
    }
}

#[test]
fn the_operators_events_in_every_state() {
    let mut reset = ["Registered"; 12];
    reset[1] = "Already";
    assert_table(&Event::Reset, reset);
    let mut revoke = ["Disabled"; 12];
    revoke[0] = "Already";
    assert_table(&REVOKE, revoke);
    for (name, state) in states() {
        let before = record(state);
        for event in [Event::Reset, REVOKE] {
            let Ok(after) = next(&before, &event) else {
                continue;
            };
            assert_eq!(after.generation, Generation(2), "{name}");
            let olds: Vec<&Issued> = after.superseded.iter().map(|old| &old.issued).collect();
            let expected: Vec<&Issued> = before.state.issued().into_iter().collect();
            assert_eq!(olds, expected, "{name}: nothing is forgotten");
            assert!(
                after
                    .superseded
                    .iter()
                    .all(|old| old.ending == Ending::AtOnce)
            );
        }
    }
}

#[test]
fn what_is_revoked_may_be_kept_until_the_device_is_enabled() {
    let keep = |disuse| Event::Revoke { keep: Some(disuse) };
    let kept = |disuse, settled| Ending::Kept { disuse, settled };
    let revoked = next(&record(vended(CONFIRMED)), &keep(Disuse::Inactive)).unwrap();
    assert_eq!(revoked.state, State::Disabled);
    assert_eq!(revoked.superseded[0].ending, kept(Disuse::Inactive, false));
    assert_eq!(
        next(&revoked, &keep(Disuse::Inactive)),
        Err(Refusal::Already)
    );
    assert_eq!(next(&revoked, &Event::Disable), Err(Refusal::Already));

    let certificate = issued("a").certificate_id;
    let settle = Event::Settle {
        certificate: certificate.clone(),
    };
    assert_eq!(
        next(&revoked, &settle),
        Err(Refusal::Already),
        "not INACTIVE yet"
    );
    let deactivate = Event::Deactivate {
        certificate,
        now: NOW,
    };
    let inactive = next(&revoked, &deactivate).unwrap();
    assert_eq!(crate::care::waiting(&inactive).unwrap().since, NOW);
    let settled = next(&inactive, &settle).unwrap();
    assert_eq!(settled.superseded[0].ending, kept(Disuse::Inactive, true));
    assert_eq!(
        crate::care::waiting(&settled),
        None,
        "nobody looks after it"
    );
    assert_eq!(next(&settled, &settle), Err(Refusal::Already));

    let otherwise = next(&settled, &keep(Disuse::Revoked)).unwrap();
    assert_eq!(otherwise.superseded[0].ending, kept(Disuse::Revoked, false));
    assert_eq!(otherwise.superseded[0].inactive_at, None, "it is set anew");
    let deleted = next(&settled, &REVOKE).unwrap();
    assert_eq!(deleted.superseded[0].ending, Ending::AtOnce);
    let enabled = next(&settled, &Event::Enable).unwrap();
    assert_eq!(enabled.superseded[0].ending, Ending::AtOnce);
    assert_eq!(crate::care::waiting(&enabled).unwrap().since, UnixMillis(0));
}

#[test]
fn a_certificate_that_is_not_kept_is_never_settled() {
    let replaced = next(
        &record(vended(CONFIRMED)),
        &apply_for(another_key(), Reprovision::Replace),
    );
    let revoked = next(&record(vended(CONFIRMED)), &REVOKE);
    for before in [replaced.unwrap(), revoked.unwrap()] {
        let certificate = issued("a").certificate_id;
        let settle = Event::Settle { certificate };
        assert_eq!(next(&before, &settle), Err(Refusal::Already));
    }
}

#[test]
fn a_retired_certificate_is_named_until_it_is_gone() {
    let committed = record(issuing(2_000, Some(issued("a"))));
    let retire = Event::Retire {
        fence: lease(7, 1, 0).fence(),
        now: NOW,
        budget: BUDGET,
    };
    let after = next(&committed, &retire).unwrap();
    assert_eq!(after.state.issued(), None);
    assert_eq!(after.superseded[0].issued, issued("a"));
    assert_eq!(after.superseded[0].ending, Ending::AtOnce);
    assert_eq!(after.creates.count, 1, "another create will follow");
}

#[test]
fn a_superseded_certificate_is_deactivated_then_forgotten() {
    let replaced = next(
        &record(vended(CONFIRMED)),
        &apply_for(another_key(), Reprovision::Replace),
    )
    .unwrap();
    let certificate = issued("a").certificate_id;
    let deactivate = Event::Deactivate {
        certificate: certificate.clone(),
        now: NOW,
    };
    let inactive = next(&replaced, &deactivate).unwrap();
    assert_eq!(inactive.superseded[0].inactive_at, Some(NOW));
    assert_eq!(next(&inactive, &deactivate), Err(Refusal::Already));
    let forgotten = next(&inactive, &Event::Forget { certificate }).unwrap();
    assert_eq!(forgotten.superseded, []);
}
