//! The door's answers: what each call says in each state, and that refusals tell nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod delivery;
mod legacy;
mod pace;
mod proofs;

use std::time::Duration;

use cvm_ingest::http::Answer;
use cvm_shared::api::BundleView;
use cvm_shared::api::Problem;
use cvm_shared::api::Status;
use cvm_shared::failure::FailureCode;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::asked;
use cvm_testkit::site::confirmation;
use cvm_testkit::site::poll;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use http::Method;
use http::StatusCode;

use crate::proofs::without_nonce;

fn quiet() -> Site {
    Site::new(Faults::default())
}

async fn ask(site: &Site, asked: cvm_ingest::http::Asked) -> Answer {
    site.ask(asked).await.unwrap()
}

fn code(answer: &Answer) -> (u16, String) {
    let problem: Problem = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem.status, answer.status.as_u16());
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    (problem.status, problem.code)
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_submission_is_accepted_and_says_where_and_when_to_look() {
    let site = quiet();
    let answer = ask(
        &site,
        submission("SN-1", sample::TOKEN, Some(&sample::csr_pem())),
    )
    .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id = view(&answer).request_id;
    assert_eq!(
        answer.headers["location"],
        format!("/v1/certificates/{id}").as_str()
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((2..=3).contains(&seconds));
    assert_eq!(
        view(&answer).status,
        Status::Pending {
            poll_after_seconds: seconds
        }
    );
    let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    assert!(matches!(row.state, State::Requested { .. }));
    assert_eq!(site.world.queue.len(), 1);
}

#[tokio::test]
async fn the_life_of_a_request_as_its_device_sees_it() {
    let site = quiet();
    let csr = sample::csr_pem();
    let submit = || submission("SN-1", sample::TOKEN, Some(&csr));
    let id = view(&ask(&site, submit()).await).request_id.to_string();
    assert_eq!(
        code(&ask(&site, confirmation(&id)).await),
        told(409, "not_issued")
    );
    assert_eq!(ask(&site, poll(&id)).await.status, StatusCode::ACCEPTED);
    site.settle(5).await;
    for answer in [ask(&site, poll(&id)).await, ask(&site, submit()).await] {
        assert_eq!(answer.status, StatusCode::OK);
        let Status::Vended {
            bundle: BundleView::Link(bundle),
            endpoint,
            ..
        } = view(&answer).status
        else {
            panic!()
        };
        assert!(bundle.url.ends_with("?expires=120"), "{}", bundle.url);
        assert_eq!(endpoint, "x-ats.iot.eu-west-1.test");
    }
    for _ in 0..2 {
        let answer = ask(&site, confirmation(&id)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NO_CONTENT, "")
        );
        assert!(site.world.vault.is_empty());
    }
    assert_eq!(
        code(&ask(&site, poll(&id)).await),
        told(410, "bundle_shredded")
    );
    assert_eq!(
        code(&ask(&site, submit()).await),
        told(409, "already_confirmed")
    );
}

/// Unknown, wrong, disabled, unreadable: the same bytes, the same calls behind the door.
#[tokio::test]
async fn every_refused_login_is_the_same() {
    let site = quiet();
    let mut disabled = sample::device("SN-disabled");
    disabled.state = State::Disabled;
    site.world.registry.put(disabled);
    let csr = sample::csr_pem();
    let mut answers = Vec::new();
    for (serial, token) in [
        ("SN-unknown", sample::TOKEN),
        ("SN-1", "wrong"),
        ("SN-1", &sample::TOKEN[1..]),
        ("sn-1", sample::TOKEN),
        ("SN-disabled", sample::TOKEN),
        ("SN-disabled", "wrong"),
    ] {
        let before = site.faults.calls().len();
        let answer = ask(&site, submission(serial, token, Some(&csr))).await;
        answers.push(without_nonce(answer));
        assert_eq!(
            site.faults.calls()[before..],
            ["registry.load", "guard.nonce_key"]
        );
    }
    assert_eq!(code(&answers[0]), told(401, "unauthorized"));
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert!(site.world.queue.is_empty());
}

#[tokio::test]
async fn no_credentials_and_anothers_credentials_reach_nothing() {
    let site = quiet();
    site.world.registry.put(sample::device("SN-2"));
    let answer = ask(&site, submission("SN-2", sample::TOKEN, None)).await;
    let id = view(&answer).request_id.to_string();
    let path = format!("/v1/certificates/{id}");
    let bare = ask(&site, asked(Method::GET, &path, None, b"")).await;
    assert_eq!(code(&bare), told(401, "unauthorized"));
    let foreign = ask(&site, poll(&id)).await;
    assert_eq!(code(&foreign), told(404, "not_found"));
    assert_eq!(foreign, ask(&site, poll(&"0".repeat(32))).await);
    assert_eq!(foreign, ask(&site, poll("nonsense")).await);
    assert_eq!(
        code(&ask(&site, confirmation(&id)).await),
        told(404, "not_found")
    );
}

#[tokio::test]
async fn a_bad_csr_is_told_after_the_login_and_changes_nothing() {
    let site = quiet();
    let answer = ask(&site, submission("SN-1", sample::TOKEN, Some("rubbish"))).await;
    assert_eq!(code(&answer), told(422, "bad_csr"));
    assert!(
        answer.body.contains("csr: must be one PEM block"),
        "{}",
        answer.body
    );
    let stranger = ask(&site, submission("SN-1", "wrong", Some("rubbish"))).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert!(site.world.queue.is_empty());
}

#[tokio::test]
async fn what_is_down_behind_the_door_is_503_and_no_half_state() {
    for number in 0..4 {
        for fault in [Fault::Before, Fault::Throttle] {
            let site = Site::new(Faults::at(number, fault));
            let csr = sample::csr_pem();
            let answer = ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await;
            assert_eq!(code(&answer), told(503, "unavailable"));
            assert!(answer.headers.contains_key("retry-after"));
            let again = ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await;
            assert_eq!(again.status, StatusCode::ACCEPTED);
        }
    }
}

#[tokio::test]
async fn a_failure_for_good_is_shown_and_another_key_may_be_asked_for() {
    let site = quiet();
    let csr = sample::csr_pem();
    let id = view(&ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await).request_id;
    let mut row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    row.state = State::Failed {
        request: id.clone(),
        issued: None,
        failure: FailureCode::CsrRefused,
        failed_at: UnixMillis(5_000),
        retry_at: Some(UnixMillis(6_000)),
    };
    site.world.registry.put(row);
    let expected = Status::Failed {
        code: "csr_refused".to_owned(),
        retryable: false,
        failed_at: 5,
        retry_at: Some(6),
    };
    assert_eq!(view(&ask(&site, poll(id.as_str())).await).status, expected);
    let again = ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await;
    assert_eq!(
        (again.status, view(&again).status),
        (StatusCode::OK, expected)
    );
    let other = ask(
        &site,
        submission("SN-1", sample::TOKEN, Some(&sample::csr_pem())),
    )
    .await;
    assert_eq!(other.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_trust_bundle_needs_no_login_and_is_cached() {
    let site = quiet();
    let get = || asked(Method::GET, "/v1/trust-bundle", None, b"");
    let answer = ask(&site, get()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.matches("BEGIN CERTIFICATE").count(), 4);
    let etag = answer.headers["etag"].clone();
    let weak = format!("\"other\", W/{}", etag.to_str().unwrap());
    for known in [etag, weak.parse().unwrap()] {
        let mut again = get();
        again.headers.insert("if-none-match", known);
        let answer = ask(&site, again).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NOT_MODIFIED, "")
        );
    }
}

/// The door must not be slower for a login that succeeds late in its life: no call is repeated. What
/// is read beside the row is the queue's depth, by each process every few seconds.
#[tokio::test]
async fn a_poll_is_one_read_and_no_write() {
    let site = quiet();
    let csr = sample::csr_pem();
    let id = view(&ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await).request_id;
    site.world.clock.advance(Duration::from_secs(1));
    let before = site.faults.calls().len();
    ask(&site, poll(id.as_str())).await;
    assert_eq!(
        site.faults.calls()[before..],
        ["registry.load", "queue.depth"]
    );
    let before = site.faults.calls().len();
    ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await;
    assert_eq!(
        site.faults.calls()[before..],
        ["registry.load", "queue.depth"],
        "a duplicate writes nothing"
    );
}

/// A row in some state, and what a submission of its own request is answered.
async fn asked_again(policy: Reprovision, delivery: Delivery, csr: &str) -> Answer {
    let site = quiet();
    let own = sample::csr_pem();
    ask(&site, submission("SN-1", sample::TOKEN, Some(&own))).await;
    site.settle(5).await;
    let mut row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    row.reprovision = Some(policy);
    if let State::Vended { delivery: held, .. } = &mut row.state {
        *held = delivery;
    }
    site.world.registry.put(row);
    let csr = if csr.is_empty() { &own } else { csr };
    ask(&site, submission("SN-1", sample::TOKEN, Some(csr))).await
}

#[tokio::test]
async fn what_a_served_device_may_have_by_asking_again_says_the_policy() {
    let at = UnixMillis(1);
    let (never, redeliver, replace) = (
        Reprovision::Never,
        Reprovision::Redeliver,
        Reprovision::Replace,
    );
    let (confirmed, expired) = (Delivery::Confirmed { at }, Delivery::Expired { at });
    let other = sample::csr_pem();
    for (policy, delivery, csr, expected) in [
        (never, expired, "", told(410, "bundle_expired")),
        (never, confirmed, &other, told(409, "already_confirmed")),
        (redeliver, confirmed, "", told(409, "already_confirmed")),
        (redeliver, expired, &other, told(409, "other_request")),
        (replace, confirmed, "", told(409, "already_confirmed")),
    ] {
        let answer = asked_again(policy, delivery, csr).await;
        assert_eq!(code(&answer), expected, "{policy:?} {delivery:?}");
    }
    for (policy, delivery, csr) in [
        (redeliver, expired, ""),
        (replace, expired, &*other),
        (replace, confirmed, &other),
    ] {
        let answer = asked_again(policy, delivery, csr).await;
        assert_eq!(
            answer.status,
            StatusCode::ACCEPTED,
            "{policy:?} {delivery:?}"
        );
    }
}

#[tokio::test]
async fn a_third_certificate_has_to_wait_for_the_grace() {
    let site = quiet();
    let mut device = sample::device("SN-1");
    device.reprovision = Some(Reprovision::Replace);
    site.world.registry.put(device);
    for _ in 0..2 {
        let answer = ask(
            &site,
            submission("SN-1", sample::TOKEN, Some(&sample::csr_pem())),
        )
        .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        site.settle(5).await;
        let id = view(&answer).request_id.to_string();
        ask(&site, confirmation(&id)).await;
    }
    let third = ask(
        &site,
        submission("SN-1", sample::TOKEN, Some(&sample::csr_pem())),
    )
    .await;
    assert_eq!(code(&third), told(409, "replacement_pending"));
    assert!(third.headers.contains_key("retry-after"));
    site.sweep().await;
    site.world.clock.advance(Duration::from_hours(2));
    site.sweep().await;
    let third = ask(
        &site,
        submission("SN-1", sample::TOKEN, Some(&sample::csr_pem())),
    )
    .await;
    assert_eq!(third.status, StatusCode::ACCEPTED, "the first one is gone");
}

#[tokio::test]
async fn an_expired_bundle_is_told_on_the_poll() {
    let site = quiet();
    let answer = ask(
        &site,
        submission("SN-1", sample::TOKEN, Some(&sample::csr_pem())),
    )
    .await;
    let id = view(&answer).request_id.to_string();
    site.settle(5).await;
    site.world.clock.advance(Duration::from_hours(8 * 24));
    assert_eq!(site.sweep().await.unwrap().expired, 1);
    assert_eq!(
        code(&ask(&site, poll(&id)).await),
        told(410, "bundle_expired")
    );
    // The device had fetched it just before: its certificate is in use.
    assert_eq!(
        ask(&site, confirmation(&id)).await.status,
        StatusCode::NO_CONTENT
    );
}
