//! Whole lives as their devices see them: every answer on the way is as described.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_openapi::ask::Stage;
use cvm_openapi::ask::own_nonce;
use cvm_openapi::ask::request;
use cvm_openapi::ask::with;
use cvm_openapi::ask::with_json;
use cvm_openapi::ask::with_proof;
use cvm_openapi::ask::with_token;
use cvm_openapi::document::Document;
use cvm_openapi::judge::flaws;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::seal::is_sealed;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use http::Method;
use http::Request;
use http::Response;
use serde_json::Value;
use serde_json::json;

const PATH: &str = "/v1/certificates";

/// A device on a stage, with a judge beside it.
struct Life {
    document: Document,
    stage: Stage,
}

impl Life {
    fn new(faults: Faults) -> Self {
        Self {
            document: Document::shipped(),
            stage: Stage::new(faults),
        }
    }

    async fn ask(&self, id: &str, request: &Request<Vec<u8>>, status: u16) -> Response<Vec<u8>> {
        let answer = self.stage.ask(request).await;
        let text = String::from_utf8_lossy(answer.body());
        let told = flaws(&self.document, &self.document.call(id), &answer);
        assert_eq!(told, Vec::<String>::new(), "{id} {text}");
        assert_eq!(answer.status(), status, "{id} {text}");
        answer
    }

    async fn submit(&self, csr: &str, status: u16) -> Value {
        let asked = with_json(request(&Method::POST, PATH, vec![]), &json!({ "csr": csr }));
        json_of(&self.ask("submit", &with_token(asked), status).await)
    }

    async fn show(&self, place: &str, status: u16) -> Value {
        let asked = with_token(request(&Method::GET, place, vec![]));
        json_of(&self.ask("show", &asked, status).await)
    }

    async fn confirm(&self, place: &str, status: u16) {
        let asked = request(&Method::POST, &format!("{place}/confirm"), vec![]);
        self.ask("confirm", &with_token(asked), status).await;
    }
}

fn json_of(answer: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn place(view: &Value) -> String {
    format!("{PATH}/{}", view["requestId"].as_str().unwrap())
}

#[tokio::test]
async fn with_its_own_key_and_a_token() {
    let (life, csr) = (Life::new(Faults::default()), sample::csr_pem_of("SN-0001"));
    let place = place(&life.submit(&csr, 202).await);
    life.submit(&csr, 202).await;
    life.submit(&sample::csr_pem_of("SN-0001"), 409).await;
    life.confirm(&place, 409).await;
    life.show(&place, 202).await;
    life.stage.site.settle(5).await;
    assert_eq!(life.show(&place, 200).await["status"], "vended");
    assert_eq!(life.submit(&csr, 200).await["status"], "vended");
    life.confirm(&place, 204).await;
    life.confirm(&place, 204).await;
    assert_eq!(life.show(&place, 410).await["code"], "bundle_shredded");
    assert_eq!(life.submit(&csr, 409).await["code"], "already_confirmed");
}

/// A device without a clock: the nonce of one answer proves the next request.
#[tokio::test]
async fn in_keys_mode_with_proofs_and_no_clock() {
    let life = Life::new(Faults::default());
    let given = life
        .ask("nonce", &request(&Method::GET, "/v1/nonce", vec![]), 200)
        .await;
    let submit = with_json(request(&Method::POST, PATH, vec![]), &json!({}));
    let nonce = nonce(&given);
    let asked = with_proof(submit.clone(), Stamp::NoClock, &nonce);
    let view = json_of(&life.ask("submit", &asked, 202).await);
    let refused = life.ask("submit", &asked, 400).await;
    assert_eq!(json_of(&refused)["code"], "bad_nonce");
    life.stage.site.settle(5).await;
    let poll = with(
        request(&Method::GET, &place(&view), vec![]),
        "prefer",
        "bundle=inline",
    );
    let poll = with_proof(poll, Stamp::NoClock, &self::nonce(&refused));
    let ready = life.ask("show", &poll, 200).await;
    assert_eq!(ready.headers()["preference-applied"], "bundle=inline");
    let content = json_of(&ready)["bundle"]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(is_sealed(&BASE64_STANDARD.decode(content).unwrap()));
    let confirm = request(&Method::POST, &format!("{}/confirm", place(&view)), vec![]);
    let confirm = with_proof(confirm, life.stage.now(), &own_nonce(7));
    let answer = life.ask("confirm", &confirm, 204).await;
    assert!(answer.headers().contains_key("cvm1-proof"));
}

fn nonce(answer: &Response<Vec<u8>>) -> RequestNonce {
    RequestNonce::parse(answer.headers()["replay-nonce"].to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn that_came_too_late_and_asks_again() {
    let (life, csr) = (Life::new(Faults::default()), sample::csr_pem_of("SN-0001"));
    let place = place(&life.submit(&csr, 202).await);
    life.stage.site.settle(5).await;
    life.stage
        .site
        .world
        .clock
        .advance(Duration::from_hours(8 * 24));
    life.stage.site.sweep().await;
    assert_eq!(life.show(&place, 410).await["code"], "bundle_expired");
    life.submit(&csr, 202).await;
    life.stage.site.settle(5).await;
    life.show(&place, 200).await;
}

/// Whatever is down, at whatever call behind the door.
#[tokio::test]
async fn while_something_is_down() {
    for number in 0..6 {
        for fault in [Fault::Before, Fault::After, Fault::Throttle] {
            let life = Life::new(Faults::at(number, fault));
            let csr = sample::csr_pem_of("SN-0001");
            let body =
                json!({ "serialNumber": "SN-0001", "deviceToken": sample::TOKEN, "csr": csr });
            for _ in 0..2 {
                let asked = with_json(request(&Method::POST, PATH, vec![]), &body);
                let answer = life.stage.ask(&asked).await;
                let told = flaws(&life.document, &life.document.call("submit"), &answer);
                assert_eq!(
                    told,
                    Vec::<String>::new(),
                    "{number} {fault:?} {}",
                    answer.status()
                );
            }
        }
    }
}
