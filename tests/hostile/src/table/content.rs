//! B10 to B14: what is wrong with the type, the encoding or the size of a body.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::cast::KNOWN;
use crate::cast::fresh;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::too_large;
use crate::row::wrong_type;

/// The largest body, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [types(), charsets(), inflated(), base64(), sizes()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn good() -> Request {
    Request::submission(body(KNOWN, &token(KNOWN), None))
}

fn typed(media_type: &str) -> Request {
    let request = good().without("content-type");
    request.header("content-type", media_type)
}

fn types() -> Rows {
    let mut rows = Rows::of("B10");
    rows.add("no type", &good().without("content-type"), wrong_type());
    for media_type in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json2",
        "application/problem+json",
        "application/ld+json",
        "application/x-json",
        "application/json, text/plain",
        "application/json;",
        "application/json; a=b",
        "application\\json",
        "application/ json x",
        "json",
        "*/*",
        "application/*",
        "application/cbor",
        "application/octet-stream",
    ] {
        rows.add(
            format!("type {media_type:?}"),
            &typed(media_type),
            wrong_type(),
        );
    }
    rows
}

fn charsets() -> Rows {
    let mut rows = Rows::of("B11");
    for charset in [
        "utf-16",
        "utf-16le",
        "utf-32",
        "utf-7",
        "iso-8859-1",
        "us-ascii",
        "utf8",
        "x",
        "",
        "\"utf-8\"",
        "utf-8; charset=utf-16",
    ] {
        let media_type = format!("application/json; charset={charset}");
        rows.add(
            format!("charset {charset:?}"),
            &typed(&media_type),
            wrong_type(),
        );
    }
    for media_type in [
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json ; charset=utf-8",
    ] {
        let device = fresh();
        let serial = device.serial.to_string();
        let mut request = typed(media_type);
        request.body = Some(body(&serial, &token(&serial), None));
        rows.add(
            format!("good type {media_type:?}"),
            &request,
            Expected::Accepted,
        )
        .with(device);
    }
    rows
}

fn inflated() -> Rows {
    let mut rows = Rows::of("B12");
    for encoding in [
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, gzip",
        "identity, gzip",
        "identity;q=1",
        "",
        "aws-chunked",
        "x",
    ] {
        let request = good().header("content-encoding", encoding);
        rows.add(format!("encoding {encoding:?}"), &request, wrong_type());
        let bomb =
            Request::submission_of_bytes(&[b"\x1f\x8b\x08\0".as_slice(), &[0; 900]].concat());
        let bomb = bomb.header("content-encoding", encoding);
        rows.add(format!("packed, {encoding:?}"), &bomb, wrong_type());
    }
    rows
}

fn base64() -> Rows {
    let mut rows = Rows::of("B13");
    let text = body(KNOWN, &token(KNOWN), None);
    let encoded = BASE64_STANDARD.encode(&text);
    for (what, bad_base64) in [
        ("not base64", "%%%".to_owned()),
        ("JSON that is said to be base64", text),
        ("cut", encoded[..encoded.len() - 3].to_owned()),
        ("padding in the middle", format!("AA=={encoded}")),
        (
            "a line feed in it",
            format!("{}\n{}", &encoded[..8], &encoded[8..]),
        ),
        ("a blank before it", format!(" {encoded}")),
        ("the other alphabet", "_-_-".to_owned()),
        ("stray bits", "AB==".to_owned()),
    ] {
        let mut request = good().text(bad_base64);
        request.base64 = true;
        rows.add(what, &request, bad(&["body"])).hides(token(KNOWN));
    }
    let flagless = good().text(&encoded);
    rows.add("base64 that is not said to be", &flagless, bad(&["body"]))
        .hides(token(KNOWN));
    let device = fresh();
    let serial = device.serial.to_string();
    let request = Request::submission_of_bytes(body(&serial, &token(&serial), None).as_bytes());
    rows.add("good base64", &request, Expected::Accepted)
        .with(device);
    rows
}

fn sizes() -> Rows {
    let mut rows = Rows::of("B14");
    for size in [BODY_MAX - 1, BODY_MAX] {
        for packed in [false, true] {
            let device = fresh();
            let serial = device.serial.to_string();
            let text = padded(body(&serial, &token(&serial), None), size);
            let request = if packed {
                Request::submission_of_bytes(text.as_bytes())
            } else {
                Request::submission(text)
            };
            rows.add(
                format!("{size} bytes, base64: {packed}"),
                &request,
                Expected::Accepted,
            )
            .with(device);
        }
    }
    for size in [
        BODY_MAX + 1,
        BODY_MAX + 2,
        21_848,
        21_849,
        100_000,
        1_000_000,
        4_000_000,
    ] {
        let text = padded(body(KNOWN, &token(KNOWN), None), size);
        rows.add(
            format!("{size} bytes"),
            &Request::submission(text.as_str()),
            too_large(),
        )
        .hides(token(KNOWN));
        let packed = Request::submission_of_bytes(text.as_bytes());
        rows.add(format!("{size} bytes in base64"), &packed, too_large());
        let elsewhere = Request::get("/v1/trust-bundle").text(text);
        rows.add(format!("{size} bytes for a GET"), &elsewhere, too_large());
    }
    rows
}

/// A body with blanks behind it, so that it has this size.
fn padded(mut body: String, size: usize) -> String {
    let missing = size - body.len();
    body.push_str(&" ".repeat(missing));
    body
}
