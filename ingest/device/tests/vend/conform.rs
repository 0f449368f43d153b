//! The rules of the contract against a server that keeps them all, and against one for each rule that
//! breaks it: every rule is seen to pass and to fail.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_device::conformance::Config;
use cvm_device::conformance::Outcome;
use cvm_device::conformance::RULES;
use cvm_device::conformance::Verdict;
use cvm_device::conformance::conformance;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use serde_json::Value;
use serde_json::json;

use crate::door::REQUEST;
use crate::door::problem;
use crate::http::Reply;
use crate::http::Request;
use crate::server::Breach;
use crate::server::SERIAL;
use crate::server::Server;
use crate::server::TOKEN;
use crate::server::now;

use Breach::After;
use Breach::Before;

fn config(server: &Server) -> Config {
    Config {
        endpoint: server.url.clone(),
        serial: SerialNumber::parse(SERIAL).unwrap(),
        token: DeviceToken::parse(TOKEN).unwrap(),
        audience: None,
        ca_pem: String::new(),
        issuer_ca_pem: String::new(),
        confirm: true,
        outlive: None,
        timeout: Duration::from_secs(20),
    }
}

async fn judged(server: &Server, config: &Config) -> Vec<Outcome> {
    let outcomes = conformance(config, now, &|_| ()).await.unwrap();
    assert_eq!(outcomes.len(), RULES.len());
    let text = format!("{outcomes:?}");
    assert!(
        !text.contains(TOKEN) && !text.contains(&server.url),
        "{text}"
    );
    outcomes
}

fn of<'a>(outcomes: &'a [Outcome], id: &str) -> &'a Verdict {
    let found = outcomes.iter().find(|outcome| outcome.rule.id == id);
    &found.unwrap().verdict
}

#[tokio::test]
async fn a_server_that_keeps_the_contract_passes_every_rule() {
    for proof_only in [false, true] {
        let server = Server::start().await;
        server.book.lock().unwrap().proof_only = proof_only;
        let outcomes = judged(&server, &config(&server)).await;
        for outcome in &outcomes {
            let expected = outcome.rule.id == "expired-nonce";
            let skipped = matches!(outcome.verdict, Verdict::Skipped(_));
            let passed = outcome.verdict == Verdict::Passed;
            assert!(passed || (skipped && expected), "{outcome:?}");
        }
        assert_eq!(server.issued(), 1);
    }
}

#[tokio::test]
async fn nothing_is_confirmed_that_was_not_asked_for() {
    let server = Server::start().await;
    let config = Config {
        confirm: false,
        ..config(&server)
    };
    let outcomes = judged(&server, &config).await;
    for id in ["confirm", "confirmed-again", "shredded", "served-once"] {
        assert!(matches!(of(&outcomes, id), Verdict::Skipped(_)), "{id}");
    }
    assert!(!server.confirmed());
}

#[tokio::test]
async fn a_device_that_was_served_before_is_told_so() {
    let server = Server::start().await;
    judged(&server, &config(&server)).await;
    let outcomes = judged(&server, &config(&server)).await;
    let Verdict::Failed(why) = of(&outcomes, "submission") else {
        panic!("{outcomes:?}");
    };
    assert!(why.contains("reset it"), "{why}");
    assert!(matches!(of(&outcomes, "vended"), Verdict::Skipped(_)));
}

#[tokio::test]
async fn a_nonce_that_does_not_expire_is_noticed() {
    let server = Server::start().await;
    let config = Config {
        outlive: Some(Duration::from_millis(1)),
        ..config(&server)
    };
    let outcomes = judged(&server, &config).await;
    assert!(matches!(of(&outcomes, "expired-nonce"), Verdict::Failed(_)));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_3() {
    let server = Server::start().await;
    let config = Config {
        endpoint: "http://127.0.0.1:9".to_owned(),
        ..config(&server)
    };
    let error = conformance(&config, now, &|_| ()).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
}

/// For each rule a server that breaks it. `expired-nonce` has a test of its own.
#[tokio::test]
async fn each_rule_fails_on_a_server_that_breaks_it() {
    let mut runs = tokio::task::JoinSet::new();
    for (id, breach) in BREACHES {
        runs.spawn(async move {
            let server = Server::start().await;
            server.breach(breach);
            let outcomes = judged(&server, &config(&server)).await;
            assert!(
                matches!(of(&outcomes, id), Verdict::Failed(_)),
                "{id}: {outcomes:?}"
            );
        });
    }
    runs.join_all().await;
    let broken: Vec<&str> = BREACHES.iter().map(|(id, _)| *id).collect();
    for rule in RULES {
        assert!(
            broken.contains(&rule.id) || rule.id == "expired-nonce",
            "{rule:?}"
        );
    }
}

/// Answers that a device would believe if it checked less.
#[tokio::test]
async fn answers_without_their_proof_are_noticed_everywhere() {
    let unproven = After(|_, reply| reply.drop("cvm1-proof"));
    let server = Server::start().await;
    server.breach(unproven);
    let outcomes = judged(&server, &config(&server)).await;
    for id in ["nonce-serves", "nobodys-request", "bad-csr", "submission"] {
        let Verdict::Failed(why) = of(&outcomes, id) else {
            panic!("{id}: {outcomes:?}");
        };
        assert!(why.contains("cvm1-proof"), "{id}: {why}");
    }
    let wrong = After(|_, reply| reply.set("cvm1-proof", "AAAA"));
    let server: Arc<Server> = Server::start().await;
    server.breach(wrong);
    let outcomes = judged(&server, &config(&server)).await;
    assert!(matches!(of(&outcomes, "submission"), Verdict::Failed(_)));
}

fn is(request: &Request, method: &str, path: &str) -> bool {
    request.method == method && request.path == path
}

fn code(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

/// Lets in what should be refused with this code.
fn let_in(reply: &mut Reply, refused: &str) {
    if code(reply) == refused {
        *reply = problem(404, "not_found");
    }
}

fn edit(reply: &mut Reply, change: fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) {
        change(&mut body);
        reply.body = body.to_string().into_bytes();
    }
}

fn is_poll(request: &Request) -> bool {
    request.method == "GET" && request.path.ends_with(REQUEST)
}

fn is_submission(request: &Request) -> bool {
    is(request, "POST", "/v1/certificates")
}

fn is_confirmation(request: &Request) -> bool {
    request.path.ends_with("/confirm")
}

/// The second submission that is accepted has another request. One server alone breaks this rule.
fn another_id(request: &Request, reply: &mut Reply) {
    static ACCEPTED: AtomicU32 = AtomicU32::new(0);
    let accepted = is_submission(request) && reply.status == 202;
    if accepted && ACCEPTED.fetch_add(1, Ordering::Relaxed) > 0 {
        edit(reply, |view| view["requestId"] = json!("f".repeat(32)));
    }
}

/// The second confirmation is refused. One server alone breaks this rule.
fn again_refused(request: &Request, reply: &mut Reply) {
    static CONFIRMED: AtomicU32 = AtomicU32::new(0);
    if is_confirmation(request) && CONFIRMED.fetch_add(1, Ordering::Relaxed) > 0 {
        *reply = problem(409, "already_confirmed");
    }
}

/// What the request's proof says of this parameter.
fn said<'a>(request: &'a Request, name: &str) -> &'a str {
    let header = request.header("authorization").unwrap_or_default();
    let found = header.split_once(&format!("{name}=\""));
    found.map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default())
}

#[rustfmt::skip]
const BREACHES: [(&str, Breach); 43] = [
    ("nonce-answer", Before(|q, a| if q.path == "/v1/nonce" { a.set("replay-nonce", "AAAAAAAAAAAAAAAAAAAAAA") })),
    ("nonce-not-stored", Before(|q, a| if q.path == "/v1/nonce" { a.drop("cache-control") })),
    ("nonce-once", Before(|q, a| if q.path == "/v1/nonce" { a.set("replay-nonce", "AAAAAAAAAAAAAAAAAAAAAA") })),
    ("roots-answer", Before(|_, a| a.drop("etag"))),
    ("roots-not-modified", Before(|_, a| if a.status == 304 { a.status = 200 })),
    ("unknown-path", Before(|_, a| if a.status == 404 { a.set("content-type", "text/html") })),
    ("path-aliases", Before(|q, a| if q.path == "/V1/nonce" { a.status = 200 })),
    ("other-method", Before(|_, a| a.drop("allow"))),
    ("query-refused", Before(|q, a| if q.query.is_some() { a.status = 200 })),
    ("refusal-not-stored", Before(|_, a| if a.status == 404 { a.set("cache-control", "max-age=60") })),
    ("no-login", Before(|_, a| if a.status == 401 { a.drop("www-authenticate") })),
    ("refusal-brings-nonce", Before(|_, a| if a.status == 401 { a.drop("replay-nonce") })),
    ("other-scheme", Before(|q, a| if q.header("authorization").is_some_and(|h| h.starts_with("Basic")) { a.status = 403 })),
    ("wrong-proof", Before(|_, a| let_in(a, "unauthorized"))),
    ("unknown-alike", Before(|q, a| if said(q, "serial") != SERIAL { a.set("www-authenticate", "Other") })),
    ("wrong-token-alike", Before(|q, a| if said(q, "token") == "wrong" { edit(a, |v| v["title"] = json!("bad token")) })),
    ("other-host", Before(|_, a| let_in(a, "unauthorized"))),
    ("other-path", Before(|_, a| let_in(a, "unauthorized"))),
    ("other-call", Before(|_, a| let_in(a, "unauthorized"))),
    ("other-body", Before(|_, a| let_in(a, "unauthorized"))),
    ("wrong-clock", Before(|q, a| if said(q, "ts") != "-" { let_in(a, "bad_nonce") })),
    ("foreign-nonce", Before(|q, a| if said(q, "ts") == "-" { let_in(a, "bad_nonce") })),
    ("changed-nonce", Before(|q, a| if said(q, "ts") == "-" { let_in(a, "bad_nonce") })),
    ("nonce-serves", Before(|q, a| if said(q, "ts") == "-" { *a = problem(401, "unauthorized") })),
    ("nobodys-request", Before(|q, a| if q.path.ends_with("/0") { a.status = 400 })),
    ("proof-and-token", Before(|q, a| if q.body.starts_with(b"{\"dev") { *a = problem(401, "unauthorized") })),
    ("other-type", Before(|_, a| if a.status == 415 { a.status = 400 })),
    ("too-large", Before(|_, a| if a.status == 413 { a.status = 400 })),
    ("bad-body", Before(|q, a| if q.body == b"[]" { a.status = 422 })),
    ("bad-csr", Before(|_, a| if a.status == 422 { a.status = 400 })),
    ("foreign-csr", Before(|q, a| if q.body.len() > 100 && a.status == 422 { a.status = 202 })),
    ("submission", Before(|q, a| if is_submission(q) { a.drop("location") })),
    ("submitted-again", Before(another_id)),
    ("replayed", Before(|q, a| if is_submission(q) && code(a) == "bad_nonce" { a.status = 202 })),
    ("poll", Before(|q, a| if is_poll(q) && a.status == 202 { a.drop("retry-after") })),
    ("plain-token", Before(|q, a| if is_poll(q) && said(q, "token") == TOKEN { a.status = 500 })),
    ("vended", Before(|q, a| if is_poll(q) && a.status == 200 { edit(a, |v| v["status"] = json!("lost")) })),
    ("link", Before(|q, a| if q.path == "/bucket/b" { a.body[20] ^= 1 })),
    ("inline", Before(|_, a| a.drop("preference-applied"))),
    ("confirm", Before(|q, a| if is_confirmation(q) { a.status = 200 })),
    ("confirmed-again", Before(again_refused)),
    ("shredded", Before(|q, a| if is_poll(q) && a.status == 410 { a.status = 404 })),
    ("served-once", Before(|q, a| if is_submission(q) && a.status == 409 { a.status = 202 })),
];
