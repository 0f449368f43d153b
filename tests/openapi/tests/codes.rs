//! The codes of the description and those of the code are the same, and each is described where it is told.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use cvm_openapi::document::Document;
use cvm_openapi::document::entries;
use cvm_openapi::judge::flaws_by;
use cvm_openapi::refusals::every;
use cvm_shared::failure::FailureCode;
use http::Response;
use serde_json::Value;

fn codes(document: &Document, schema: &str) -> BTreeSet<String> {
    let schema = &document.root["components"]["schemas"][schema];
    let all = schema["properties"]["code"]["enum"].as_array().unwrap();
    all.iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_codes_of_problems_are_those_of_the_door() {
    let document = Document::shipped();
    let of_the_door = every()
        .iter()
        .map(|refused| refused.code().to_owned())
        .collect();
    assert_eq!(codes(&document, "Problem"), of_the_door);
}

#[test]
fn the_codes_of_failures_are_those_of_the_machine() {
    let document = Document::shipped();
    let all = FailureCode::ALL.iter().map(|code| code.as_str().to_owned());
    assert_eq!(codes(&document, "FailedView"), all.collect());
}

/// The table in the prose says what a device does about each.
#[test]
fn every_code_is_explained_with_its_status() {
    let document = Document::shipped();
    let prose = document.root["info"]["description"].as_str().unwrap();
    for refused in every() {
        let row = format!(
            "| `{}` | {} |",
            refused.code(),
            refused.answer().status.as_u16()
        );
        assert_eq!(prose.matches(&row).count(), 1, "{row}");
    }
}

/// Wherever a status is described, the refusals of that status and that code are as described.
#[test]
fn every_refusal_is_described_somewhere() {
    let document = Document::shipped();
    for refused in every() {
        let answer = refused.answer();
        let mut response = Response::new(answer.body.into_bytes());
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        let all = answers(&document, answer.status.as_u16());
        let fits = all
            .iter()
            .any(|said| flaws_by(&document, said, &response).is_empty());
        assert!(fits, "{refused:?}");
    }
}

fn answers(document: &Document, status: u16) -> Vec<&Value> {
    let mut all: Vec<&Value> = document
        .calls()
        .iter()
        .filter_map(|call| document.answer(call, status))
        .collect();
    let shared = entries(&document.root["components"]["responses"]);
    all.extend(
        shared
            .filter(|(name, _)| status == 405 && *name == "MethodNotAllowed")
            .map(|(_, said)| said),
    );
    all
}
