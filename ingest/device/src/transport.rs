//! HTTP: sends what the exchange asks for and hands back what came, never more than it may.

use std::sync::Arc;
use std::time::Duration;

use cvm_shared::api::BundleLink;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::api::TRUST_BUNDLE_PATH;
use cvm_shared::api::request_path;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use cvm_shared::trust::TrustBundle;
use reqwest::Certificate;
use reqwest::Client;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderValue;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::action::Answer;
use crate::endpoint::Endpoint;
use crate::endpoint::is_safe;
use crate::error::Error;
use crate::error::root_cause;
use crate::error::tls_cause;
use crate::resolve::Resolver;

/// The largest body that is read, in bytes.
pub const BODY_MAX: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer. Holds no URL: the one of a bundle is a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing came back, or not all of it: worth trying again.
    #[error("the server cannot be reached ({0})")]
    Unreachable(String),
    /// TLS failed: trying again at once would fail in the same way.
    #[error("no trusted connection to the server ({0})")]
    Untrusted(String),
    /// The answer is larger than any that the protocol knows.
    #[error("the answer is larger than 1 MiB")]
    TooLarge,
    /// The link leads over plain HTTP to another machine.
    #[error("the bundle's link is not https")]
    Insecure,
}

/// Where a device asks, and as whom.
pub struct Transport {
    client: Client,
    endpoint: Endpoint,
    serial: SerialNumber,
    token: DeviceToken,
    authorization: HeaderValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Submission<'a> {
    serial_number: &'a SerialNumber,
    device_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    csr: Option<&'a str>,
}

impl Transport {
    /// A transport to `endpoint` for one device. It trusts the Amazon roots and those in
    /// `extra_roots_pem`, not the operating system's: a device may well have none.
    pub fn new(
        endpoint: Endpoint,
        serial: SerialNumber,
        token: DeviceToken,
        extra_roots_pem: &str,
    ) -> Result<Self, Error> {
        let authorization = authorization(&serial, &token)?;
        let client = client(extra_roots_pem)?;
        Ok(Self {
            client,
            endpoint,
            serial,
            token,
            authorization,
        })
    }

    /// Asks for a certificate: for the key of `csr`, or for a key as well.
    pub async fn submit(&self, csr: Option<&str>) -> Result<Answer, Trouble> {
        let submission = Submission {
            serial_number: &self.serial,
            device_token: self.token.expose(),
            csr,
        };
        let body = serde_json::to_vec(&submission)
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        let request = self.client.post(self.endpoint.join(CERTIFICATES_PATH));
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        send(request).await
    }

    /// Asks how the request stands.
    pub async fn poll(&self, id: &RequestId) -> Result<Answer, Trouble> {
        let request = self.client.get(self.endpoint.join(&request_path(id)));
        send(request.header(AUTHORIZATION, &self.authorization)).await
    }

    /// Fetches the bundle. The link is the credential: our own stays at home.
    pub async fn fetch(&self, link: &BundleLink) -> Result<Answer, Trouble> {
        let url = Url::parse(&link.url).map_err(|_| Trouble::Insecure)?;
        if !is_safe(&url) {
            return Err(Trouble::Insecure);
        }
        send(self.client.get(url)).await
    }

    /// Fetches the trust bundle.
    pub async fn roots(&self) -> Result<Answer, Trouble> {
        send(self.client.get(self.endpoint.join(TRUST_BUNDLE_PATH))).await
    }

    /// Tells the server that the bundle is installed.
    pub async fn confirm(&self, id: &RequestId) -> Result<Answer, Trouble> {
        let url = self.endpoint.join(&format!("{}/confirm", request_path(id)));
        let request = self.client.post(url);
        send(request.header(AUTHORIZATION, &self.authorization)).await
    }
}

fn client(extra_roots_pem: &str) -> Result<Client, Error> {
    let unusable = |what: &dyn std::fmt::Display| Error::Config(format!("--ca: {what}"));
    let roots = TrustBundle::with_extra(extra_roots_pem).map_err(|error| unusable(&error))?;
    let roots = Certificate::from_pem_bundle(roots.pem().as_bytes())
        .map_err(|error| unusable(&root_cause(&error)))?;
    Client::builder()
        .user_agent(concat!("cvm-device/", env!("CARGO_PKG_VERSION")))
        .tls_certs_only(roots)
        .dns_resolver(Arc::new(Resolver))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .build()
        .map_err(|error| unusable(&root_cause(&error)))
}

/// `CVM1-TOKEN serial="...",token="..."`. The server reads the values as they stand; neither a serial
/// number nor a token may hold what would end its value early ([`DeviceToken::parse`]).
fn authorization(serial: &SerialNumber, token: &DeviceToken) -> Result<HeaderValue, Error> {
    let text = Zeroizing::new(format!(
        "{TOKEN_SCHEME} serial=\"{serial}\",token=\"{}\"",
        token.expose()
    ));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::Config("the secret does not fit into a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn send(request: RequestBuilder) -> Result<Answer, Trouble> {
    let response = request.send().await.map_err(trouble)?;
    let status = response.status().as_u16();
    let retry_after = retry_after(&response);
    let body = read(response).await?;
    Ok(Answer {
        status,
        retry_after,
        body,
    })
}

/// The server gives whole seconds; a date (RFC 9110, 10.2.3) would need a clock and is passed over.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let announced = response.content_length().unwrap_or(0);
    if announced > BODY_MAX as u64 {
        return Err(Trouble::TooLarge);
    }
    // Room for a bundle at once: growing would leave copies of its key behind.
    let mut body = Zeroizing::new(Vec::with_capacity(32 * 1024));
    while let Some(chunk) = response.chunk().await.map_err(trouble)? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(Trouble::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn trouble(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    if let Some(tls) = tls_cause(&error) {
        return Trouble::Untrusted(tls.to_string());
    }
    if error.is_timeout() {
        return Trouble::Unreachable("timed out".to_owned());
    }
    Trouble::Unreachable(root_cause(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport() -> Transport {
        let endpoint = Endpoint::parse("https://cvm.example").unwrap();
        let serial = SerialNumber::parse("SN-1").unwrap();
        let token = DeviceToken::parse("hunter=2").unwrap();
        Transport::new(endpoint, serial, token, "").unwrap()
    }

    #[test]
    fn the_header_holds_the_token_as_it_stands_and_does_not_print() {
        let header = transport().authorization;
        let expected: &[u8] = br#"CVM1-TOKEN serial="SN-1",token="hunter=2""#;
        assert_eq!(header.as_bytes(), expected);
        assert!(!format!("{header:?}").contains("hunter"));
    }

    #[tokio::test]
    async fn a_link_over_plain_http_is_not_followed() {
        let link = BundleLink {
            url: "http://bucket.example/b?X-Amz-Signature=hunter2".to_owned(),
            expires_at: 0,
            sha256: String::new(),
        };
        let refusal = transport().fetch(&link).await.err().unwrap();
        assert_eq!(refusal, Trouble::Insecure);
    }

    #[test]
    fn a_ca_file_must_hold_a_ca() {
        assert!(client("rubbish").is_err());
        assert!(client("").is_ok());
    }
}
