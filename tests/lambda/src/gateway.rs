//! HTTP as API Gateway tells a function of it (payload format 2.0), and the function's answer as HTTP. Pure.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// The event for one request that came at `at_ms` (Unix time).
pub fn event(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8], at_ms: u64) -> Value {
    let text = is_text(headers)
        .then(|| std::str::from_utf8(body).ok())
        .flatten();
    let encoded = text.map_or_else(|| BASE64_STANDARD.encode(body), ToOwned::to_owned);
    let host = headers.get("host").and_then(|host| host.to_str().ok());
    let agent = headers
        .get("user-agent")
        .and_then(|agent| agent.to_str().ok());
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": joined(headers),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": method.as_str(),
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": agent,
            },
            "requestId": format!("local-{at_ms}"),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": at_ms,
        },
        "isBase64Encoded": text.is_none() && !body.is_empty(),
    });
    if !body.is_empty() {
        event["body"] = encoded.into();
    }
    event
}

/// API Gateway hands these over as text, all others as base64.
fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = media_type
        .unwrap_or("text/plain")
        .trim()
        .to_ascii_lowercase();
    let known = [
        "text/",
        "application/json",
        "application/javascript",
        "application/xml",
    ];
    known.iter().any(|start| media_type.starts_with(start))
}

/// Names in lower case, the values of a repeated one joined by commas.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let mut all = Map::new();
    for name in headers.keys() {
        let mut joined = String::new();
        for (index, value) in headers.get_all(name).iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let value = String::from_utf8_lossy(value.as_bytes());
            // A String takes all that is written to it.
            let _never = write!(joined, "{comma}{value}");
        }
        all.insert(name.as_str().to_owned(), joined.into());
    }
    all
}

/// The HTTP answer for what the function answered.
pub fn answer(told: &Value) -> Response {
    let Some(status) = told.get("statusCode") else {
        // An answer without a status is taken for a body.
        return ([(CONTENT_TYPE, "application/json")], told.to_string()).into_response();
    };
    let status = status
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let (Some(status), Some(body)) = (status, body(told)) else {
        return failed(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in told["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let value = value
            .as_str()
            .and_then(|value| HeaderValue::from_str(value).ok());
        if let Some((name, value)) = name.zip(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn body(told: &Value) -> Option<Vec<u8>> {
    let body = told["body"].as_str().unwrap_or_default();
    if told["isBase64Encoded"] == true {
        return BASE64_STANDARD.decode(body).ok();
    }
    Some(body.as_bytes().to_vec())
}

/// API Gateway's own answer where the function has none.
pub fn failed(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn a_request_is_told_in_payload_format_2() {
        let headers = headers(&[
            ("content-type", "application/json"),
            ("x-a", "1"),
            ("x-a", "2"),
        ]);
        let uri = Uri::from_static("/v1/certificates?a=b");
        let event = event(&Method::POST, &uri, &headers, b"{}", 7);
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["rawPath"], "/v1/certificates");
        assert_eq!(event["rawQueryString"], "a=b");
        assert_eq!(event["headers"]["x-a"], "1,2");
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("{}"), &json!(false))
        );
    }

    #[test]
    fn what_is_not_text_is_told_in_base64() {
        let uri = Uri::from_static("/");
        for (media_type, body) in [
            ("application/octet-stream", &b"abc"[..]),
            ("text/plain", &[0xff]),
        ] {
            let headers = headers(&[("content-type", media_type)]);
            let event = event(&Method::POST, &uri, &headers, body, 7);
            assert_eq!(event["isBase64Encoded"], true);
            assert_eq!(event["body"], BASE64_STANDARD.encode(body));
        }
    }

    #[test]
    fn an_answer_has_its_status_and_headers() {
        let told = json!({ "statusCode": 202, "headers": { "retry-after": "2" }, "body": "eA==", "isBase64Encoded": true });
        let response = answer(&told);
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(body(&told), Some(b"x".to_vec()));
    }

    #[test]
    fn an_answer_that_is_none_is_an_error_of_the_server() {
        assert_eq!(
            answer(&json!({ "statusCode": "x" })).status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        assert_eq!(answer(&json!({ "free": 1 })).status(), StatusCode::OK);
    }
}
