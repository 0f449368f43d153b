//! B1 to B6: bodies that are not the object, or not JSON at all.

use crate::cast::KNOWN;
use crate::cast::token;
use crate::row::ANY_FIELD;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::table::bodies::good;
use crate::table::bodies::raw;
use crate::table::bodies::submit;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [
        empty(),
        cut(),
        broken(),
        arrays(),
        duplicates(),
        keys(),
        nested(),
    ];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn empty() -> Rows {
    let mut rows = Rows::of("B1");
    let mut no_body = submit("");
    no_body.body = None;
    rows.add("no body", &no_body, bad(&["body"]));
    for text in [
        "", " ", "\n", "null", "\"\"", "\"SN-1\"", "true", "false", "0", "-1", "1.5", "[]",
    ] {
        rows.add(format!("body {text:?}"), &submit(text), bad(&["body"]));
    }
    rows.add("{}", &submit("{}"), bad(&["serialNumber"]));
    let only = |name: &str| format!(r#"{{"{name}":"SN-1"}}"#);
    rows.add(
        "no token",
        &submit(&only("serialNumber")),
        bad(&["deviceToken"]),
    );
    rows.add(
        "no serial",
        &submit(&only("deviceToken")),
        bad(&["serialNumber"]),
    );
    rows.add("a CSR only", &submit(&only("csr")), bad(&["serialNumber"]));
    rows
}

fn cut() -> Rows {
    let mut rows = Rows::of("B2");
    let good = good();
    for length in 1..good.len() {
        let text = &good[..length];
        rows.add(format!("cut at {length}"), &submit(text), bad(ANY_FIELD))
            .hides(token(KNOWN));
    }
    let inside = &good[..good.len() - 1];
    for (what, text) in [
        ("trailing comma", format!("{inside},}}")),
        ("trailing }{", format!("{good}}}{{")),
        ("two objects", format!("{good}{good}")),
        ("a comment", format!("{good}//")),
        ("trailing NUL", format!("{good}\0")),
        ("leading comma", format!("{{,{}", &good[1..])),
    ] {
        rows.add(what, &submit(&text), bad(ANY_FIELD))
            .hides(token(KNOWN));
    }
    rows
}

/// What a parser of JSON must refuse, as whole bodies and as the value of each key.
fn broken() -> Rows {
    let mut rows = Rows::of("B2");
    for text in super::broken::TEXTS {
        rows.add(format!("body {text:?}"), &submit(text), bad(ANY_FIELD));
        for body in [
            raw(text, "\"t\"", "\"c\""),
            raw("\"SN-1\"", text, "\"c\""),
            raw("\"SN-1\"", "\"t\"", text),
        ] {
            rows.add(format!("value {text:?}"), &submit(&body), bad(ANY_FIELD));
        }
    }
    rows
}

fn arrays() -> Rows {
    let mut rows = Rows::of("B3");
    let token = token(KNOWN);
    for text in [
        format!(r#"["SN-1","{token}"]"#),
        format!(r#"["SN-1","{token}",null]"#),
        format!(r#"["SN-1","{token}","x"]"#),
        format!(r"[{}]", good()),
        format!(r#"[["serialNumber","SN-1"],["deviceToken","{token}"]]"#),
    ] {
        rows.add("an array for the object", &submit(&text), bad(&["body"]))
            .hides(token.as_str());
    }
    rows
}

fn duplicates() -> Rows {
    let mut rows = Rows::of("B4");
    for (name, escaped) in [
        ("serialNumber", r"\u0073erialNumber"),
        ("deviceToken", r"deviceToke\u006e"),
        ("csr", r"\u0063\u0073\u0072"),
    ] {
        let field: &'static [&'static str] = match name {
            "serialNumber" => &["serialNumber"],
            "deviceToken" => &["deviceToken"],
            _ => &["csr"],
        };
        for other in [name, escaped] {
            for value in ["SN-1", ""] {
                let text = format!(r#"{{"{name}":"SN-1","{other}":"{value}"}}"#);
                rows.add(format!("{other} twice"), &submit(&text), bad(field));
            }
        }
    }
    rows
}

fn keys() -> Rows {
    let mut rows = Rows::of("B5");
    let inside = good();
    let inside = &inside[1..inside.len() - 1];
    for key in [
        "Serial",
        "serial",
        "serialnumber",
        "SERIALNUMBER",
        "serial_number",
        "serialNumber ",
        "serialNumber\\u0000",
        "deviceToken2",
        "token",
        "CSR",
        "",
        "$schema",
        "v",
    ] {
        for value in ["\"x\"", "null", "{}", "1"] {
            let text = format!(r#"{{{inside},"{key}":{value}}}"#);
            rows.add(
                format!("key {key:?}: {value}"),
                &submit(&text),
                bad(&["body"]),
            )
            .hides(token(KNOWN));
        }
    }
    rows
}

fn nested() -> Rows {
    let mut rows = Rows::of("B6");
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"serialNumber":"#, "}")] {
        for depth in [127, 128, 129, 1_000, 10_000, 16_384] {
            let depth = depth.min(16_000 / open.len());
            let fields = if open.contains("serial") {
                ANY_FIELD
            } else {
                &["body"]
            };
            rows.add(
                format!("{depth} of {open}"),
                &submit(&open.repeat(depth)),
                bad(fields),
            );
            let closed = format!("{}1{}", open.repeat(depth / 2), close.repeat(depth / 2));
            rows.add(
                format!("{} closed {open}", depth / 2),
                &submit(&closed),
                bad(fields),
            );
        }
        let deep = format!("{}1{}", open.repeat(1_000), close.repeat(1_000));
        let text = raw("\"SN-1\"", &deep, "\"c\"");
        rows.add(
            "deep in a value",
            &submit(&text[..text.len().min(16_384)]),
            bad(ANY_FIELD),
        );
    }
    rows
}
