//! Calls of DynamoDB by hand: unsigned, unread, without a retry or a time limit.

use bytes::Bytes;
use http::Request;
use http::Uri;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::Error;

/// The calls of an event.
pub(crate) struct Bare {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoint: Uri,
    /// What each call sends.
    body: Bytes,
    /// How many, one after another.
    calls: u32,
}

impl Bare {
    /// Told by the environment: `BARE_CALLS`, `BARE_ENDPOINT` and `BARE_BODY`; `None` if there are no calls to make.
    pub(crate) fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        let Some(calls) = variable("BARE_CALLS") else {
            return Ok(None);
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Some(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            endpoint: variable("BARE_ENDPOINT").unwrap_or_default().parse()?,
            body: variable("BARE_BODY").unwrap_or_default().into(),
            calls: calls.parse()?,
        }))
    }

    pub(crate) async fn call(&self) -> Result<(), Error> {
        for _ in 0..self.calls {
            let request = Request::post(self.endpoint.clone())
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-target", "DynamoDB_20120810.GetItem")
                .body(Full::new(self.body.clone()))?;
            let answer = self.client.request(request).await?;
            let status = answer.status();
            answer.into_body().collect().await?;
            if !status.is_success() {
                return Err(format!("DynamoDB: {status}").into());
            }
        }
        Ok(())
    }
}
