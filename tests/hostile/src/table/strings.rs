//! B29 and B21 to B26: every text that breaks things, in every place that takes one.
//!
//! What is due is worked out by rules written down a second time here, not by the code under test.

use cvm_shared::api::CERTIFICATES_PATH;
use serde_json::json;

use crate::cast::KNOWN;
use crate::cast::UNKNOWN;
use crate::cast::busy;
use crate::cast::prover;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::naughty;
use crate::row::ANY_FIELD;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::bad_csr;
use crate::row::bad_nonce;
use crate::row::not_found;
use crate::row::too_large;
use crate::row::unauthorized;
use crate::row::wrong_method;
use crate::row::wrong_type;

/// A nonce of the right form.
const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw";

/// All of them; `now` is what a device's clock says, in seconds.
pub(super) fn rows(now: u64) -> Vec<Row> {
    let mut rows = Rows::of("B29");
    for text in naughty::all() {
        in_bodies(&mut rows, &text);
        in_logins(&mut rows, &text);
        in_proofs(&mut rows, &text, now);
        around(&mut rows, &text);
    }
    rows.list
}

fn short(text: &str) -> String {
    text.chars().take(24).collect()
}

fn is_serial(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(fits)
}

fn is_token(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !"\",\\".contains(c);
    (1..=512).contains(&text.len()) && text.chars().all(fits)
}

/// What a header makes of a value, before anybody looks for meaning in it.
fn through_header(value: &str, field: &'static [&'static str], due: Expected) -> Expected {
    let is_control = |c: char| (c.is_ascii_control() && c != '\t') || c == '\u{7f}';
    if value.chars().any(is_control) {
        bad(&["request"])
    } else if value.is_ascii() {
        due
    } else {
        bad(field)
    }
}

fn sized(request: &Request, due: Expected) -> Expected {
    let size = request.body.as_ref().map_or(0, String::len);
    if size > 16 * 1024 { too_large() } else { due }
}

fn in_bodies(rows: &mut Rows, text: &str) {
    let what = |place: &str| format!("{place} {:?}", short(text));
    let as_serial = Request::submission(body(text, "t", None));
    let due = if is_serial(text) {
        unauthorized()
    } else {
        bad(&["serialNumber"])
    };
    let due = sized(&as_serial, due);
    rows.add(what("serial in the body"), &as_serial, due);
    let as_token = Request::submission(body(KNOWN, text, None));
    let due = if is_token(text) {
        unauthorized()
    } else {
        bad(&["deviceToken"])
    };
    let due = sized(&as_token, due);
    rows.add(what("token in the body"), &as_token, due);
    let device = busy();
    let own = token(device.serial.as_str());
    let as_csr = Request::submission(body(device.serial.as_str(), &own, Some(text)));
    let due = sized(&as_csr, bad_csr(""));
    rows.add(what("CSR"), &as_csr, due).hides(own).with(device);
    let as_key = Request::submission(json!({ text: "x" }).to_string());
    let due = sized(&as_key, bad(&["body"]));
    rows.add(what("key"), &as_key, due);
    let as_body = Request::submission(text);
    let due = sized(&as_body, bad(ANY_FIELD));
    rows.add(what("body"), &as_body, due);
}

/// A value that breaks out of its quotes is a header of another form.
fn quoted(text: &str, due: Expected) -> Expected {
    if text.contains(['"', ',']) {
        bad(&["authorization"])
    } else {
        due
    }
}

fn in_logins(rows: &mut Rows, text: &str) {
    let what = |place: &str| format!("{place} {:?}", short(text));
    let poll = || Request::get(format!("{CERTIFICATES_PATH}/x"));
    let header: &'static [&'static str] = &["authorization"];
    let due = if is_serial(text) {
        unauthorized()
    } else {
        bad(&["serialNumber"])
    };
    let due = through_header(text, header, quoted(text, due));
    rows.add(what("serial in the header"), &poll().token(text, "t"), due);
    let due = if is_token(text) {
        unauthorized()
    } else {
        bad(&["deviceToken"])
    };
    let due = through_header(text, header, quoted(text, due));
    rows.add(what("token in the header"), &poll().token(KNOWN, text), due);
    let due = through_header(text, header, bad(header));
    rows.add(
        what("whole header"),
        &poll().header("authorization", text),
        due,
    );
    let scheme = poll().header(
        "authorization",
        format!("{text} serial=\"SN-1\",token=\"t\""),
    );
    let due = match text {
        "CVM1" => bad(header),
        _ => through_header(text, header, bad(header)),
    };
    rows.add(what("scheme"), &scheme, due);
    let confirm = Request::new("POST", format!("{CERTIFICATES_PATH}/x/confirm"));
    let due = if is_token(text) {
        unauthorized()
    } else {
        bad(&["deviceToken"])
    };
    let due = through_header(text, header, quoted(text, due));
    rows.add(
        what("token of a confirmation"),
        &confirm.token(KNOWN, text),
        due,
    );
}

fn proof_header(ts: &str, nonce: &str, proof: &str) -> Request {
    let value = format!("CVM1 serial=\"SN-1\",ts=\"{ts}\",nonce=\"{nonce}\",proof=\"{proof}\"");
    Request::get(format!("{CERTIFICATES_PATH}/x")).header("authorization", value)
}

fn in_proofs(rows: &mut Rows, text: &str, now: u64) {
    let what = |place: &str| format!("{place} {:?}", short(text));
    let header: &'static [&'static str] = &["authorization"];
    let now = now.to_string();
    let due = through_header(text, header, quoted(text, bad_nonce(&["ts", "nonce"])));
    rows.add(what("moment"), &proof_header(text, NONCE, "x"), due);
    let is_nonce = (22..=86).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let due = if is_nonce {
        unauthorized()
    } else {
        bad_nonce(&["nonce"])
    };
    let due = through_header(text, header, quoted(text, due));
    rows.add(what("nonce"), &proof_header(&now, text, "x"), due);
    let due = if is_nonce {
        bad_nonce(&["nonce"])
    } else {
        due_of_form(text)
    };
    rows.add(what("server's nonce"), &proof_header("-", text, "x"), due);
    let due = through_header(text, header, quoted(text, unauthorized()));
    rows.add(what("proof"), &proof_header(&now, NONCE, text), due);
    let mut elsewhere = Request::get(format!("{CERTIFICATES_PATH}/x"));
    let nonce = cvm_shared::proof::RequestNonce::parse(NONCE).unwrap();
    let stamp = cvm_shared::proof::Stamp::At(now.parse().unwrap());
    elsewhere = elsewhere.proven(&prover(KNOWN), stamp, &nonce);
    text.clone_into(&mut elsewhere.host);
    rows.add(
        what("host that is not the proof's"),
        &elsewhere,
        unauthorized(),
    );
}

fn due_of_form(text: &str) -> Expected {
    through_header(
        text,
        &["authorization"],
        quoted(text, bad_nonce(&["nonce"])),
    )
}

fn around(rows: &mut Rows, text: &str) {
    let what = |place: &str| format!("{place} {:?}", short(text));
    let good = || Request::submission(body(KNOWN, &token(KNOWN), None));
    let device = busy();
    let own = token(device.serial.as_str());
    let path = Request::get(format!("{CERTIFICATES_PATH}/{text}"));
    let path = path.token(device.serial.as_str(), &own);
    rows.add(what("id"), &path, not_found())
        .hides(own)
        .with(device);
    let query = good().query(text);
    if !text.is_empty() {
        rows.add(what("query"), &query, bad(&["query"]));
    }
    let typed = good().without("content-type").header("content-type", text);
    let due = through_header(text, &["content-type"], wrong_type());
    rows.add(what("type"), &typed, due).hides(token(KNOWN));
    let encoded = good().header("content-encoding", text);
    let due = through_header(text, &["content-encoding"], wrong_type());
    rows.add(what("encoding"), &encoded, due)
        .hides(token(KNOWN));
    let stranger = || Request::get(format!("{CERTIFICATES_PATH}/x")).token(UNKNOWN, "t");
    let due = through_header(text, &["prefer"], unauthorized());
    rows.add(what("preference"), &stranger().header("prefer", text), due);
    let other = if through_header(text, &[], unauthorized()) == bad(&["request"]) {
        bad(&["request"])
    } else {
        unauthorized()
    };
    rows.add(
        what("another header"),
        &stranger().header("x-other", text),
        other,
    );
    let tags = Request::get("/v1/trust-bundle").header("if-none-match", text);
    let known = text.split(',').any(|tag| tag.trim() == "*");
    let due = Expected::Answered(if known { 304 } else { 200 });
    rows.add(
        what("tag"),
        &tags,
        through_header(text, &["if-none-match"], due),
    );
    // None at all is taken for GET, which this path does not have.
    let is_method = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    let due = if is_method {
        wrong_method()
    } else {
        bad(&["request"])
    };
    rows.add(what("method"), &Request::new(text, CERTIFICATES_PATH), due);
}
