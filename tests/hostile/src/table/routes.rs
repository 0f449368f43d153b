//! B18 to B20: methods, queries and paths that are none of ours.

use cvm_shared::api::CERTIFICATES_PATH;

use crate::cast::KNOWN;
use crate::cast::UNKNOWN;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::not_found;
use crate::row::wrong_method;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [methods(), queries(), paths()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn good() -> Request {
    Request::submission(body(KNOWN, &token(KNOWN), None))
}

/// A poll that ends in the one 401, unless something in it is noticed before.
fn stranger() -> Request {
    Request::get(format!("{CERTIFICATES_PATH}/x")).token(UNKNOWN, "t")
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
        method.clone_into(&mut request.method);
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
    for method in [" ", "GET ", "G T", "GET\0", "GÉT", "GET\r\nX: y"] {
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
            method.clone_into(&mut request.method);
            path.clone_into(&mut request.path);
            rows.add(format!("{method} {path:?}"), &request, not_found())
                .hides(token(KNOWN));
        }
    }
    rows
}
