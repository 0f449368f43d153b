//! A request as API Gateway tells a function of it (payload format 2.0), with every part in our hand.
//!
//! What API Gateway would never let through (a second Host, bare line feeds) cannot be said here; what it
//! would clean up on the way can: a function should not lean on that.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use serde_json::Value;
use serde_json::json;

/// The host that devices ask.
pub const HOST: &str = "api.example.com";

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, whatever it is.
    pub method: String,
    /// The path as sent.
    pub path: String,
    /// The query as sent, without its question mark.
    pub query: String,
    /// The host as the gateway knows it.
    pub host: String,
    /// Names and values in order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body's text, if there is a body.
    pub body: Option<String>,
    /// Whether that text is said to be base64.
    pub base64: bool,
}

impl Request {
    /// Any request without a body.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            query: String::new(),
            host: HOST.to_owned(),
            headers: Vec::new(),
            body: None,
            base64: false,
        }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A submission with this body and the right type.
    pub fn submission(body: impl Into<String>) -> Self {
        Self::new("POST", CERTIFICATES_PATH)
            .header("content-type", "application/json")
            .text(body)
    }

    /// A submission of these bytes, told in base64.
    pub fn submission_of_bytes(body: &[u8]) -> Self {
        let mut request = Self::submission(BASE64_STANDARD.encode(body));
        request.base64 = true;
        request
    }

    /// The same with this body.
    #[must_use]
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The same with one header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// The same with a query.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// The same with a plain token in its header.
    #[must_use]
    pub fn token(self, serial: &str, token: &str) -> Self {
        let value = format!("CVM1-TOKEN serial=\"{serial}\",token=\"{token}\"");
        self.header("authorization", value)
    }

    /// The same with a proof.
    #[must_use]
    pub fn proven(self, prover: &Prover, stamp: Stamp, nonce: &RequestNonce) -> Self {
        let value = self.proof(prover, stamp, nonce);
        self.header("authorization", value)
    }

    /// The header that proves this request as it is now.
    pub fn proof(&self, prover: &Prover, stamp: Stamp, nonce: &RequestNonce) -> String {
        prover.authorize(&Call {
            method: &self.method,
            audience: &self.host,
            path: &self.path,
            serial: prover.serial(),
            stamp,
            nonce,
            body: &self.bytes(),
        })
    }

    /// The bytes of the body.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.body.clone().unwrap_or_default();
        if self.base64 {
            return BASE64_STANDARD.decode(text).unwrap_or_default();
        }
        text.into_bytes()
    }

    /// The event.
    pub fn event(&self) -> Value {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.joined(),
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "hostile",
                "domainName": self.host,
                "domainPrefix": "hostile",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "hostile",
                },
                "requestId": "hostile",
                "routeKey": "$default",
                "stage": "$default",
                "timeEpoch": 0,
            },
            "isBase64Encoded": self.base64,
        });
        if let Some(body) = &self.body {
            event["body"] = body.as_str().into();
        }
        event
    }

    /// The values of a header that came twice are joined by commas, as API Gateway does.
    fn joined(&self) -> Value {
        let mut all = BTreeMap::<String, Value>::new();
        for (name, value) in &self.headers {
            let joined = match all.get(name).and_then(Value::as_str) {
                Some(before) => format!("{before},{value}"),
                None => value.clone(),
            };
            all.insert(name.clone(), joined.into());
        }
        json!(all)
    }
}

/// The body of a submission.
pub fn body(serial: &str, token: &str, csr: Option<&str>) -> String {
    let mut body = json!({ "serialNumber": serial, "deviceToken": token });
    if let Some(csr) = csr {
        body["csr"] = csr.into();
    }
    body.to_string()
}
