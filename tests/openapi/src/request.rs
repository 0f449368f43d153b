//! The request of an example: what the description gives under its name, and under the usual name where it gives
//! nothing; with what makes a bad one bad.

use cvm_shared::proof::Stamp;
use cvm_testkit::sample;
use http::HeaderName;
use http::Request;
use serde_json::Value;
use serde_json::json;

use crate::ask::SERIAL;
use crate::ask::Stage;
use crate::ask::own_nonce;
use crate::ask::request as bare;
use crate::ask::with;
use crate::ask::with_json;
use crate::ask::with_proof;
use crate::ask::with_token;
use crate::document::Call;
use crate::document::Document;

/// The examples that are given everywhere; a call has one of them.
const USUAL: [&str; 2] = ["own-key", "served"];
const BODY_MAX: usize = 16 * 1024;

/// The request of a call's example of this name.
pub fn request(
    document: &Document,
    stage: &Stage,
    call: &Call<'_>,
    name: &str,
) -> Request<Vec<u8>> {
    let shown = headed(call, credited(document, stage, call, name), name);
    match name {
        "query" => at(shown, |path| format!("{path}?a=b")),
        "missing" => at(with_body(shown, vec![]), ToOwned::to_owned),
        "bad-field" => with_json(
            shown,
            &json!({ "serialNumber": "SN 0001", "deviceToken": sample::TOKEN }),
        ),
        "bad-header" => with(shown, "authorization", "Bearer abc"),
        "media-type" => with(shown, "content-type", "text/html"),
        "too-large" => with_body(shown, vec![b' '; BODY_MAX + 1]),
        _ => shown,
    }
}

/// With its credentials, where they are not in the body.
fn credited(document: &Document, stage: &Stage, call: &Call<'_>, name: &str) -> Request<Vec<u8>> {
    let plain = plain(document, call, name);
    match (name, call.id) {
        ("own-key-proven", "submit") => with(
            plain,
            "authorization",
            header(document, "ProofAuthorization"),
        ),
        ("made-key-header", "submit") => with(
            plain,
            "authorization",
            header(document, "TokenAuthorization"),
        ),
        ("replacement-pending", "submit") => other_key(call),
        ("own-key-proven", _) => with_proof(plain, stage.now(), &own_nonce(2)),
        ("stale-moment", _) => {
            with_proof(tokenless(plain), Stamp::At(1_699_999_699), &own_nonce(1))
        }
        ("foreign-nonce", _) => with_proof(tokenless(plain), Stamp::NoClock, &own_nonce(1)),
        ("used-nonce", _) => with_proof(tokenless(plain), stage.now(), &own_nonce(1)),
        ("unauthorized", "show" | "confirm") => {
            let another = format!("CVM1-TOKEN serial=\"{SERIAL}\",token=\"another\"");
            with(plain, "authorization", &another)
        }
        (_, "show" | "confirm") => with_token(plain),
        _ => plain,
    }
}

/// With its path and query filled in and with its body, if it has one.
fn plain(document: &Document, call: &Call<'_>, name: &str) -> Request<Vec<u8>> {
    let (mut path, mut query) = (call.path.to_owned(), Vec::new());
    for parameter in &call.parameters {
        let key = parameter["name"].as_str().unwrap();
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{key}}}"), example(parameter, name)),
            Some("query") => query.push(format!("{key}={}", example(parameter, name))),
            Some(_) | None => {}
        }
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let mut names = [name].into_iter().chain(USUAL);
    let body = names.find_map(|name| document.body(call, name));
    let request = bare(&call.method, &path, vec![]);
    body.map_or(request.clone(), |body| with_json(request, body))
}

/// A parameter's example of this name, else the usual one.
fn example<'a>(parameter: &'a Value, name: &str) -> &'a str {
    let name = name.strip_suffix("-header").unwrap_or(name);
    let mut names = [name].into_iter().chain(USUAL);
    let found = names.find_map(|name| parameter["examples"].get(name)?["value"].as_str());
    found.unwrap()
}

/// With the headers that have an example of this name.
fn headed(call: &Call<'_>, mut request: Request<Vec<u8>>, name: &str) -> Request<Vec<u8>> {
    for parameter in call.parameters.iter().filter(|one| one["in"] == "header") {
        if let Some(value) = parameter["examples"][name]["value"].as_str() {
            let header: HeaderName = parameter["name"].as_str().unwrap().parse().unwrap();
            request.headers_mut().insert(header, value.parse().unwrap());
        }
    }
    request
}

/// The first example of a header's form.
fn header<'a>(document: &'a Document, schema: &str) -> &'a str {
    let schema = &document.root["components"]["schemas"][schema];
    schema["examples"][0].as_str().unwrap()
}

/// A submission in keys mode that proves its secret.
pub fn proven(document: &Document, stage: &Stage, nonce: u8) -> Request<Vec<u8>> {
    let call = document.call("submit");
    let plain = with_json(bare(&call.method, call.path, vec![]), &json!({}));
    with_proof(plain, stage.now(), &own_nonce(nonce))
}

/// A submission for a key that nobody has seen before.
pub fn other_key(submit: &Call<'_>) -> Request<Vec<u8>> {
    let body = json!({ "csr": sample::csr_pem_of(SERIAL) });
    with_token(with_json(bare(&submit.method, submit.path, vec![]), &body))
}

/// Without the token that a submission may have in its body: there will be a header.
fn tokenless(request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    if request.body().is_empty() {
        return request;
    }
    with_json(request, &json!({}))
}

/// At another place, made of its path.
fn at(mut request: Request<Vec<u8>>, place: impl FnOnce(&str) -> String) -> Request<Vec<u8>> {
    *request.uri_mut() = place(request.uri().path()).parse().unwrap();
    request
}

fn with_body(mut request: Request<Vec<u8>>, body: Vec<u8>) -> Request<Vec<u8>> {
    *request.body_mut() = body;
    request
}
