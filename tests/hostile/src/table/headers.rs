//! B15, B16, B28: headers that are none, large ones, many, and those that came twice; and events of other shapes.

use cvm_shared::api::CERTIFICATES_PATH;

use crate::cast::KNOWN;
use crate::cast::UNKNOWN;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::not_found;
use crate::row::unauthorized;
use crate::row::wrong_type;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [odd_headers(), large_headers(), doubled(), other_events()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn good() -> Request {
    Request::submission(body(KNOWN, &token(KNOWN), None))
}

/// A poll that ends in the one 401, unless something in it is noticed before.
fn stranger() -> Request {
    Request::get(format!("{CERTIFICATES_PATH}/x")).token(UNKNOWN, "t")
}

/// Values and names that no HTTP server lets through; a function that is invoked otherwise must not die of them.
fn odd_headers() -> Rows {
    let mut rows = Rows::of("B15");
    for value in ["a\0b", "a\nb", "a\rb", "a\r\nx: y", "\u{7f}", "\u{1}"] {
        for name in ["x-other", "authorization", "content-type", "prefer"] {
            let request = stranger().without("authorization").header(name, value);
            rows.add(format!("{name}: {value:?}"), &request, bad(&["request"]));
        }
    }
    for name in [
        "",
        "a b",
        "a:b",
        "é",
        "a\0",
        "a\n",
        "(x)",
        "\u{feff}authorization",
    ] {
        let request = stranger().header(name, "x");
        rows.add(
            format!("a header named {name:?}"),
            &request,
            bad(&["request"]),
        );
    }
    for name in [
        "authorization",
        "content-type",
        "prefer",
        "if-none-match",
        "content-encoding",
    ] {
        let field: &'static [&'static str] = match name {
            "authorization" => &["authorization"],
            "content-type" => &["content-type"],
            "prefer" => &["prefer"],
            "if-none-match" => &["if-none-match"],
            _ => &["content-encoding"],
        };
        let request = match name {
            "if-none-match" => Request::get("/v1/trust-bundle"),
            "content-type" => good().without(name),
            "content-encoding" => good(),
            _ => stranger().without(name),
        };
        for value in ["é", "\u{feff}x", "x\u{202e}", "👩"] {
            let request = request.clone().header(name, value);
            rows.add(format!("{name}: {value:?}"), &request, bad(field));
        }
    }
    rows.add(
        "another header: é",
        &stranger().header("x-other", "é"),
        unauthorized(),
    );
    rows
}

fn large_headers() -> Rows {
    let mut rows = Rows::of("B16");
    let large = "x".repeat(64 * 1024);
    rows.add(
        "64 KiB of another header",
        &stranger().header("x-other", &*large),
        unauthorized(),
    );
    rows.add(
        "64 KiB of a name",
        &stranger().header(&*large, "x"),
        bad(&["request"]),
    );
    let poll = Request::get(format!("{CERTIFICATES_PATH}/x"));
    rows.add(
        "64 KiB of a token",
        &poll.clone().token(KNOWN, &large),
        bad(&["deviceToken"]),
    );
    rows.add(
        "64 KiB of a serial",
        &poll.clone().token(&large, "t"),
        bad(&["serialNumber"]),
    );
    rows.add(
        "64 KiB of commas",
        &poll.clone().header(
            "authorization",
            format!("CVM1-TOKEN {}", ",".repeat(65_536)),
        ),
        bad(&["authorization"]),
    );
    rows.add(
        "64 KiB of a preference",
        &stranger().header("prefer", &*large),
        unauthorized(),
    );
    rows.add(
        "64 KiB of a path",
        &Request::get(format!("/{large}")),
        not_found(),
    );
    let tags = Request::get("/v1/trust-bundle").header("if-none-match", "\"x\",".repeat(10_000));
    rows.add("10,000 tags", &tags, Expected::Answered(200));
    let many = (0..1_000).fold(stranger(), |request, number| {
        request.header(format!("x-{number}"), "y")
    });
    rows.add("1,000 headers", &many, unauthorized());
    rows
}

/// B28: blanks around values, and headers that came twice (joined by a comma on the way).
fn doubled() -> Rows {
    let mut rows = Rows::of("B28");
    let own = format!("CVM1-TOKEN serial=\"SN-1\",token=\"{}\"", token(KNOWN));
    let poll = || Request::get(format!("{CERTIFICATES_PATH}/x"));
    for (what, value) in [
        ("a blank before", format!(" {own}")),
        ("a tab after", format!("{own}\t")),
        (
            "two blanks after the scheme and a tab",
            own.replacen(' ', " \t", 1),
        ),
        ("twice", format!("{own},{own}")),
        ("twice with a blank", format!("{own}, {own}")),
        ("empty", String::new()),
        ("a blank", " ".to_owned()),
    ] {
        let request = poll().header("authorization", value);
        rows.add(what, &request, bad(&["authorization"]))
            .hides(token(KNOWN));
    }
    let twice = good().header("content-type", "application/json");
    rows.add("two types", &twice, wrong_type());
    let both = good()
        .header("content-encoding", "identity")
        .header("content-encoding", "identity");
    rows.add("two encodings", &both, wrong_type());
    rows.add(
        "blanks after the token, which good clients send",
        &poll().header("authorization", format!("{own}  ")),
        not_found(),
    );
    rows
}

/// What no gateway sends: a function that is invoked by hand must answer it and not repeat it.
fn other_events() -> Rows {
    let mut rows = Rows::of("B15");
    let secret = token(KNOWN);
    let good = good().event();
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let all = [
        ("a text", serde_json::json!(secret)),
        ("a list", serde_json::json!([secret])),
        ("null", serde_json::json!(null)),
        ("a number", serde_json::json!(7)),
        ("an empty object", serde_json::json!({})),
        (
            "an object of another kind",
            serde_json::json!({ "Records": [{ "body": secret }] }),
        ),
        (
            "a body of another kind",
            changed("/body", serde_json::json!([secret])),
        ),
        (
            "headers of another kind",
            changed("/headers", serde_json::json!([secret])),
        ),
        (
            "a header of another kind",
            changed(
                "/headers",
                serde_json::json!({ "authorization": { "a": secret } }),
            ),
        ),
        (
            "no context",
            changed("/requestContext", serde_json::json!(null)),
        ),
        (
            "a method of another kind",
            changed("/requestContext/http/method", serde_json::json!(1)),
        ),
        (
            "a flag of another kind",
            changed("/isBase64Encoded", serde_json::json!(secret)),
        ),
        (
            "a path of another kind",
            changed("/rawPath", serde_json::json!({ "a": secret })),
        ),
        (
            "a query of another kind",
            changed("/rawQueryString", serde_json::json!([secret])),
        ),
    ];
    for (what, event) in all {
        rows.add_event(what, event, bad(&["request"]))
            .hides(&*secret);
    }
    rows
}
