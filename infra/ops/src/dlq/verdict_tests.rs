//! The judgement of letters, for every state of a row and every order.

use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::Owner;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Lease;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::request::Generation;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;

use super::*;
use crate::dlq::sample;

const NOW: UnixMillis = UnixMillis(1_000_000);
const LATER: UnixMillis = UnixMillis(1_000_001);

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

fn lease(until: UnixMillis) -> Lease {
    Lease {
        epoch: Epoch(1),
        owner: Owner::from_random([9; 16]),
        until,
    }
}

fn failed(failure: FailureCode, retry_at: Option<UnixMillis>) -> State {
    State::Failed {
        request: sample::order("SN-1").request.id,
        issued: None,
        failure,
        failed_at: UnixMillis(0),
        retry_at,
    }
}

fn vended(delivery: Delivery) -> State {
    State::Vended {
        request: sample::order("SN-1").request.id,
        issued: issued(),
        delivery,
    }
}

/// Each state with what is to be done with a letter of the same request.
fn states() -> Vec<(State, Verdict)> {
    let request = sample::order("SN-1").request;
    let issuing = |until| State::Issuing {
        request: request.clone(),
        lease: lease(until),
        issued: None,
    };
    let requested = State::Requested {
        request: request.clone(),
        issued: None,
    };
    let (mended, never) = (FailureCode::PolicyMissing, FailureCode::CsrRefused);
    let has_it = Verdict::Drop(Moot::AlreadyVended);
    let leave = Verdict::Leave;
    vec![
        (State::Disabled, leave(Obstacle::DeviceDisabled)),
        (State::Registered, Verdict::Send),
        (requested, Verdict::Send),
        (issuing(NOW), Verdict::Send),
        (issuing(LATER), Verdict::Send),
        (vended(Delivery::Waiting { until: LATER }), has_it),
        (vended(Delivery::Confirmed { at: NOW }), has_it),
        (vended(Delivery::Expired { at: NOW }), has_it),
        (failed(mended, None), Verdict::Send),
        (failed(FailureCode::BudgetSpent, Some(NOW)), Verdict::Send),
        (
            failed(FailureCode::BudgetSpent, Some(LATER)),
            leave(Obstacle::TooSoon(LATER)),
        ),
        (failed(never, None), leave(Obstacle::FailedForGood(never))),
    ]
}

#[test]
fn every_state_has_its_verdict() {
    let order = sample::order("SN-1");
    for (state, verdict) in states() {
        let row = sample::row("SN-1", state);
        assert_eq!(judge(Some(&row), &order, NOW), verdict, "{:?}", row.state);
    }
    let unknown = Verdict::Leave(Obstacle::UnknownDevice);
    assert_eq!(judge(None, &order, NOW), unknown);
}

#[test]
fn an_order_of_another_generation_is_moot_or_was_never_accepted() {
    let order = sample::order("SN-1");
    for (state, _) in states() {
        let mut row = sample::row("SN-1", state);
        row.generation = Generation(2);
        let moot = Verdict::Drop(Moot::Superseded);
        assert_eq!(judge(Some(&row), &order, NOW), moot);
        row.generation = Generation(0);
        let ahead = Verdict::Leave(Obstacle::NeverAccepted);
        assert_eq!(judge(Some(&row), &order, NOW), ahead);
    }
}

#[test]
fn an_order_beside_another_request_is_moot() {
    let mut order = sample::order("SN-1");
    order.request = sample::order("SN-2").request;
    for (state, _) in states() {
        let row = sample::row("SN-1", state);
        let moot = row.state.request_id().is_some();
        let verdict = judge(Some(&row), &order, NOW);
        assert_eq!(verdict == Verdict::Drop(Moot::Superseded), moot);
    }
}

/// What the list says is what the write does: the row takes the event exactly where the letter is to be sent.
#[test]
fn the_verdict_never_disagrees_with_the_write() {
    let order = sample::order("SN-1");
    for (state, _) in states() {
        let row = sample::row("SN-1", state);
        let verdict = judge(Some(&row), &order, NOW);
        match next(&row, &replay(&order, NOW)) {
            Ok(_) => assert_eq!(verdict, Verdict::Send),
            Err(refusal) => assert_eq!(verdict, Verdict::of(&refusal)),
        }
    }
}

#[test]
fn verdicts_read_as_advice() {
    for (verdict, text) in [
        (Verdict::Send, "send"),
        (Verdict::Drop(Moot::AlreadyVended), "drop: already vended"),
        (Verdict::Drop(Moot::Superseded), "drop: superseded"),
        (
            Verdict::Leave(Obstacle::TooSoon(UnixMillis(0))),
            "leave: too soon until 1970-01-01T00:00:00.000Z",
        ),
        (
            Verdict::Leave(Obstacle::FailedForGood(FailureCode::KeyMismatch)),
            "leave: failed for good: key_mismatch",
        ),
        (
            Verdict::Leave(Obstacle::UnknownDevice),
            "leave: unknown device",
        ),
    ] {
        assert_eq!(verdict.to_string(), text);
    }
}
