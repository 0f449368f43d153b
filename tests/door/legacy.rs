//! The calls of the published machines: what they answer, how long they wait, and what they leave alone.

mod waits;

use std::time::Duration;

use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_ingest::http::Query;
use cvm_shared::bundle::Bundle;
use cvm_shared::seal::is_sealed;
use cvm_shared::state::State;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::asked;
use cvm_testkit::site::submission;
use futures_util::future::join;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use serde_json::Value;

use crate::code;
use crate::proofs::without_nonce;
use crate::quiet;
use crate::told;

const WAIT: Duration = Duration::from_secs(20);
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A call without a body.
fn get(query: &str) -> Asked {
    let mut asked = asked(Method::GET, "/getcert", None, b"");
    asked.query = Query::new(query.to_owned());
    asked
}

fn post(path: &str, media_type: &'static str, body: &str) -> Asked {
    let mut asked = asked(Method::POST, path, None, body.as_bytes());
    let media_type = HeaderValue::from_static(media_type);
    asked.headers.insert("content-type", media_type);
    asked
}

fn getcert(token: &str) -> Asked {
    get(&format!("serialNumber=SN-1&deviceToken={token}"))
}

fn con_check(token: &str) -> Asked {
    post("/", FORM, &format!("seriaNum=SN-1&accessToken={token}"))
}

/// Every call in every encoding that the machines took.
fn every_call() -> Vec<Asked> {
    let (serial, token) = ("SN-1", sample::TOKEN);
    let form = format!("serialNumber={serial}&deviceToken={token}");
    let json = format!(r#"{{"serialNumber":"{serial}","deviceToken":"{token}"}}"#);
    let con_check_json = format!(r#"{{"seriaNum":"{serial}","accessToken":"{token}"}}"#);
    let mut queried = get(&form);
    queried.method = Method::POST;
    vec![
        get(&form),
        queried,
        post("/getcert", JSON, &json),
        post("/getcert", FORM, &json),
        post("/getcert", FORM, &form),
        post("/", JSON, &con_check_json),
        con_check(token),
    ]
}

/// A request to a door that answers the calls; `None` if the answer was lost.
async fn ask(site: &Site, asked: Asked) -> Option<Answer> {
    let mut door = site.door();
    door.terms.legacy = Some(WAIT);
    site.until_killed(door.answer(Ok(asked))).await
}

/// Works as soon as there is something to do.
async fn work(site: &Site) {
    while site.world.queue.is_empty() {
        tokio::task::yield_now().await;
    }
    site.work().await;
}

/// Asks while a worker works, for the answer that comes of both.
async fn served(site: &Site, asked: Asked) -> Answer {
    let (answer, ()) = join(ask(site, asked), work(site)).await;
    answer.unwrap()
}

/// Asks a site whose row is as it is.
async fn told_now(site: &Site, asked: Asked) -> Answer {
    ask(site, asked).await.unwrap()
}

/// The certificate in an answer of either machine.
fn certificate(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    match told.get("certdata") {
        Some(certdata) => certdata.clone(),
        None => told,
    }
}

fn con_check_of(answer: &Answer) -> (u16, String) {
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["conCheck", "rootCA"]);
    let code = told["conCheck"].as_str().unwrap();
    (answer.status.as_u16(), code.to_owned())
}

fn row(site: &Site) -> cvm_shared::record::Record {
    site.world.registry.row(&sample::serial("SN-1")).unwrap()
}

/// B107.
#[tokio::test]
async fn switched_off_there_is_nothing_and_no_query() {
    let site = quiet();
    for asked in every_call() {
        let expected = if asked.query.is_empty() {
            told(404, "not_found")
        } else {
            told(400, "bad_request")
        };
        assert_eq!(code(&site.ask(asked).await.unwrap()), expected);
    }
    let bare = asked(Method::GET, "/getcert", None, b"");
    assert_eq!(code(&site.ask(bare).await.unwrap()), told(404, "not_found"));
    assert!(
        site.faults
            .calls()
            .iter()
            .all(|call| *call == "guard.nonce_key")
    );
}

#[tokio::test]
async fn each_call_in_each_encoding_hands_over_a_certificate_with_its_key() {
    for asked in every_call() {
        let site = quiet();
        let answer = served(&site, asked).await;
        let told = certificate(&answer);
        let issued = row(&site).state.issued().unwrap().clone();
        assert_eq!(told["certificateId"], issued.certificate_id.as_str());
        assert_eq!(told["certificateArn"], issued.certificate_arn.as_str());
        // The fake account makes the key with rcgen, which reads it back here.
        let key = told["keyPair"]["PrivateKey"].as_str().unwrap();
        let key = rcgen::KeyPair::from_pem(key).unwrap();
        let public = key.public_key_pem().replace("\r\n", "\n");
        assert_eq!(told["keyPair"]["PublicKey"], public.as_str());
        // What lies in the bucket is sealed: the door has opened it.
        let staged = site.world.vault.open(&issued.bundle.key).unwrap();
        assert!(is_sealed(&staged) && Bundle::decode(&staged).is_err());
        let made = &site.world.issuer.certificates()[&issued.certificate_id];
        assert!(made.active);
        assert_eq!(told["certificatePem"], made.pem.as_str());
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

/// Name by name and in order, as the published machines had it.
#[tokio::test]
async fn the_shapes_are_the_published_ones() {
    let site = quiet();
    let answer = served(&site, getcert(sample::TOKEN)).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let names = |text: &str| -> Vec<String> {
        let parts = text.split('"').skip(1).step_by(2).collect::<Vec<_>>();
        let is_name = |part: &&&str| part.len() < 16 && text.contains(&format!("\"{part}\":"));
        parts
            .iter()
            .filter(is_name)
            .map(ToString::to_string)
            .collect()
    };
    let inner = [
        "certificateArn",
        "certificateId",
        "certificatePem",
        "keyPair",
        "PublicKey",
        "PrivateKey",
    ];
    assert_eq!(names(&answer.body), [&inner[..], &["RootCA"]].concat());
    assert!(answer.body.starts_with("{\n\t\"certificateArn\": \"arn:"));
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert!(
        told["RootCA"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----\n")
    );
    let answer = told_now(&site, con_check(sample::TOKEN)).await;
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=utf-8"
    );
    assert!(
        answer
            .body
            .starts_with("{\"rootCA\":\"-----BEGIN CERTIFICATE-----\\n")
    );
    let mut told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(told["conCheck"], "20020");
    let certdata = told["certdata"].take();
    assert_eq!(certdata.as_object().unwrap().len(), 4);
}

/// B106. Unknown, wrong, disabled: the same bytes after the same calls, and nothing left behind.
#[tokio::test]
async fn every_refused_login_is_the_same() {
    let site = quiet();
    let mut disabled = sample::device("SN-disabled");
    disabled.state = State::Disabled;
    site.world.registry.put(disabled);
    let mut proof_only = sample::device("SN-proof");
    proof_only.proof_only = true;
    site.world.registry.put(proof_only);
    let newer = without_nonce(site.ask(submission("SN-1", "wrong", None)).await.unwrap());
    let mut checks = Vec::new();
    for (serial, token) in [
        ("SN-unknown", sample::TOKEN),
        ("SN-1", "wrong"),
        ("sn-1", sample::TOKEN),
        ("SN-disabled", sample::TOKEN),
        ("SN-proof", sample::TOKEN),
    ] {
        let before = site.faults.calls().len();
        let query = format!("serialNumber={serial}&deviceToken={token}");
        let answer = told_now(&site, get(&query)).await;
        assert_eq!(without_nonce(answer), newer, "{serial}");
        assert_eq!(
            site.faults.calls()[before..],
            ["registry.load", "guard.nonce_key"]
        );
        let body = format!("seriaNum={serial}&accessToken={token}");
        checks.push(without_nonce(told_now(&site, post("/", FORM, &body)).await));
    }
    assert_eq!(con_check_of(&checks[0]), told(401, "40030"));
    assert!(checks[0].headers.contains_key("www-authenticate"));
    assert!(checks.iter().all(|answer| *answer == checks[0]));
    assert!(site.world.queue.is_empty());
}

#[tokio::test]
async fn parameters_are_read_once_and_from_one_place() {
    let site = quiet();
    let good = format!("serialNumber=SN-1&deviceToken={}", sample::TOKEN);
    let both = {
        let mut asked = post("/getcert", FORM, &good);
        asked.query = Query::new(good.clone());
        asked
    };
    for (asked, expected) in [
        (
            get(&format!("{good}&serialNumber=SN-1")),
            "serialNumber: appears twice",
        ),
        (
            get(&format!("{good}&deviceToken=x")),
            "deviceToken: appears twice",
        ),
        (get("serialNumber=SN-1"), "deviceToken: is missing"),
        (get(""), "serialNumber: is missing"),
        (
            get(&format!("{good}%zz")),
            "query: has a broken percent-encoding",
        ),
        (both, "query: must not be sent beside a body"),
        (post("/", FORM, &good), "seriaNum: is missing"),
    ] {
        let answer = told_now(&site, asked).await;
        assert_eq!(code(&answer), told(400, "bad_request"));
        assert!(answer.body.contains(expected), "{}", answer.body);
        assert!(!answer.body.contains(sample::TOKEN));
    }
    assert!(site.world.queue.is_empty());
    let others = get(&format!("{good}&version=2&x"));
    assert_eq!(served(&site, others).await.status, StatusCode::OK);
}
