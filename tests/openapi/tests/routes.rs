//! The calls of the description are those of the code, and everything else is refused as the description says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use cvm_openapi::ask::Stage;
use cvm_openapi::ask::request;
use cvm_openapi::document::Document;
use cvm_openapi::judge::flaws_by;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::NONCE_PATH;
use cvm_shared::api::TRUST_BUNDLE_PATH;
use cvm_testkit::faults::Faults;
use http::Method;
use http::Response;

const METHODS: [Method; 8] = [
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// The variants of the code's own list of routes, which is private to it.
fn routes() -> BTreeSet<String> {
    let code = include_str!("../../../ingest/src/routes.rs");
    let list = code.split("enum Route<'a> {").nth(1).unwrap();
    let list = list.split('}').next().unwrap();
    let names = list.lines().map(|line| line.trim().trim_end_matches(','));
    let names = names.filter(|name| !name.is_empty() && !name.starts_with("//"));
    names
        .map(|name| lower_camel(name.split('(').next().unwrap()))
        .collect()
}

fn lower_camel(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_lowercase())
}

#[test]
fn the_calls_are_those_of_the_code() {
    let document = Document::shipped();
    let own = document
        .calls()
        .into_iter()
        .filter(|call| call.said["tags"][0] != "legacy");
    let ids: BTreeSet<String> = own.map(|call| call.id.to_owned()).collect();
    assert_eq!(ids, routes());
}

#[test]
fn the_paths_are_those_of_the_devices_library() {
    let document = Document::shipped();
    for (id, path) in [
        ("submit", CERTIFICATES_PATH),
        ("nonce", NONCE_PATH),
        ("trustBundle", TRUST_BUNDLE_PATH),
    ] {
        assert_eq!(document.call(id).path, path);
    }
}

fn judged(document: &Document, answer: &Response<Vec<u8>>, name: &str, told: &str) {
    let said = &document.root["components"]["responses"][name];
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(
        flaws_by(document, said, answer),
        Vec::<String>::new(),
        "{told} {text}"
    );
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let (document, stage) = (Document::shipped(), Stage::new(Faults::default()));
    let calls = document.calls();
    for path in calls.iter().map(|call| call.path) {
        let known = |method: &Method| {
            calls
                .iter()
                .any(|call| call.path == path && call.method == *method)
        };
        let allowed: Vec<&str> = METHODS
            .iter()
            .filter(|one| known(one))
            .map(Method::as_str)
            .collect();
        for method in METHODS.iter().filter(|method| !known(method)) {
            let asked = request(
                method,
                &path.replace("{requestId}", &"0".repeat(32)),
                vec![],
            );
            let answer = stage.ask(&asked).await;
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(answer.headers()["allow"], allowed.join(", ").as_str());
            judged(&document, &answer, "MethodNotAllowed", path);
        }
    }
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let (document, stage) = (Document::shipped(), Stage::without_legacy());
    for path in [
        "/",
        "/getcert",
        "/v1",
        "/v1/certificates/",
        "/v1/nonce/",
        "/V1/nonce",
        "/v1/x",
        "/openapi.yaml",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = stage.ask(&request(&method, path, vec![])).await;
            assert_eq!(answer.status(), 404, "{method} {path}");
            judged(&document, &answer, "NotFound", path);
        }
    }
}
