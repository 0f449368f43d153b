//! B10 to B20, B28: what is wrong around the body.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::CERTIFICATES_PATH;

use crate::cast::KNOWN;
use crate::cast::UNKNOWN;
use crate::cast::fresh;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::not_found;
use crate::row::too_large;
use crate::row::unauthorized;
use crate::row::wrong_method;
use crate::row::wrong_type;

/// The largest body, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [
        types(),
        charsets(),
        inflated(),
        base64(),
        sizes(),
        odd_headers(),
        large_headers(),
        methods(),
        queries(),
        paths(),
        doubled(),
        other_events(),
    ];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn good() -> Request {
    Request::submission(body(KNOWN, &token(KNOWN), None))
}

fn typed(media_type: &str) -> Request {
    let request = good().without("content-type");
    request.header("content-type", media_type)
}

/// A poll that ends in the one 401, unless something in it is noticed before.
fn stranger() -> Request {
    Request::get(format!("{CERTIFICATES_PATH}/x")).token(UNKNOWN, "t")
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
            let text = format!("{:<size$}", body(&serial, &token(&serial), None));
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
        let text = format!("{:<size$}", body(KNOWN, &token(KNOWN), None));
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

fn methods() -> Rows {
    let mut rows = Rows::of("B18");
    let posts = [
        CERTIFICATES_PATH.to_owned(),
        format!("{CERTIFICATES_PATH}/x/confirm"),
    ];
    let gets = ["/v1/nonce", "/v1/trust-bundle", "/v1/certificates/x"].map(ToOwned::to_owned);
    let shared = [
        "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "post", "Post",
        "FOO", "QUERY",
    ];
    let all = posts.iter().flat_map(|path| {
        shared
            .into_iter()
            .chain(["GET"])
            .map(move |method| (method, path))
    });
    let all = all.chain(gets.iter().flat_map(|path| {
        shared
            .into_iter()
            .chain(["POST"])
            .map(move |method| (method, path))
    }));
    for (method, path) in all {
        let mut request = good();
        request.method = method.to_owned();
        request.path.clone_from(path);
        rows.add(format!("{method} {path}"), &request, wrong_method())
            .hides(token(KNOWN));
        let request = request.token(KNOWN, &token(KNOWN));
        rows.add(
            format!("{method} {path} with a login"),
            &request,
            wrong_method(),
        );
    }
    for method in ["", " ", "GET ", "G T", "GET\0", "GÉT", "GET\r\nX: y"] {
        let request = Request::new(method, CERTIFICATES_PATH);
        rows.add(format!("method {method:?}"), &request, bad(&["request"]));
    }
    rows
}

fn queries() -> Rows {
    let mut rows = Rows::of("B19");
    let token = token(KNOWN);
    for query in [
        format!("token={token}"),
        format!("serialNumber=SN-1&deviceToken={token}"),
        "a".to_owned(),
        "=".to_owned(),
        "&".to_owned(),
        "%".to_owned(),
        "csr=x".to_owned(),
        "\0".to_owned(),
    ] {
        let requests = [
            good(),
            stranger(),
            Request::get("/v1/nonce"),
            Request::get("/v1/trust-bundle"),
            Request::get("/nowhere"),
        ];
        for request in requests {
            let what = format!("{} {}?{query}", request.method, request.path);
            rows.add(what, &request.query(&*query), bad(&["query"]))
                .hides(&*token);
        }
    }
    rows
}

fn paths() -> Rows {
    let mut rows = Rows::of("B20");
    for path in [
        "",
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v1//certificates",
        "//v1/certificates",
        "/v1/certificates/",
        "/v1/certificates//",
        "/V1/certificates",
        "/v1/Certificates",
        "/v1/certificates;a=b",
        "/v1/%63ertificates",
        "/v1/certificates%2f",
        "/v1/certificates%00",
        "/v1/certificates\0",
        "/v1/./certificates",
        "/v1/../v1/certificates",
        "/v1/%2e%2e/certificates",
        "/v1/certificates/x/",
        "/v1/certificates/x/confirm/",
        "/v1/certificates//confirm",
        "/v1/certificates/x/y",
        "/v1/certificates/x/confirm/y",
        "/v1/certificates/x/Confirm",
        "/v1/certificates\\x",
        "/v1/trust-bundle/",
        "/v1/Trust-bundle",
        "/v1/nonce/",
        "/v1/nonces",
        "/v1/requests",
        "/v2/certificates",
        "v1/certificates",
        "*",
        "http://x/v1/certificates",
        "/v1/certificates#x",
        "/v1/certificates?x",
        "/prod/v1/certificates",
        "/certificates",
        "/v1/certificates ",
        " /v1/certificates",
        "/v1/certificatés",
        "/favicon.ico",
        "/.env",
        "/admin",
        "/2018-06-01/runtime/invocation/next",
    ] {
        for method in ["GET", "POST"] {
            let mut request = good();
            request.method = method.to_owned();
            request.path = path.to_owned();
            rows.add(format!("{method} {path:?}"), &request, not_found())
                .hides(token(KNOWN));
        }
    }
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
