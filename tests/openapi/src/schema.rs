//! JSON judged by the description's schemas, and the description by the `OpenAPI` Initiative's own (`openapi-3.1.json`,
//! unchanged, Apache-2.0).

use jsonschema::Draft;
use jsonschema::Validator;
use serde_json::Value;
use serde_json::json;

use crate::document::Document;

/// How the schemas of a description are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As they are: a device must live with members that it does not know.
    AsWritten,
    /// No member that is not described: the door must not give any.
    Closed,
}

/// What a value breaks of a schema of this description; nothing if it fits.
pub fn flaws(document: &Document, schema: &Value, reading: Reading, value: &Value) -> Vec<String> {
    let validator = compiled(document, schema, reading);
    let told = validator.iter_errors(value);
    told.map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The schema as a document of its own, in which its references lead to where they did.
fn compiled(document: &Document, schema: &Value, reading: Reading) -> Validator {
    let mut whole = json!({ "allOf": [schema], "components": { "schemas": document.root["components"]["schemas"] } });
    if reading == Reading::Closed {
        close(&mut whole);
    }
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true);
    options.build(&whole).unwrap()
}

/// Closes every object that says what it holds. One that only narrows another by a reference leaves that to the other.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(close),
        Value::Object(members) => {
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members
                    .entry("additionalProperties")
                    .or_insert(json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the description breaks of the rules for such descriptions (`OpenAPI` 3.1).
pub fn flaws_of_document(document: &Document) -> Vec<String> {
    let rules = serde_json::from_str(include_str!("../openapi-3.1.json")).unwrap();
    let validator = jsonschema::draft202012::new(&rules).unwrap();
    let told = validator.iter_errors(&document.root);
    told.map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Whether this is a schema at all (JSON Schema 2020-12).
pub fn is_schema(schema: &Value) -> bool {
    jsonschema::draft202012::meta::is_valid(schema)
}
