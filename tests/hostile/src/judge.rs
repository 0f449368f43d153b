//! Compares what came back and what was left with what a row expects, and names every difference.

#![expect(
    clippy::match_same_arms,
    reason = "each case is judged by itself, though some come to the same"
)]

use std::collections::BTreeMap;

use cvm_lambda::function::InvokeError;
use serde_json::Value;

use crate::footprint::Footprint;
use crate::row::Expected;
use crate::row::Leaves;
use crate::row::Row;

/// Every code that a refusal may have (I12).
pub const CODES: [&str; 16] = [
    "bad_request",
    "bad_nonce",
    "unauthorized",
    "not_found",
    "method_not_allowed",
    "other_request",
    "already_confirmed",
    "not_issued",
    "bundle_shredded",
    "bundle_expired",
    "replacement_pending",
    "too_large",
    "unsupported_media_type",
    "bad_csr",
    "too_many_requests",
    "unavailable",
];

/// What is wrong with an answer; nothing, if it is as the row has it.
pub fn answer(row: &Row, told: &Result<Value, InvokeError>) -> Vec<String> {
    let answer = match told {
        Ok(answer) => answer,
        Err(lost) => return vec![format!("no answer: {lost}")],
    };
    let mut faults = leaks(row, answer);
    let status = answer["statusCode"].as_u64().unwrap_or_default();
    match &row.expected {
        Expected::Refused { status: due, .. } if status != u64::from(*due) => {
            faults.push(format!("{status}, not {due}: {}", answer["body"]));
        }
        Expected::Refused { .. } => faults.extend(problem(&row.expected, answer)),
        Expected::Accepted if status != 202 => {
            faults.push(format!("{status}, not 202: {}", answer["body"]));
        }
        Expected::Answered(due) if status != u64::from(*due) => {
            faults.push(format!("{status}, not {due}: {}", answer["body"]));
        }
        Expected::Accepted | Expected::Answered(_) => {}
    }
    faults
}

/// Texts that came back and must not. The nonce is not looked at: it is random, and may hold a short text by chance.
fn leaks(row: &Row, answer: &Value) -> Vec<String> {
    let body = answer["body"].as_str().unwrap_or_default();
    let whole = without_nonce(answer).to_string();
    let told = |text: &&String| body.contains(text.as_str()) || whole.contains(text.as_str());
    let leaked = row.hidden.iter().filter(told);
    leaked.map(|text| format!("it repeats {text:?}")).collect()
}

/// An answer as it is but for the fresh nonce of a 400 or 401.
fn without_nonce(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(headers) = answer["headers"].as_object_mut() {
        headers.remove("replay-nonce");
    }
    answer
}

/// What is wrong with a refusal of the right status.
fn problem(expected: &Expected, answer: &Value) -> Vec<String> {
    let Expected::Refused {
        code, fields, rule, ..
    } = expected
    else {
        return Vec::new();
    };
    let Ok(body) = serde_json::from_str::<Value>(answer["body"].as_str().unwrap_or_default())
    else {
        return vec![format!("no JSON: {}", answer["body"])];
    };
    let mut faults = headers(answer);
    faults.extend(members(&body, &answer["statusCode"]));
    if body["code"] != *code {
        faults.push(format!("code {}, not {code}", body["code"]));
    }
    faults.extend(detail(&body["detail"], fields, rule));
    faults
}

/// The members are the four we know, and the code is of the closed list.
fn members(body: &Value, status: &Value) -> Vec<String> {
    let known = ["status", "code", "title", "detail"];
    let members = body.as_object().into_iter().flatten();
    let mut faults: Vec<String> = members
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, _)| format!("an unknown member {name}"))
        .collect();
    if !CODES.iter().any(|code| body["code"] == *code) {
        faults.push(format!("a code that is none: {}", body["code"]));
    }
    if body["status"] != *status || !body["title"].is_string() {
        faults.push(format!("status and title: {body}"));
    }
    faults
}

fn detail(detail: &Value, fields: &[&str], rule: &str) -> Vec<String> {
    let Some(text) = detail.as_str() else {
        let due = !fields.is_empty();
        return due.then(|| "no detail".to_owned()).into_iter().collect();
    };
    let named = fields
        .iter()
        .find_map(|field| text.strip_prefix(&format!("{field}: ")));
    match named {
        Some(told) if !told.is_empty() && told.contains(rule) => Vec::new(),
        Some(_) | None => vec![format!("detail {text:?}, not of {fields:?}, {rule:?}")],
    }
}

/// What each refusal carries beside its body.
fn headers(answer: &Value) -> Vec<String> {
    let has = |name: &str| answer["headers"][name].as_str();
    let mut faults = Vec::new();
    let mut must = |right: bool, what: &str| {
        if !right {
            faults.push(format!("{what}: {}", answer["headers"]));
        }
    };
    must(
        has("content-type") == Some("application/problem+json"),
        "content-type",
    );
    must(has("cache-control") == Some("no-store"), "cache-control");
    let status = answer["statusCode"].as_u64().unwrap_or_default();
    must(
        has("replay-nonce").is_some() == matches!(status, 400 | 401),
        "replay-nonce",
    );
    must(
        has("www-authenticate").is_some() == (status == 401),
        "www-authenticate",
    );
    must(has("allow").is_some() == (status == 405), "allow");
    faults
}

/// What is wrong with what was left.
pub fn effect(row: &Row, before: &Footprint, after: &Footprint) -> Vec<String> {
    let mut faults = calls(row, &after.calls_since(&before.calls));
    let rows = after.changed_rows(before);
    let guards = after.changed_guards(before);
    let own: Vec<&str> = row.devices.iter().map(|own| own.serial.as_str()).collect();
    let mut must = |right: bool, what: &str| {
        if !right {
            faults.push(format!("{what}; rows {rows:?}, guards {guards:?}"));
        }
    };
    let is_nonce = |key: &String| key.starts_with("nonce#");
    match row.leaves {
        Leaves::Nothing | Leaves::Lookup => {
            must(rows.is_empty() && guards.is_empty(), "it left something");
        }
        Leaves::Nonce => must(
            rows.is_empty() && guards.len() == 1 && guards.iter().all(is_nonce),
            "not just a nonce is left",
        ),
        Leaves::Request => must(
            rows.len() == 1 && own.contains(&rows[0].as_str()),
            "not just the device's own row has changed",
        ),
    }
    let sent = usize::from(row.leaves == Leaves::Request);
    must(after.queue == before.queue + sent, "messages");
    must(
        (after.dead_letters, after.objects, after.created)
            == (before.dead_letters, before.objects, before.created),
        "dead letters, bundles or certificates",
    );
    faults
}

/// What a stranger's request may call: a device's row, once. (A good login may also bind its key.)
pub fn calls(row: &Row, made: &BTreeMap<String, u64>) -> Vec<String> {
    let allowed: &[(&str, u64)] = match (row.leaves, &row.expected) {
        (Leaves::Request, _) => &[
            ("GetItem", 1),
            ("GetQueueAttributes", 1),
            ("PutItem", 2),
            ("SendMessage", 1),
            ("UpdateItem", 1),
        ],
        (Leaves::Lookup, _) => &[("GetItem", 1)],
        (Leaves::Nonce, _) => &[("GetItem", 1), ("PutItem", 2)],
        (Leaves::Nothing, Expected::Refused { status: 401, .. }) => &[("GetItem", 1)],
        (
            Leaves::Nothing,
            Expected::Refused {
                status: 404 | 409, ..
            },
        ) => &[("GetItem", 1)],
        (Leaves::Nothing, Expected::Refused { status: 422, .. }) => {
            &[("GetItem", 1), ("PutItem", 1)]
        }
        (Leaves::Nothing, _) => &[],
    };
    let too_many = |(name, count): (&String, &u64)| {
        let most = allowed.iter().find(|(known, _)| known == name);
        (*count > most.map_or(0, |(_, most)| *most)).then(|| format!("{count} calls of {name}"))
    };
    made.iter().filter_map(too_many).collect()
}
