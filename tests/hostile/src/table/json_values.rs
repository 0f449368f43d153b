//! B7 to B9, B27: values of other kinds and encodings, and keys that no device may set.

use cvm_testkit::sample;

use crate::cast::KNOWN;
use crate::cast::device_token;
use crate::cast::fresh;
use crate::cast::token;
use crate::event::Request;
use crate::row::ANY_FIELD;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::table::bodies::good;
use crate::table::bodies::raw;
use crate::table::bodies::submit;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [kinds(), numbers(), encodings(), wishes(), aliases()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn kinds() -> Rows {
    let mut rows = Rows::of("B7");
    let token = format!("\"{}\"", token(KNOWN));
    for value in [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-0",
        "1.5",
        "[]",
        "{}",
        "[\"SN-1\"]",
        "{\"$ne\":null}",
        "{\"$gt\":\"\"}",
        "{\"S\":\"SN-1\"}",
        "[[\"SN-1\"]]",
    ] {
        let wrong_token = raw("\"SN-1\"", value, "\"c\"");
        rows.add(
            format!("serial {value}"),
            &submit(&raw(value, &token, "\"c\"")),
            bad(&["serialNumber"]),
        );
        rows.add(
            format!("token {value}"),
            &submit(&wrong_token),
            bad(&["deviceToken"]),
        );
        rows.add(
            format!("CSR {value}"),
            &submit(&raw("\"SN-1\"", &token, value)),
            bad(&["csr"]),
        );
    }
    let token = crate::cast::token(KNOWN);
    let listed = raw("\"SN-1\"", &format!("[\"{token}\"]"), "\"c\"");
    rows.add(
        "the right token in a list",
        &submit(&listed),
        bad(&["deviceToken"]),
    )
    .hides(token);
    rows
}

fn numbers() -> Rows {
    let mut rows = Rows::of("B8");
    let digits = "9".repeat(400);
    let many = "1".repeat(15_000);
    for value in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e-999",
        &digits,
        &many,
        "0x10",
        "1e99999999999",
    ] {
        let short: String = value.chars().take(12).collect();
        rows.add(
            format!("serial {short}"),
            &submit(&raw(value, "\"t\"", "\"c\"")),
            bad(ANY_FIELD),
        );
        rows.add(
            format!("token {short}"),
            &submit(&raw("\"SN-1\"", value, "\"c\"")),
            bad(ANY_FIELD),
        );
        rows.add(format!("body {short}"), &submit(value), bad(&["body"]));
    }
    rows
}

fn encodings() -> Rows {
    let mut rows = Rows::of("B9");
    let good = good();
    let utf16 = |order: fn(u16) -> [u8; 2]| good.encode_utf16().flat_map(order).collect();
    let utf32: Vec<u8> = good
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    let spoilt = |byte: &[u8]| {
        let (head, tail) = good.split_at(20);
        [head.as_bytes(), byte, tail.as_bytes()].concat()
    };
    let all: Vec<(&str, Vec<u8>)> = vec![
        ("BOM", [b"\xef\xbb\xbf", good.as_bytes()].concat()),
        ("UTF-16 BE", utf16(u16::to_be_bytes)),
        ("UTF-16 LE", utf16(u16::to_le_bytes)),
        (
            "UTF-16 LE with BOM",
            [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(),
        ),
        ("UTF-32", utf32),
        ("an invalid byte", spoilt(b"\xff")),
        ("a lone continuation byte", spoilt(b"\x80")),
        ("an overlong slash", spoilt(b"\xc0\xaf")),
        ("an overlong NUL", spoilt(b"\xc0\x80")),
        ("a surrogate in UTF-8", spoilt(b"\xed\xa0\x80")),
        ("a character beyond Unicode", spoilt(b"\xf4\x90\x80\x80")),
        ("a cut character", spoilt(b"\xe2\x82")),
        ("Latin-1", spoilt(b"\xe9")),
        ("UTF-7", b"+AHsAfQ-".to_vec()),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0".to_vec()),
        ("nothing but NUL", vec![0; 64]),
        ("CBOR", b"\xa2\x6cserialNumber\x64SN-1".to_vec()),
    ];
    for (what, bytes) in all {
        rows.add(what, &Request::submission_of_bytes(&bytes), bad(ANY_FIELD))
            .hides(token(KNOWN));
    }
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\udc00\ud800""#,
        r#""\ud83d""#,
        r#""SN-1\ud800""#,
        r#""\ud800\u0041""#,
        r#""\u00""#,
        r#""\uzzzz""#,
        r#""\x41""#,
        "\"\u{0}\"",
        "\"\n\"",
        "\"\t\"",
    ] {
        rows.add(
            format!("serial {text:?}"),
            &submit(&raw(text, "\"t\"", "\"c\"")),
            bad(ANY_FIELD),
        );
    }
    rows
}

/// B27: what a device may not decide.
fn wishes() -> Rows {
    let mut rows = Rows::of("B27");
    let inside = good();
    let inside = &inside[..inside.len() - 1];
    for (key, value) in [
        ("thingName", "\"SN-2\""),
        ("policyName", "\"admin\""),
        ("policyFrom", "\"group\""),
        ("thingMade", "\"yes\""),
        ("thingType", "\"x\""),
        ("thingGroup", "\"x\""),
        ("attributes", "{\"a\":\"b\"}"),
        ("epoch", "7"),
        ("generation", "7"),
        ("applyState", "-1"),
        ("accessToken", "\"x\""),
        ("certID", "\"x\""),
        ("requestId", "\"x\""),
        ("revision", "0"),
        ("mode", "\"keys\""),
        ("idempotency_key", "\"x\""),
    ] {
        let text = format!("{inside},\"{key}\":{value}}}");
        rows.add(format!("{key} wished for"), &submit(&text), bad(&["body"]))
            .hides(token(KNOWN));
    }
    rows
}

/// What looks odd and is the right JSON all the same must be taken: refusing it would be wrong, too.
fn aliases() -> Rows {
    let mut rows = Rows::of("B4");
    for what in ["escaped", "spread out", "in another order", "without a CSR"] {
        let device = fresh();
        let serial = device.serial.to_string();
        let (own, csr) = (device_token(&serial), sample::csr_pem_of(&serial));
        let csr = serde_json::json!(csr).to_string();
        let own = own.expose();
        let text = match what {
            "escaped" => {
                let escaped = serial.replace('O', r"\u004f");
                format!(r#"{{"serialN\u0075mber":"{escaped}","deviceToken":"{own}","csr":{csr}}}"#)
            }
            "spread out" => format!(
                " {{\r\n\t\"serialNumber\" : \"{serial}\" ,\n\"deviceToken\":\"{own}\",\"csr\":{csr}}}\n\n"
            ),
            "in another order" => {
                format!(r#"{{"csr":{csr},"deviceToken":"{own}","serialNumber":"{serial}"}}"#)
            }
            _ => format!(r#"{{"serialNumber":"{serial}","deviceToken":"{own}"}}"#),
        };
        rows.add(
            format!("good, but {what}"),
            &submit(&text),
            Expected::Accepted,
        )
        .hides(own)
        .with(device);
    }
    rows
}
