//! What comes in and what goes out: requests taken apart, refusals in the services' own formats.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;

/// A request with its whole body.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// As sent, still percent-encoded.
    pub(crate) path: String,
    /// As sent, still percent-encoded.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        }
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A query parameter, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').map(split_pair);
        let (_, value) = pairs.find(|(found, _)| decode(found) == name)?;
        Some(decode(value).into_owned())
    }

    /// The body as JSON; an empty one is `{}`.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        let refuse = |_| Refusal::new(400, "SerializationException", "not JSON");
        serde_json::from_slice(&self.body).map_err(refuse)
    }
}

/// `name=value` as its two halves.
pub(crate) fn split_pair(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// Undoes percent-encoding.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            Some(_) | None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// An error that a service answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Another member of the error, such as the item in the way.
    pub(crate) more: Option<(&'static str, Value)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
            more: None,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.more = Some((name, value));
        self
    }

    /// As the JSON protocols say it.
    pub(crate) fn into_json(self) -> Response {
        let mut body = Map::new();
        body.insert("__type".to_owned(), self.code.into());
        // REST services say "message", DynamoDB and SQS say either.
        body.insert("message".to_owned(), self.message.into());
        if let Some((name, value)) = self.more {
            body.insert(name.to_owned(), value);
        }
        let mut answer = respond(self.status, JSON, Value::Object(body).to_string());
        if let Ok(code) = self.code.parse() {
            answer.headers_mut().insert("x-amzn-errortype", code);
        }
        answer
    }

    /// As S3 says it.
    pub(crate) fn into_xml(self) -> Response {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
            self.code,
            escape(&self.message)
        );
        respond(self.status, "application/xml", text)
    }
}

const JSON: &str = "application/x-amz-json-1.0";

/// An answer of the JSON protocols.
pub(crate) fn json(answer: Result<Value, Refusal>) -> Response {
    match answer {
        Ok(value) => respond(StatusCode::OK, JSON, value.to_string()),
        Err(refusal) => refusal.into_json(),
    }
}

/// An answer with a text.
pub(crate) fn respond(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let kind = axum::http::HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// Text for XML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_and_a_broken_one_is_kept() {
        assert_eq!(decode("a%3Ab%2fc"), "a:b/c");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%41"), "%zzA");
    }
}
