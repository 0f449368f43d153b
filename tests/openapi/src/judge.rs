//! Whether an answer is one that the description allows: status, headers and body, all of them and no others.

use http::Response;
use serde_json::Value;

use crate::document::Call;
use crate::document::Document;
use crate::document::entries;
use crate::schema::Reading;
use crate::schema::flaws as misfits;

/// What is wrong with this answer to this call; nothing if it is as described.
pub fn flaws(document: &Document, call: &Call<'_>, answer: &Response<Vec<u8>>) -> Vec<String> {
    match document.answer(call, answer.status().as_u16()) {
        Some(said) => flaws_by(document, said, answer),
        None => vec![format!("{} is not described", answer.status())],
    }
}

/// What is wrong with this answer by what is said of one; its status counts as right.
pub fn flaws_by(document: &Document, said: &Value, answer: &Response<Vec<u8>>) -> Vec<String> {
    let mut flaws = undescribed(said, answer);
    for (name, header) in entries(&said["headers"]) {
        flaws.extend(header_flaws(
            document,
            name,
            document.follow(header),
            answer,
        ));
    }
    flaws.extend(body_flaws(document, said, answer));
    flaws
}

/// Headers that the answer has and nobody speaks of. The type is spoken of elsewhere.
fn undescribed(said: &Value, answer: &Response<Vec<u8>>) -> Vec<String> {
    let known =
        |name: &str| entries(&said["headers"]).any(|(one, _)| one.eq_ignore_ascii_case(name));
    let names = answer.headers().keys().map(http::HeaderName::as_str);
    names
        .filter(|name| *name != "content-type" && !known(name))
        .map(|name| format!("header {name} is not described"))
        .collect()
}

fn header_flaws(
    document: &Document,
    name: &str,
    header: &Value,
    answer: &Response<Vec<u8>>,
) -> Vec<String> {
    let Some(value) = answer.headers().get(name) else {
        let missing = header["required"] == true;
        return missing
            .then(|| format!("header {name} is missing"))
            .into_iter()
            .collect();
    };
    let text = value.to_str().unwrap_or_default();
    let schema = document.follow(&header["schema"]);
    let value = match text.parse::<u64>() {
        Ok(number) if schema["type"] == "integer" => number.into(),
        Ok(_) | Err(_) => text.into(),
    };
    let told = misfits(document, schema, Reading::Closed, &value);
    told.into_iter()
        .map(|flaw| format!("header {name} {flaw}"))
        .collect()
}

fn body_flaws(document: &Document, said: &Value, answer: &Response<Vec<u8>>) -> Vec<String> {
    let media_type = answer.headers().get("content-type");
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let Some(media_type) = media_type else {
        let wrong = !answer.body().is_empty() || said.get("content").is_some();
        return wrong
            .then(|| "no content-type".to_owned())
            .into_iter()
            .collect();
    };
    let media_type = media_type.split(';').next().unwrap_or_default();
    let Some(content) = said["content"].get(media_type) else {
        return vec![format!("{media_type} is not described")];
    };
    match body(media_type, answer.body()) {
        Some(value) => misfits(document, &content["schema"], Reading::Closed, &value),
        None => vec!["the body cannot be read".to_owned()],
    }
}

/// A body as its schema sees it: JSON, or one text.
pub fn body(media_type: &str, bytes: &[u8]) -> Option<Value> {
    if media_type.ends_with("json") {
        return serde_json::from_slice(bytes).ok();
    }
    std::str::from_utf8(bytes).ok().map(Value::from)
}
