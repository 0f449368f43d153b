//! Every example of the description, asked of the real door: it answers as described, and as the example shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeSet;

use cvm_openapi::document::Call;
use cvm_openapi::document::Document;
use cvm_openapi::document::Example;
use cvm_openapi::document::entries;
use cvm_openapi::judge::body;
use cvm_openapi::judge::flaws;
use cvm_openapi::refusals::every;
use cvm_openapi::scene::Scene;
use cvm_openapi::scene::scene;
use http::Response;
use serde_json::Value;
use serde_json::json;

/// What the gateway says without asking the door.
const GATEWAY: &str = "gateway";

async fn answer(document: &Document, call: &Call<'_>, name: &str) -> Response<Vec<u8>> {
    let told = format!("{} {name}", call.id);
    let played = scene(document, call, name).await;
    let Scene { stage, request } = played.unwrap_or_else(|| panic!("{told} has no scene"));
    let answer = stage.ask(&request).await;
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(
        flaws(document, call, &answer),
        Vec::<String>::new(),
        "{told} {} {text}",
        answer.status()
    );
    answer
}

fn shown(answer: &Response<Vec<u8>>) -> Value {
    let media_type = answer.headers()["content-type"].to_str().unwrap();
    body(media_type.split(';').next().unwrap(), answer.body()).unwrap()
}

#[tokio::test]
async fn every_example_is_what_the_door_answers() {
    let document = Document::shipped();
    let mut count = 0;
    for call in document.calls() {
        for example in document.examples(&call) {
            if example.name == GATEWAY {
                continue;
            }
            let answer = answer(&document, &call, example.name).await;
            assert_eq!(
                answer.status(),
                example.status,
                "{} {}",
                call.id,
                example.name
            );
            compare(&call, &example, &shown(&answer));
            count += 1;
        }
    }
    assert!(count > 70, "{count}");
}

/// A problem is the same to the letter; of anything else the members are, and what names the request.
fn compare(call: &Call<'_>, example: &Example<'_>, answer: &Value) {
    let told = format!("{} {}", call.id, example.name);
    if example.media_type == "application/problem+json" {
        assert_eq!(answer, example.value, "{told}");
        return;
    }
    assert_eq!(shape(answer), shape(example.value), "{told}");
    for member in [
        "requestId",
        "status",
        "code",
        "retryable",
        "failedAt",
        "retryAt",
        "conCheck",
    ] {
        assert_eq!(
            answer.get(member),
            example.value.get(member),
            "{told} {member}"
        );
    }
}

/// The same without its texts and numbers.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(_) => entries(value)
            .map(|(key, member)| (key.to_owned(), shape(member)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            json!(null)
        }
    }
}

#[tokio::test]
async fn answers_without_a_body_are_as_described() {
    let document = Document::shipped();
    for (id, name, status) in [
        ("confirm", "confirmed", 204),
        ("trustBundle", "unchanged", 304),
    ] {
        let answer = answer(&document, &document.call(id), name).await;
        assert_eq!(answer.status(), status);
    }
}

/// But 500, which only the gateway says.
#[tokio::test]
async fn every_status_has_been_seen() {
    let document = Document::shipped();
    for call in document.calls() {
        let examples = document.examples(&call);
        let seen = |status| {
            examples
                .iter()
                .any(|one| one.status == status && one.name != GATEWAY)
        };
        let others = |status| matches!((call.id, status), ("confirm", 204) | ("trustBundle", 304));
        let gateway = |status| {
            examples
                .iter()
                .any(|one| one.status == status && one.name == GATEWAY)
        };
        for status in document.statuses(&call) {
            assert!(
                seen(status) || others(status) || gateway(status),
                "{} {status}",
                call.id
            );
        }
    }
}

/// The first examples prove their secret or have to: so does the answer.
#[tokio::test]
async fn a_proven_request_has_a_proven_answer() {
    let document = Document::shipped();
    for (id, name, proven) in [
        ("submit", "own-key-proven", true),
        ("submit", "own-key", false),
        ("show", "own-key-proven", true),
        ("show", "own-key", false),
        ("submit", "stale-moment", false),
    ] {
        let answer = answer(&document, &document.call(id), name).await;
        assert_eq!(
            answer.headers().contains_key("cvm1-proof"),
            proven,
            "{id} {name}"
        );
    }
}

/// A code that no answer has shown here would be one that nobody has described from life.
#[tokio::test]
async fn every_code_of_the_door_was_shown_by_an_example() {
    let document = Document::shipped();
    let mut seen = BTreeSet::new();
    for call in document.calls() {
        let own = document
            .examples(&call)
            .into_iter()
            .filter(|one| one.name != GATEWAY);
        seen.extend(own.filter_map(|one| one.value["code"].as_str()));
    }
    for refused in every() {
        // Asked in the suite `routes`: it is the answer to calls that are not described.
        assert!(
            seen.contains(refused.code()) || refused.code() == "method_not_allowed",
            "{refused:?}"
        );
    }
}
