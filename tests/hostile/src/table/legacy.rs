//! B105 to B107: the calls of the published machines, off and on. They are answered in those machines' words, so of
//! `POST /` only the status is looked at.

use serde_json::json;

use crate::cast::DISABLED;
use crate::cast::KNOWN;
use crate::cast::NEIGHBOUR;
use crate::cast::PROOF_ONLY;
use crate::cast::UNKNOWN;
use crate::cast::token;
use crate::event::Request;
use crate::naughty;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::not_found;
use crate::row::unauthorized;
use crate::row::wrong_method;
use crate::row::wrong_type;

const FORM: &str = "application/x-www-form-urlencoded";

/// While the calls are off.
pub(super) fn off() -> Vec<Row> {
    let mut rows = Rows::of("B107");
    let own = token(KNOWN);
    let query = format!("serialNumber=SN-1&deviceToken={own}");
    for path in ["/getcert", "/"] {
        for method in ["GET", "POST"] {
            let request = Request::new(method, path);
            let with_query = request.clone().query(&*query);
            rows.add(
                format!("{method} {path}, off, a query"),
                &with_query,
                bad(&["query"]),
            )
            .hides(&*own);
            let with_body = request.text(query.as_str());
            rows.add(format!("{method} {path}, off"), &with_body, not_found())
                .hides(&*own);
        }
    }
    rows.list
}

/// While they are on.
pub fn on() -> Vec<Row> {
    let parts = [strangers(), bent(), others()];
    let mut all: Vec<Row> = parts.into_iter().flat_map(|rows| rows.list).collect();
    for text in naughty::all() {
        all.extend(strings(&text).list);
    }
    all
}

/// The ways to ask `/getcert`.
fn ways(serial: &str, token: &str) -> Vec<Request> {
    let form = format!(
        "serialNumber={}&deviceToken={}",
        percent(serial),
        percent(token)
    );
    let json = json!({ "serialNumber": serial, "deviceToken": token }).to_string();
    let post = |body: &str| Request::new("POST", "/getcert").text(body);
    vec![
        Request::get("/getcert").query(&*form),
        post(&form).header("content-type", FORM),
        post(&json).header("content-type", "application/json"),
        post(&json).header("content-type", FORM),
    ]
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// B106: a wrong token is 401, the same as everybody's.
fn strangers() -> Rows {
    let mut rows = Rows::of("B106");
    for (serial, shown) in [
        (UNKNOWN, token(UNKNOWN)),
        (KNOWN, token(NEIGHBOUR)),
        (DISABLED, token(DISABLED)),
        (PROOF_ONLY, token(PROOF_ONLY)),
        (KNOWN, "0".to_owned()),
    ] {
        for request in ways(serial, &shown) {
            let what = format!("{serial} with {shown} by {}", request.method);
            rows.add(what, &request, unauthorized())
                .hides(shown.clone() + "\"");
        }
        let old = json!({ "seriaNum": serial, "accessToken": shown }).to_string();
        let request = Request::new("POST", "/").text(old);
        let request = request.header("content-type", "application/json");
        let row = rows.add(
            format!("{serial} at the ancestor"),
            &request,
            Expected::Answered(401),
        );
        row.after_lookup();
    }
    rows
}

/// Two places, twice, missing, broken.
fn bent() -> Rows {
    let mut rows = Rows::of("B107");
    let own = token(KNOWN);
    let good = format!("serialNumber=SN-1&deviceToken={own}");
    let get = |query: &str| Request::get("/getcert").query(query);
    for (what, query, fields) in [
        (
            "no serial",
            format!("deviceToken={own}"),
            &["serialNumber"][..],
        ),
        ("no token", "serialNumber=SN-1".to_owned(), &["deviceToken"]),
        (
            "a token twice",
            format!("{good}&deviceToken={own}"),
            &["deviceToken"],
        ),
        (
            "a serial twice",
            format!("{good}&serialNumber=SN-1"),
            &["serialNumber"],
        ),
        ("a broken escape", format!("{good}%"), &["query"]),
        (
            "a broken escape within",
            format!("{good}&x=%zz"),
            &["query"],
        ),
        (
            "lists",
            format!("serialNumber[]=SN-1&deviceToken[]={own}"),
            &["serialNumber"],
        ),
        (
            "an empty token",
            "serialNumber=SN-1&deviceToken=".to_owned(),
            &["deviceToken"],
        ),
    ] {
        rows.add(what, &get(&query), bad(fields)).hides(&*own);
    }
    rows.add("nothing", &Request::get("/getcert"), bad(&["serialNumber"]));
    let both = get(&good).text(&*good);
    rows.add("a query and a body", &both, bad(&["query"]))
        .hides(&*own);
    for value in [
        json!([own]),
        json!({ "a": own }),
        json!(null),
        json!(true),
        json!(1.5),
        json!(1e99),
    ] {
        let body = json!({ "serialNumber": "SN-1", "deviceToken": value }).to_string();
        let request = Request::new("POST", "/getcert").text(body);
        let what = format!("a token of another kind: {value}");
        rows.add(what, &request, bad(&["deviceToken"])).hides(&*own);
    }
    rows
}

/// What these calls do not take.
fn others() -> Rows {
    let mut rows = Rows::of("B107");
    let own = token(KNOWN);
    let query = format!("serialNumber=SN-1&deviceToken={own}");
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "get"] {
        let request = Request::new(method, "/getcert").query(&*query);
        rows.add(method, &request, wrong_method()).hides(&*own);
    }
    rows.add("GET /", &Request::get("/"), wrong_method());
    for path in [
        "/",
        "/getcert/",
        "/Getcert",
        "/getcert;a",
        "/v1/certificates",
        "/v1/nonce",
    ] {
        let request = Request::new("POST", path).query(&*query);
        rows.add(format!("a query for {path}"), &request, bad(&["query"]))
            .hides(&*own);
    }
    for media_type in [
        "multipart/form-data; boundary=x",
        "application/cbor",
        "text/xml",
        "image/png",
    ] {
        let request = Request::new("POST", "/getcert")
            .text(&*query)
            .header("content-type", media_type);
        rows.add(media_type, &request, wrong_type()).hides(&*own);
    }
    let packed = Request::new("POST", "/getcert")
        .text(&*query)
        .header("content-encoding", "gzip");
    rows.add("packed", &packed, wrong_type()).hides(&*own);
    rows
}

fn strings(text: &str) -> Rows {
    let mut rows = Rows::of("B107");
    let fits = |extra: &str, most: usize, c: fn(char) -> bool| {
        (1..=most).contains(&text.len()) && text.chars().all(|one| c(one) || extra.contains(one))
    };
    let is_serial = fits(":_-", 128, |c| c.is_ascii_alphanumeric());
    let is_token = fits("", 512, |c| c.is_ascii_graphic() && !"\",\\".contains(c));
    let short: String = text.chars().take(24).collect();
    // Each text goes one way as a serial number and another way as a token.
    let as_serial = ways(text, "t").swap_remove(text.len() % 4);
    let due = if is_serial {
        unauthorized()
    } else {
        bad(&["serialNumber"])
    };
    let due = sized(&as_serial, due);
    rows.add(
        format!("serial {short:?}, {}", as_serial.method),
        &as_serial,
        due,
    );
    let as_token = ways(KNOWN, text).swap_remove((text.len() + 1) % 4);
    let due = if is_token {
        unauthorized()
    } else {
        bad(&["deviceToken"])
    };
    let due = sized(&as_token, due);
    rows.add(
        format!("token {short:?}, {}", as_token.method),
        &as_token,
        due,
    );
    rows
}

fn sized(request: &Request, due: Expected) -> Expected {
    let size = request.body.as_ref().map_or(0, String::len);
    if size > 16 * 1024 {
        crate::row::too_large()
    } else {
        due
    }
}
