//! Proven requests at the door: what is accepted, what is refused and how, and what either leaves.

use std::time::Duration;

use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_shared::api::NonceView;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Clock as _;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::proofs::confirmed;
use cvm_testkit::proofs::proven;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use futures_util::future::join_all;
use http::HeaderValue;
use http::Method;
use http::StatusCode;

use crate::ask;
use crate::code;
use crate::quiet;
use crate::told;

pub(crate) const PATH: &str = "/v1/certificates";

pub(crate) fn now(site: &Site) -> u64 {
    site.world.clock.now().seconds()
}

pub(crate) fn nonce(number: u8) -> RequestNonce {
    RequestNonce::from_random([number; 16])
}

fn body(csr: Option<&str>) -> Vec<u8> {
    let body = csr.map_or_else(
        || serde_json::json!({}),
        |csr| serde_json::json!({ "csr": csr }),
    );
    serde_json::to_vec(&body).unwrap()
}

/// A proven submission of this device at this moment.
pub(crate) fn submit(serial: &str, stamp: Stamp, nonce: &RequestNonce, csr: Option<&str>) -> Asked {
    let csr = body(csr);
    proven(&prover(serial), Method::POST, PATH, (stamp, nonce), &csr)
}

pub(crate) fn on_time(site: &Site, number: u8) -> Asked {
    submit("SN-1", Stamp::At(now(site)), &nonce(number), None)
}

#[tokio::test]
async fn a_proof_is_accepted_and_so_is_the_answer() {
    let site = quiet();
    let moment = (Stamp::At(now(&site)), &nonce(1));
    let csr = sample::csr_pem();
    let asked = || submit("SN-1", moment.0, moment.1, Some(&csr));
    let answer = ask(&site, asked()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(confirmed(&prover("SN-1"), &asked(), moment, &answer));
    let mut changed = answer.clone();
    changed.body.push(' ');
    assert!(!confirmed(&prover("SN-1"), &asked(), moment, &changed));
    changed = answer.clone();
    changed.status = StatusCode::OK;
    assert!(!confirmed(&prover("SN-1"), &asked(), moment, &changed));
    let other = (Stamp::At(now(&site)), &nonce(2));
    assert!(!confirmed(&prover("SN-1"), &asked(), other, &answer));
}

/// Refusals after the login are proven, too: a device must be able to believe them.
#[tokio::test]
async fn a_refusal_after_the_login_is_proven() {
    let site = quiet();
    let moment = (Stamp::At(now(&site)), &nonce(1));
    for (method, path, body, expected) in [
        (
            Method::GET,
            "/v1/certificates/none",
            "",
            told(404, "not_found"),
        ),
        (Method::POST, PATH, r#"{"csr":"x"}"#, told(422, "bad_csr")),
        (Method::POST, PATH, r#"{"x":1}"#, told(400, "bad_request")),
    ] {
        let site = quiet();
        let asked = || {
            proven(
                &prover("SN-1"),
                method.clone(),
                path,
                moment,
                body.as_bytes(),
            )
        };
        let answer = ask(&site, asked()).await;
        assert_eq!(code(&answer), expected);
        assert!(confirmed(&prover("SN-1"), &asked(), moment, &answer));
    }
}

/// B52 and B53: the same bytes again, one after another and at once.
#[tokio::test]
async fn a_replay_is_refused_and_leaves_nothing() {
    let site = quiet();
    assert_eq!(
        ask(&site, on_time(&site, 1)).await.status,
        StatusCode::ACCEPTED
    );
    let again = ask(&site, on_time(&site, 1)).await;
    assert_eq!(code(&again), told(400, "bad_nonce"));
    assert!(again.headers.contains_key("replay-nonce"));
    assert!(!again.headers.contains_key("cvm1-proof"));
    assert_eq!(
        ask(&site, on_time(&site, 2)).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!((site.world.queue.len(), site.world.guard.used()), (1, 2));

    let site = quiet();
    let answers = join_all((0..50).map(|_| ask(&site, on_time(&site, 1)))).await;
    let accepted = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::ACCEPTED);
    assert_eq!(accepted.count(), 1);
    let refused = answers
        .iter()
        .filter(|answer| answer.status != StatusCode::ACCEPTED);
    for answer in refused {
        assert_eq!(code(answer), told(400, "bad_nonce"));
    }
    assert_eq!((site.world.queue.len(), site.world.guard.used()), (1, 1));
}

/// B50 and B51. Whether the device is known makes no difference.
#[tokio::test]
async fn a_clock_may_be_five_minutes_off() {
    let site = quiet();
    for (number, (off, good)) in
        (0u8..).zip([(-300, true), (300, true), (-301, false), (301, false)])
    {
        for serial in ["SN-1", "SN-unknown"] {
            let stamp = Stamp::At(now(&site).checked_add_signed(off).unwrap());
            let asked = submit(serial, stamp, &nonce(number), None);
            let before = site.faults.calls().len();
            let answer = ask(&site, asked).await;
            let expected = match (good, serial) {
                (false, _) => told(400, "bad_nonce"),
                (true, "SN-1") => continue,
                (true, _) => told(401, "unauthorized"),
            };
            assert_eq!(code(&answer), expected, "{serial} {off}");
            assert!(answer.headers.contains_key("replay-nonce"));
            if !good {
                assert_eq!(
                    site.faults.calls()[before..],
                    ["guard.nonce_key"],
                    "no row was read"
                );
            }
        }
    }
}

async fn server_nonce(site: &Site) -> RequestNonce {
    let asked = cvm_testkit::site::asked(Method::GET, "/v1/nonce", None, b"");
    let answer = ask(site, asked).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let view: NonceView = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.headers["replay-nonce"], view.nonce.as_str());
    assert_eq!(view.expires_at, now(site) + 300);
    RequestNonce::parse(&view.nonce).unwrap()
}

#[tokio::test]
async fn a_device_without_a_clock_uses_the_servers_nonce_once() {
    let site = quiet();
    let given = server_nonce(&site).await;
    assert_ne!(given, server_nonce(&site).await);
    let asked = || submit("SN-1", Stamp::NoClock, &given, None);
    assert_eq!(ask(&site, asked()).await.status, StatusCode::ACCEPTED);
    assert_eq!(code(&ask(&site, asked()).await), told(400, "bad_nonce"));
    // Every refusal that a nonce helps against brings one.
    let refused = ask(&site, asked()).await;
    let brought = refused.headers["replay-nonce"].to_str().unwrap();
    let brought = RequestNonce::parse(brought).unwrap();
    let answer = ask(&site, submit("SN-1", Stamp::NoClock, &brought, None)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

/// B55: expired, cut, changed, of another key, of the device's own making.
#[tokio::test]
async fn only_the_servers_own_fresh_nonces_stand_in_for_a_clock() {
    let site = quiet();
    let given = server_nonce(&site).await;
    let text = given.as_str();
    let foreign = NonceKey::new([1; 32]).issue(site.world.clock.now(), [0; 16]);
    for bad in [
        &text[..54],
        &text.replace(&text[30..31], "_"),
        &foreign,
        nonce(1).as_str(),
    ] {
        let bad = RequestNonce::parse(bad).unwrap();
        let answer = ask(&site, submit("SN-1", Stamp::NoClock, &bad, None)).await;
        assert_eq!(code(&answer), told(400, "bad_nonce"), "{bad:?}");
    }
    site.world.clock.advance(Duration::from_mins(5));
    let answer = ask(&site, submit("SN-1", Stamp::NoClock, &given, None)).await;
    assert_eq!(code(&answer), told(400, "bad_nonce"));
    assert_eq!(site.world.guard.used(), 0);
}

/// B54 and B58: what is covered cannot be exchanged.
#[tokio::test]
async fn a_proof_is_good_for_its_own_request_only() {
    let site = quiet();
    let changes: [fn(&mut Asked); 5] = [
        |asked| asked.body.push(b' '),
        |asked| asked.audience = "api.example.org".to_owned(),
        |asked| asked.audience.clear(),
        |asked| {
            let text = asked.headers["authorization"].to_str().unwrap();
            let other = text.replace("SN-1", "SN-2");
            asked
                .headers
                .insert("authorization", HeaderValue::from_str(&other).unwrap());
        },
        |asked| {
            asked.method = Method::GET;
            asked.path = format!("{PATH}/x");
        },
    ];
    site.world.registry.put(sample::device("SN-2"));
    for change in changes {
        let mut asked = on_time(&site, 1);
        change(&mut asked);
        assert_eq!(code(&ask(&site, asked).await), told(401, "unauthorized"));
    }
    assert_eq!((site.world.queue.len(), site.world.guard.used()), (0, 0));
}

/// B60 and B64: all of them one answer, after the same calls.
#[tokio::test]
async fn every_refused_proof_is_the_same() {
    let site = quiet();
    let mut disabled = sample::device("SN-disabled");
    disabled.state = State::Disabled;
    site.world.registry.put(disabled);
    let stranger = Prover::new(
        sample::serial("SN-1"),
        &DeviceToken::parse("another-secret-entirely").unwrap(),
    );
    let moment = (Stamp::At(now(&site)), &nonce(1));
    let by = |prover: &Prover| proven(prover, Method::POST, PATH, moment, b"{}");
    let mut bad = vec![
        by(&stranger),
        by(&prover("SN-unknown")),
        by(&prover("SN-disabled")),
    ];
    for proof in [
        "",
        "AAAA",
        &"A".repeat(42),
        &"A".repeat(44),
        "A====",
        &"+".repeat(43),
    ] {
        let mut asked = by(&prover("SN-1"));
        let header = asked.headers["authorization"].to_str().unwrap();
        let cut = header.split("proof=").next().unwrap();
        let header = format!("{cut}proof=\"{proof}\"");
        asked
            .headers
            .insert("authorization", HeaderValue::from_str(&header).unwrap());
        bad.push(asked);
    }
    let mut answers = Vec::new();
    for asked in bad {
        let before = site.faults.calls().len();
        answers.push(without_nonce(ask(&site, asked).await));
        assert_eq!(
            site.faults.calls()[before..],
            ["registry.load", "guard.nonce_key"]
        );
    }
    let token = ask(&site, submission("SN-1", "wrong", None)).await;
    answers.push(without_nonce(token));
    assert_eq!(code(&answers[0]), told(401, "unauthorized"));
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(site.world.guard.used(), 0, "a bad proof uses nothing up");
}

/// The answer without the one thing in it that is never the same.
pub(crate) fn without_nonce(mut answer: Answer) -> Answer {
    let nonce = answer.headers.remove("replay-nonce").unwrap();
    assert_eq!(nonce.len(), 55);
    answer
}

/// B57: a device that can prove its secret must not be made to send it.
#[tokio::test]
async fn a_device_that_must_prove_is_not_let_in_by_its_token() {
    let site = quiet();
    let mut device = sample::device("SN-1");
    device.proof_only = true;
    site.world.registry.put(device);
    let plain = ask(&site, submission("SN-1", sample::TOKEN, None)).await;
    let wrong = ask(&site, submission("SN-1", "wrong", None)).await;
    assert_eq!(without_nonce(plain), without_nonce(wrong));
    assert!(site.world.queue.is_empty());
    assert_eq!(
        ask(&site, on_time(&site, 1)).await.status,
        StatusCode::ACCEPTED
    );
}

#[tokio::test]
async fn a_proven_poll_uses_no_nonce_up_and_a_confirmation_does() {
    let site = quiet();
    let id = view(&ask(&site, on_time(&site, 1)).await).request_id;
    site.settle(5).await;
    let moment = (Stamp::At(now(&site)), &nonce(2));
    let path = format!("{PATH}/{id}");
    let used = site.world.guard.used();
    for _ in 0..2 {
        let asked = proven(&prover("SN-1"), Method::GET, &path, moment, b"");
        assert_eq!(ask(&site, asked).await.status, StatusCode::OK);
    }
    assert_eq!(site.world.guard.used(), used);
    let path = format!("{path}/confirm");
    let confirm = || proven(&prover("SN-1"), Method::POST, &path, moment, b"");
    let answer = ask(&site, confirm()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(confirmed(&prover("SN-1"), &confirm(), moment, &answer));
    assert_eq!(code(&ask(&site, confirm()).await), told(400, "bad_nonce"));
}

#[tokio::test]
async fn a_header_and_a_body_that_disagree_are_told() {
    let site = quiet();
    for (number, body, field) in [
        (1, r#"{"serialNumber":"SN-2"}"#, "serialNumber"),
        (
            2,
            r#"{"deviceToken":"correct-horse-battery"}"#,
            "deviceToken",
        ),
    ] {
        let moment = (Stamp::At(now(&site)), &nonce(number));
        let asked = proven(&prover("SN-1"), Method::POST, PATH, moment, body.as_bytes());
        let answer = ask(&site, asked).await;
        assert_eq!(code(&answer), told(400, "bad_request"));
        assert!(answer.body.contains(field) && !answer.body.contains("horse"));
    }
    let agreeing = br#"{"serialNumber":"SN-1"}"#;
    let moment = (Stamp::At(now(&site)), &nonce(3));
    let asked = proven(&prover("SN-1"), Method::POST, PATH, moment, agreeing);
    assert_eq!(ask(&site, asked).await.status, StatusCode::ACCEPTED);
}

/// One key, one device (B40, B44), and a name that is the device's own (B38).
#[tokio::test]
async fn a_key_of_another_device_and_a_foreign_name_are_refused() {
    let site = quiet();
    let csr = sample::csr_pem();
    let first = ask(&site, submission("SN-1", sample::TOKEN, Some(&csr))).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    site.world.registry.put(sample::device("SN-2"));
    // Signed by the same key under the other name, as a clone of the device would.
    let key = rcgen::KeyPair::generate().unwrap();
    for (serial, expected) in [
        ("SN-2", StatusCode::ACCEPTED),
        ("SN-3", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        site.world.registry.put(sample::device(serial));
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, serial);
        let csr = params.serialize_request(&key).unwrap().pem().unwrap();
        let answer = ask(&site, submission(serial, sample::TOKEN, Some(&csr))).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
    let foreign = ask(&site, submission("SN-3", sample::TOKEN, Some(&csr))).await;
    assert_eq!(code(&foreign), told(422, "bad_csr"));
    assert_eq!(site.world.queue.len(), 2);
}

/// F8: the guard's table is down.
#[tokio::test]
async fn a_guard_that_is_down_is_503_and_no_half_state() {
    for call in ["guard.consume", "guard.bind_key"] {
        for fault in [Fault::Before, Fault::After, Fault::Throttle] {
            let site = Site::new(Faults::first(call, 1, fault));
            let csr = sample::csr_pem();
            let asked = |number| submit("SN-1", Stamp::At(now(&site)), &nonce(number), Some(&csr));
            let answer = ask(&site, asked(1)).await;
            assert_eq!(code(&answer), told(503, "unavailable"), "{call} {fault:?}");
            assert!(site.world.queue.is_empty());
            assert_eq!(ask(&site, asked(2)).await.status, StatusCode::ACCEPTED);
        }
    }
}
