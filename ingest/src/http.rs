//! HTTP as the door sees it: what came and what goes back, whatever host carries it.

use ::http::HeaderMap;
use ::http::HeaderName;
use ::http::HeaderValue;
use ::http::Method;
use ::http::StatusCode;
use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::event::apigw::ApiGatewayV2httpResponse;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::BODY_MAX;
use cvm_shared::ids::Malformed;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::legacy::GETCERT_PATH;
use crate::problem::Refused;

/// A request. Only its method and path print: all else may hold a secret.
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The host that was asked, in lower case, as the gateway knows it: what a proof is for.
    pub audience: String,
    /// The address that the request came from, as the gateway knows it.
    pub source: String,
    /// The path, as sent.
    pub path: String,
    /// The query, of the one path that takes one.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; it may hold a token, so it is wiped and never logged.
    pub body: Zeroizing<Vec<u8>>,
}

impl Asked {
    /// Takes what the function was invoked with; one that is no request is not repeated anywhere.
    pub fn from_payload(payload: serde_json::Value) -> Result<Self, Refused> {
        let event = serde_json::from_value(payload);
        Self::from_event(event.map_err(|_| Malformed::new("request", "cannot be read"))?)
    }

    /// Takes an API Gateway event (payload format 2.0).
    pub fn from_event(event: ApiGatewayV2httpRequest) -> Result<Self, Refused> {
        let path = event.raw_path.unwrap_or_default();
        let query = Query::new(event.raw_query_string.unwrap_or_default());
        query.fits(&path)?;
        let text = Zeroizing::new(event.body.unwrap_or_default());
        Ok(Self {
            method: event.request_context.http.method,
            // From the gateway, not from the Host header, which is the sender's.
            audience: event
                .request_context
                .domain_name
                .unwrap_or_default()
                .to_ascii_lowercase(),
            source: event.request_context.http.source_ip.unwrap_or_default(),
            path,
            query,
            headers: event.headers,
            body: decoded(&text, event.is_base64_encoded)?,
        })
    }

    /// A header's value; a header that was sent twice or is not visible ASCII counts as malformed.
    pub fn header(&self, name: &'static str) -> Result<Option<&str>, Malformed> {
        let mut values = self.headers.get_all(name).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value,
            (Some(_), Some(_)) => return Err(Malformed::new(name, "must be sent once")),
        };
        let text = value
            .to_str()
            .map_err(|_| Malformed::new(name, "must be visible ASCII"))?;
        Ok(Some(text))
    }
}

/// A query. It may hold a token: wiped when dropped, and not printable.
#[derive(Default)]
pub struct Query(Zeroizing<String>);

impl Query {
    /// Takes a query as it was sent, without the question mark.
    pub fn new(query: String) -> Self {
        Self(Zeroizing::new(query))
    }

    /// Refuses a query that the path does not take. A token in a URL ends up in logs, so no call takes one but that whose
    /// firmware is out there; whether that one is answered at all, its route decides.
    pub fn fits(&self, path: &str) -> Result<(), Refused> {
        if self.is_empty() || path == GETCERT_PATH {
            Ok(())
        } else {
            Err(Malformed::new("query", "must be empty").into())
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Query([REDACTED])")
    }
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asked({} {})", self.method, self.path)
    }
}

fn decoded(text: &str, is_base64: bool) -> Result<Zeroizing<Vec<u8>>, Refused> {
    // Base64 grows by a third: what is longer than that cannot fit once it is decoded.
    if text.len() > BODY_MAX.div_ceil(3) * 4 {
        return Err(Refused::TooLarge);
    }
    let bytes = if is_base64 {
        let refuse = |_| Malformed::new("body", "is not base64 as announced");
        BASE64_STANDARD.decode(text).map_err(refuse)?
    } else {
        text.as_bytes().to_vec()
    };
    if bytes.len() > BODY_MAX {
        return Err(Refused::TooLarge);
    }
    Ok(Zeroizing::new(bytes))
}

/// An answer. Only its status prints: its body may hold a link to a bundle, or the bundle.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// An answer without a body. Nothing here may be kept by a cache unless it says so.
    pub fn empty(status: StatusCode) -> Self {
        let answer = Self {
            status,
            headers: HeaderMap::new(),
            body: String::new(),
        };
        answer.header("cache-control", "no-store")
    }

    /// An answer with a body of this type.
    pub fn text(status: StatusCode, media_type: &str, body: impl Into<String>) -> Self {
        let mut answer = Self::empty(status).header("content-type", media_type);
        answer.body = body.into();
        answer
    }

    /// An answer that holds `value` as JSON.
    pub fn json(status: StatusCode, media_type: &str, value: &impl Serialize) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "our own views hold only strings and numbers"
        )]
        let body = serde_json::to_string(value).expect("a view serialises");
        Self::text(status, media_type, body)
    }

    /// The same answer with a header set.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        // Values are made here of visible ASCII; one that were not is left out rather than sent.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The answer as API Gateway wants it.
    pub fn into_event(self) -> ApiGatewayV2httpResponse {
        let mut event = ApiGatewayV2httpResponse::default();
        event.status_code = self.status.as_u16().into();
        event.headers = self.headers;
        event.body = Some(Body::Text(self.body));
        event
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_do_not_print_what_is_in_them() {
        let asked = Asked::from_payload(serde_json::json!({
            "rawPath": "/getcert",
            "rawQueryString": "deviceToken=hunter2",
            "headers": { "authorization": "hunter2" },
            "body": "hunter2",
            "isBase64Encoded": false,
            "requestContext": { "http": { "method": "POST" } }
        }));
        let asked = asked.unwrap();
        assert_eq!(format!("{asked:?}"), "Asked(POST /getcert)");
        assert_eq!(format!("{:?}", asked.query), "Query([REDACTED])");
        let answer = Answer::text(StatusCode::OK, "text/plain", "hunter2").header("x", "hunter2");
        assert_eq!(format!("{answer:?}"), "Answer(200 OK, 7 bytes)");
        let refused = Asked::from_payload(serde_json::json!({ "body": ["hunter2"] }));
        assert!(!format!("{refused:?}").contains("hunter2"));
    }

    #[test]
    fn one_path_takes_a_query() {
        let asked = |path: &str| {
            Asked::from_payload(serde_json::json!({
                "rawPath": path,
                "rawQueryString": "serialNumber=a%3A1",
                "headers": {},
                "isBase64Encoded": false,
                "requestContext": { "http": { "method": "GET" } }
            }))
        };
        assert_eq!(
            asked("/getcert").unwrap().query.expose(),
            "serialNumber=a%3A1"
        );
        for path in [
            "/",
            "/getcert/",
            "/Getcert",
            "/v1/nonce",
            "/v1/certificates",
        ] {
            assert!(matches!(asked(path), Err(Refused::BadRequest(_))), "{path}");
        }
    }

    #[test]
    fn bodies_are_bounded_after_decoding() {
        let fits = "x".repeat(BODY_MAX);
        assert_eq!(decoded(&fits, false).unwrap().len(), BODY_MAX);
        assert_eq!(
            decoded(&BASE64_STANDARD.encode(&fits), true).unwrap().len(),
            BODY_MAX
        );
        let large = "x".repeat(BODY_MAX + 1);
        assert_eq!(decoded(&large, false), Err(Refused::TooLarge));
        assert_eq!(
            decoded(&BASE64_STANDARD.encode(&large), true),
            Err(Refused::TooLarge)
        );
        assert!(matches!(decoded("%", true), Err(Refused::BadRequest(_))));
    }
}
