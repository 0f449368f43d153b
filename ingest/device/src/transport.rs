//! HTTP: sends what the exchange asks for and hands back what came, never more than it may.

use std::sync::Arc;
use std::time::Duration;

use cvm_shared::api::BAD_NONCE;
use cvm_shared::api::BundleLink;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::INLINE_PREFERENCE;
use cvm_shared::api::NONCE_HEADER;
use cvm_shared::api::NONCE_PATH;
use cvm_shared::api::PROOF_HEADER;
use cvm_shared::api::Problem;
use cvm_shared::api::TRUST_BUNDLE_PATH;
use cvm_shared::api::request_path;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::proof::Call;
use cvm_shared::proof::Canonical;
use cvm_shared::trust::TrustBundle;
use reqwest::Certificate;
use reqwest::Client;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::action::Answer;
use crate::action::is_later;
use crate::auth::Login;
use crate::auth::Ticket;
use crate::endpoint::Endpoint;
use crate::endpoint::is_safe;
use crate::error::Error;
use crate::error::root_cause;
use crate::error::tls_cause;
use crate::resolve::Resolver;

/// The largest body that is read, in bytes.
pub(crate) const BODY_MAX: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer. Holds no URL: the one of a bundle is a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
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
    /// The server gives no nonce to a device that needs one.
    #[error("the server gives no nonce")]
    NoNonce,
    /// The answer with this status does not prove that it comes from this device's server.
    #[error("the answer (HTTP {0}) does not prove that it comes from this device's server")]
    Unproven(u16),
}

/// Where a device asks, and as whom.
pub(crate) struct Transport<'a> {
    client: Client,
    endpoint: Endpoint,
    login: Login<'a>,
    /// The host that proofs are made out to.
    audience: String,
    /// Whether the bundle itself is asked for instead of a link to it.
    inline: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Submission<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<&'a SerialNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csr: Option<&'a str>,
}

/// A request before it is known how its device shows who it is.
struct Asking<'a> {
    method: Method,
    path: &'a str,
    body: Vec<u8>,
}

impl<'a> Transport<'a> {
    /// A transport to `endpoint` for one device. It trusts the Amazon roots and those in
    /// `extra_roots_pem`, not the operating system's: a device may well have none.
    pub(crate) fn new(
        endpoint: Endpoint,
        login: Login<'a>,
        extra_roots_pem: &str,
    ) -> Result<Self, Error> {
        // Said now and not at the first request: a secret that does not fit never will.
        login.show_token()?;
        Ok(Self {
            client: client(extra_roots_pem)?,
            audience: endpoint.audience(),
            endpoint,
            login,
            inline: false,
        })
    }

    /// The same, with proofs made out to this host: the server knows itself by another name.
    pub(crate) fn for_audience(mut self, audience: Option<String>) -> Self {
        self.audience = audience.unwrap_or(self.audience);
        self
    }

    /// The same, asking for the bundle itself instead of a link to it.
    pub(crate) fn inline(mut self, inline: bool) -> Self {
        self.inline = inline;
        self
    }

    /// The key that this device's bundles are sealed under.
    pub(crate) fn server_key(&self) -> &[u8; 32] {
        self.login.server_key()
    }

    /// Asks for a certificate: for the key of `csr`, or for a key as well.
    pub(crate) async fn submit(&self, csr: Option<&str>) -> Result<Answer, Trouble> {
        let plain = !self.login.proves();
        let submission = Submission {
            serial_number: plain.then(|| self.login.serial()),
            device_token: plain.then(|| self.login.token().expose()),
            csr,
        };
        let body = serde_json::to_vec(&submission)
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        self.ask(Method::POST, CERTIFICATES_PATH, body).await
    }

    /// Asks how the request stands.
    pub(crate) async fn poll(&self, id: &RequestId) -> Result<Answer, Trouble> {
        self.ask(Method::GET, &request_path(id), Vec::new()).await
    }

    /// Tells the server that the bundle is installed.
    pub(crate) async fn confirm(&self, id: &RequestId) -> Result<Answer, Trouble> {
        let path = format!("{}/confirm", request_path(id));
        self.ask(Method::POST, &path, Vec::new()).await
    }

    /// Fetches the bundle. The link is the credential: our own stays at home.
    pub(crate) async fn fetch(&self, link: &BundleLink) -> Result<Answer, Trouble> {
        let url = Url::parse(&link.url).map_err(|_| Trouble::Insecure)?;
        if !is_safe(&url) {
            return Err(Trouble::Insecure);
        }
        Ok(send(self.client.get(url)).await?.answer)
    }

    /// Fetches the trust bundle.
    pub(crate) async fn roots(&self) -> Result<Answer, Trouble> {
        let request = self.client.get(self.endpoint.join(TRUST_BUNDLE_PATH));
        Ok(send(request).await?.answer)
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, Trouble> {
        let asking = Asking { method, path, body };
        if !self.login.proves() {
            return self.plainly(&asking).await;
        }
        let answer = self.proven(&asking).await?;
        // The clock is wrong, or the nonce lay about for too long; the refusal brought a good one.
        if is_bad_nonce(&answer) && self.login.distrust_clock() {
            return self.proven(&asking).await;
        }
        Ok(answer)
    }

    async fn plainly(&self, asking: &Asking<'_>) -> Result<Answer, Trouble> {
        let mut request = self.request(asking);
        // The body of a submission holds the token already.
        if asking.body.is_empty() {
            request = request.header(
                AUTHORIZATION,
                self.login.show_token().map_err(|error| unfit(&error))?,
            );
        }
        Ok(send(request).await?.answer)
    }

    async fn proven(&self, asking: &Asking<'_>) -> Result<Answer, Trouble> {
        let ticket = match self.login.ticket() {
            Some(ticket) => ticket,
            None => match self.nonce().await? {
                Ok(ticket) => ticket,
                Err(refusal) => return Ok(refusal),
            },
        };
        let call = Call {
            method: asking.method.as_str(),
            audience: &self.audience,
            // The API's own path: what a proxy puts before it, the server does not see.
            path: asking.path,
            serial: self.login.serial(),
            stamp: ticket.stamp,
            nonce: &ticket.nonce,
            body: &asking.body,
        };
        let header = self.login.authorize(&call).map_err(|error| unfit(&error))?;
        let came = send(self.request(asking).header(AUTHORIZATION, header)).await?;
        if let Some(nonce) = &came.nonce {
            self.login.keep(nonce);
        }
        self.believed(came, &call.canonical())
    }

    /// Asks for a nonce, or hands back the answer that says "later". Nothing proves it, and nothing
    /// need: what another server gave is refused by ours, and a proof that is bound to it is good
    /// nowhere else.
    async fn nonce(&self) -> Result<Result<Ticket, Answer>, Trouble> {
        let came = send(self.client.get(self.endpoint.join(NONCE_PATH))).await?;
        if let Some(nonce) = came.nonce.filter(|_| came.answer.status == 200) {
            self.login.keep(&nonce);
        }
        match self.login.ticket() {
            Some(ticket) => Ok(Ok(ticket)),
            None if is_later(came.answer.status) => Ok(Err(came.answer)),
            None => Err(Trouble::NoNonce),
        }
    }

    /// An answer that decides what becomes of the request must prove that it comes from the server
    /// which keeps this device's verifier. Refusals from before the login cannot (400, 401, 413, 415),
    /// and change nothing here; answers that only say "later" (429, 5xx) may come from any proxy.
    fn believed(&self, came: Came, text: &Canonical) -> Result<Answer, Trouble> {
        let Came { answer, proof, .. } = came;
        let decides = matches!(answer.status, 200..=299 | 404 | 409 | 410 | 422);
        let shown = proof.unwrap_or_default();
        if decides && !(self.login).confirms(text, answer.status, &answer.body, &shown) {
            return Err(Trouble::Unproven(answer.status));
        }
        Ok(answer)
    }

    fn request(&self, asking: &Asking<'_>) -> RequestBuilder {
        let url = self.endpoint.join(asking.path);
        let mut request = self.client.request(asking.method.clone(), url);
        if !asking.body.is_empty() {
            let body = asking.body.clone();
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        if self.inline {
            request = request.header("prefer", INLINE_PREFERENCE);
        }
        request
    }
}

/// Whether what would help is a fresh nonce of the server.
fn is_bad_nonce(answer: &Answer) -> bool {
    let problem = || serde_json::from_slice::<Problem>(&answer.body).ok();
    answer.status == 400 && problem().is_some_and(|problem| problem.code == BAD_NONCE)
}

/// Never: the header was tried before the first request.
fn unfit(error: &Error) -> Trouble {
    Trouble::Unreachable(error.to_string())
}

pub(crate) fn client(extra_roots_pem: &str) -> Result<Client, Error> {
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

/// An answer and what else its headers said.
struct Came {
    answer: Answer,
    proof: Option<String>,
    nonce: Option<String>,
}

async fn send(request: RequestBuilder) -> Result<Came, Trouble> {
    let response = request.send().await.map_err(trouble)?;
    let status = response.status().as_u16();
    let retry_after = retry_after(&response);
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let (proof, nonce) = (text(PROOF_HEADER), text(NONCE_HEADER));
    let body = read(response).await?;
    let answer = Answer {
        status,
        retry_after,
        body,
    };
    Ok(Came {
        answer,
        proof,
        nonce,
    })
}

/// The server gives whole seconds; a date (RFC 9110, 10.2.3) would need a clock and is passed over.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

pub(crate) async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Trouble> {
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

pub(crate) fn trouble(error: reqwest::Error) -> Trouble {
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
    use cvm_shared::secret::DeviceToken;
    use cvm_shared::time::UnixMillis;

    use super::*;
    use crate::auth::Auth;

    fn transport() -> Transport<'static> {
        let endpoint = Endpoint::parse("https://cvm.example").unwrap();
        let serial = SerialNumber::parse("SN-1").unwrap();
        let token = DeviceToken::parse("hunter=2").unwrap();
        let clock = &|| UnixMillis(0);
        let login = Login::new(Auth::Token, serial, token, clock, || [0; 16]);
        Transport::new(endpoint, login, "").unwrap()
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
