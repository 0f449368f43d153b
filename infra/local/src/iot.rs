//! Calls of AWS IoT in the emulator, of a function, and of IAM, signed by hand: the worker alone may use the AWS
//! IoT client, and single calls of the others are not worth more SDKs.

#![expect(
    clippy::disallowed_methods,
    reason = "a tool's shell: a signature carries the time"
)]

use std::time::SystemTime;

use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::sign;
use aws_sigv4::sign::v4;
use reqwest::Method;
use serde_json::Value;

use crate::error::Error;
use crate::sdk;

const CALL: &str = "signed call";

/// Calls AWS IoT as the root user; the answer is JSON, or null where it is empty.
pub async fn call(
    endpoint: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Value, Error> {
    signed_call("iot", endpoint, method, path, body).await
}

/// Invokes a function and waits for its answer.
pub async fn invoke(endpoint: &str, function: &str, event: &Value) -> Result<Value, Error> {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    signed_call("lambda", endpoint, Method::POST, &path, event).await
}

/// Calls IAM with this query (`Action=CreateUser&UserName=...`); the answer is XML.
pub async fn iam(endpoint: &str, query: &str) -> Result<String, Error> {
    let path = format!("/?{query}&Version=2010-05-08");
    signed_text("iam", endpoint, Method::GET, &path, String::new()).await
}

async fn signed_call(
    service: &str,
    endpoint: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Value, Error> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let text = signed_text(service, endpoint, method, path, body).await?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).map_err(|error| Error::aws(CALL, &error))
}

async fn signed_text(
    service: &str,
    endpoint: &str,
    method: Method,
    path: &str,
    body: String,
) -> Result<String, Error> {
    let failed = |error: reqwest::Error| Error::aws(CALL, &error);
    let url = format!("{endpoint}{path}");
    let mut request = reqwest::Client::new().request(method.clone(), &url);
    for (name, value) in signature(service, &method, &url, &body)? {
        request = request.header(name, value);
    }
    let answer = request.body(body).send().await.map_err(failed)?;
    let answer = answer.error_for_status().map_err(failed)?;
    answer.text().await.map_err(failed)
}

/// The headers that sign a request as the root user.
pub fn signature(
    service: &str,
    method: &Method,
    url: &str,
    body: &str,
) -> Result<Vec<(String, String)>, Error> {
    let identity = sdk::credentials().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(sdk::REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| Error::aws(CALL, &error))?;
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new(method.as_str(), url, std::iter::empty(), body);
    let request = request.map_err(|error| Error::aws(CALL, &error))?;
    let signed = sign(request, &params.into()).map_err(|error| Error::aws(CALL, &error))?;
    let (instructions, _) = signed.into_parts();
    let headers = instructions.headers();
    Ok(headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_signed() {
        let url = "http://127.0.0.1:1/certificates?pageSize=250";
        let headers = signature("iot", &Method::GET, url, "").unwrap();
        let authorization = headers.iter().find(|(name, _)| name == "authorization");
        let (_, value) = authorization.unwrap();
        assert!(value.contains("/us-east-1/iot/aws4_request"), "{value}");
    }
}
