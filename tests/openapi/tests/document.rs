//! The description by itself: valid, and its examples are examples of what it says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use cvm_ingest::credentials::Credentials;
use cvm_openapi::document::Document;
use cvm_openapi::document::entries;
use cvm_openapi::schema::Reading;
use cvm_openapi::schema::flaws;
use cvm_openapi::schema::flaws_of_document;
use cvm_openapi::schema::is_schema;
use serde_json::Value;

#[test]
fn it_is_a_valid_description() {
    let document = Document::shipped();
    assert_eq!(flaws_of_document(&document), Vec::<String>::new());
}

#[test]
fn every_schema_is_one() {
    let document = Document::shipped();
    for (name, schema) in entries(&document.root["components"]["schemas"]) {
        assert!(is_schema(schema), "{name}");
    }
    walk(&document.root, &mut |key, value| {
        assert!(key != "schema" || is_schema(value), "{value}");
    });
}

/// Panics at one that leads nowhere.
#[test]
fn every_reference_leads_somewhere() {
    let document = Document::shipped();
    walk(&document.root, &mut |key, value| {
        if key == "$ref" {
            document.target(value.as_str().unwrap());
        }
    });
}

/// Whatever has a schema and examples: bodies, parameters, headers.
#[test]
fn every_example_fits_its_schema() {
    let document = Document::shipped();
    let mut count = 0;
    walk(&document.root, &mut |_, value| {
        let Some(schema) = value.get("schema") else {
            return;
        };
        let many = entries(&value["examples"]).map(|(_, one)| &document.follow(one)["value"]);
        for example in many.chain(value.get("example")) {
            let told = flaws(&document, schema, Reading::Closed, example);
            assert_eq!(told, Vec::<String>::new(), "{example}");
            count += 1;
        }
    });
    assert!(count > 60, "{count}");
}

#[test]
fn every_example_of_a_schema_fits_it() {
    let document = Document::shipped();
    for (name, schema) in entries(&document.root["components"]["schemas"]) {
        for example in schema["examples"].as_array().into_iter().flatten() {
            let told = flaws(&document, schema, Reading::Closed, example);
            assert_eq!(told, Vec::<String>::new(), "{name}");
        }
    }
}

/// By the name that they share, a reader finds what belongs together.
#[test]
fn every_example_of_a_request_has_its_answer() {
    let document = Document::shipped();
    for call in document.calls() {
        let answers = document.examples(&call);
        for name in document.asked(&call) {
            // Without a body there is no example: of 304, and of what a confirmation is usually answered.
            let told = name == "unchanged" || answers.iter().any(|answer| answer.name == name);
            assert!(told || call.id == "confirm", "{} {name}", call.id);
        }
    }
}

#[test]
fn the_forms_of_the_authorization_header_are_read_by_the_door() {
    let document = Document::shipped();
    for form in ["TokenAuthorization", "ProofAuthorization"] {
        let schema = &document.root["components"]["schemas"][form];
        for example in schema["examples"].as_array().unwrap() {
            assert!(
                Credentials::parse(example.as_str().unwrap()).is_ok(),
                "{example}"
            );
        }
    }
}

/// Every member of everything.
fn walk(value: &Value, meet: &mut dyn FnMut(&str, &Value)) {
    for (key, member) in entries(value) {
        meet(key, member);
        walk(member, meet);
    }
    for item in value.as_array().into_iter().flatten() {
        meet("", item);
        walk(item, meet);
    }
}
