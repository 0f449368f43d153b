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

use crate::problem::Refused;

/// A request.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The host that was asked, in lower case, as the gateway knows it: what a proof is for.
    pub audience: String,
    /// The path, as sent.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; it may hold a token, so it is wiped and never logged.
    pub body: Zeroizing<Vec<u8>>,
}

impl Asked {
    /// Takes an API Gateway event (payload format 2.0).
    pub fn from_event(event: ApiGatewayV2httpRequest) -> Result<Self, Refused> {
        // A token in a URL ends up in logs, so no call takes a query at all.
        if event
            .raw_query_string
            .is_some_and(|query| !query.is_empty())
        {
            return Err(Malformed::new("query", "must be empty").into());
        }
        let text = Zeroizing::new(event.body.unwrap_or_default());
        Ok(Self {
            method: event.request_context.http.method,
            // From the gateway, not from the Host header, which is the sender's.
            audience: event
                .request_context
                .domain_name
                .unwrap_or_default()
                .to_ascii_lowercase(),
            path: event.raw_path.unwrap_or_default(),
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

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
