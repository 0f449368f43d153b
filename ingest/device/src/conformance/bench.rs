//! The means of a run: one device's key and proofs, any request one likes, and what was found so far.

use std::time::Duration;

use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::NONCE_HEADER;
use cvm_shared::api::NONCE_PATH;
use cvm_shared::api::PROOF_HEADER;
use cvm_shared::api::StatusView;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::proof::Call;
use cvm_shared::proof::Canonical;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::secret::DeviceToken;
use cvm_shared::time::UnixMillis;
use reqwest::Client;
use reqwest::Method;
use reqwest::Url;

use super::Config;
use super::seen::Checked;
use super::seen::Miss;
use super::seen::Seen;
use super::seen::demand;
use crate::auth::Ticket;
use crate::endpoint::Endpoint;
use crate::endpoint::is_safe;
use crate::error::Error;
use crate::identity::Identity;
use crate::transport::client;
use crate::transport::read;
use crate::transport::trouble;
use crate::vend::audience;
use crate::vend::fresh;

/// How often a server may say "too many requests" to one request before that is its answer.
const PATIENCE: u32 = 8;

/// A request to be sent.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    /// From the question mark on.
    pub(super) query: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Ask {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::of(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::of(Method::POST, path)
    }

    pub(super) fn of(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: "",
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A submission with this body.
    pub(super) fn submission(body: impl Into<Vec<u8>>) -> Self {
        let mut ask = Self::post(CERTIFICATES_PATH).with("content-type", "application/json");
        ask.body = body.into();
        ask
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// How a proof departs from a good one.
#[derive(Default)]
pub(crate) struct Twist {
    pub(super) stamp: Option<Stamp>,
    pub(super) nonce: Option<RequestNonce>,
    pub(super) audience: Option<&'static str>,
    pub(super) path: Option<&'static str>,
    pub(super) body: Option<&'static [u8]>,
    pub(super) method: Option<&'static str>,
}

/// What a run found on its way.
#[derive(Default)]
pub(crate) struct Found {
    /// The submission that was accepted, as it was sent.
    pub(super) accepted: Option<Ask>,
    pub(super) request_id: Option<RequestId>,
    pub(super) vended: Option<StatusView>,
    pub(super) confirmed: bool,
}

/// The means of a run.
pub(crate) struct Bench {
    pub(super) config: Config,
    pub(super) found: Found,
    pub(super) identity: Identity,
    pub(super) prover: Prover,
    pub(super) now: fn() -> UnixMillis,
    client: Client,
    endpoint: Endpoint,
    audience: String,
}

impl Bench {
    pub(super) fn new(config: &Config, now: fn() -> UnixMillis) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(&config.endpoint)?;
        let named = config.audience.as_deref().map(audience).transpose()?;
        let identity = Identity::generate()
            .map_err(|_| Error::Config("this machine cannot make a key".to_owned()))?;
        Ok(Self {
            found: Found::default(),
            identity,
            prover: Prover::new(config.serial.clone(), &config.token),
            now,
            client: client(&config.ca_pem)?,
            audience: named.unwrap_or_else(|| endpoint.audience()),
            endpoint,
            config: config.clone(),
        })
    }

    /// Whether there is anybody at all.
    pub(super) async fn reach(&self) -> Result<(), Error> {
        let answered = self.once(&Ask::get(NONCE_PATH)).await;
        answered.map(|_| ()).map_err(Error::later)
    }

    pub(super) fn serial(&self) -> &SerialNumber {
        &self.config.serial
    }

    /// The body of a submission for our own key under this name.
    pub(super) fn csr_body(&self, name: &SerialNumber) -> Checked<Vec<u8>> {
        let csr = self.identity.csr(name);
        let csr = csr.map_err(|_| Miss::Skipped("this machine cannot sign".to_owned()))?;
        Ok(serde_json::json!({ "csr": csr }).to_string().into_bytes())
    }

    /// Sends a request as it stands. "Too many requests" is right and tells nothing else: it is waited out.
    pub(super) async fn send(&self, ask: &Ask) -> Checked<Seen> {
        for _ in 1..PATIENCE {
            let seen = self.once(ask).await.map_err(Miss::Failed)?;
            if seen.status != 429 {
                return Ok(seen);
            }
            let told = seen.header("retry-after").parse().unwrap_or(1);
            pause(Duration::from_secs(told).clamp(Duration::from_secs(1), Duration::from_mins(1)))
                .await;
        }
        self.once(ask).await.map_err(Miss::Failed)
    }

    async fn once(&self, ask: &Ask) -> Result<Seen, String> {
        let url = format!("{}{}", self.endpoint.join(&ask.path), ask.query);
        self.exchange(ask, url).await
    }

    /// Fetches a bundle by its link, without credentials.
    pub(super) async fn fetch(&self, link: &str) -> Checked<Seen> {
        let url = Url::parse(link).ok().filter(is_safe);
        let url = url.ok_or_else(|| Miss::Failed("the link is not https".to_owned()))?;
        let ask = Ask::get("");
        self.exchange(&ask, url.into()).await.map_err(Miss::Failed)
    }

    async fn exchange(&self, ask: &Ask, url: String) -> Result<Seen, String> {
        let mut request = self.client.request(ask.method.clone(), url);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if !ask.body.is_empty() {
            request = request.body(ask.body.clone());
        }
        let response = request
            .send()
            .await
            .map_err(|error| trouble(error).to_string())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read(response)
            .await
            .map_err(|trouble| trouble.to_string())?;
        Ok(Seen {
            status,
            headers,
            body,
        })
    }

    /// A moment and a nonce by our own clock.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            stamp: Stamp::At((self.now)().seconds()),
            nonce: RequestNonce::from_random(fresh()),
        }
    }

    /// The request with its proof, and the text that the answer's proof covers.
    pub(super) fn signed(&self, ask: &Ask, twist: &Twist) -> (Ask, Canonical) {
        self.signed_as(&self.prover, ask, twist)
    }

    /// The same by another device, or by one with another secret.
    pub(super) fn signed_as(&self, prover: &Prover, ask: &Ask, twist: &Twist) -> (Ask, Canonical) {
        let ticket = self.ticket();
        let call = Call {
            method: twist.method.unwrap_or(ask.method.as_str()),
            audience: twist.audience.unwrap_or(&self.audience),
            path: twist.path.unwrap_or(&ask.path),
            serial: prover.serial(),
            stamp: twist.stamp.unwrap_or(ticket.stamp),
            nonce: twist.nonce.as_ref().unwrap_or(&ticket.nonce),
            body: twist.body.unwrap_or(&ask.body),
        };
        let signed = ask.clone().with("authorization", prover.authorize(&call));
        (signed, call.canonical())
    }

    /// Sends a request with a good proof; its answer must prove the server.
    pub(super) async fn proven(&self, ask: &Ask) -> Checked<Seen> {
        let (signed, text) = self.signed(ask, &Twist::default());
        let seen = self.send(&signed).await?;
        self.confirms(&text, &seen)?;
        Ok(seen)
    }

    /// Sends a request with a proof that is good but for this twist.
    pub(super) async fn twisted(&self, ask: &Ask, twist: &Twist) -> Checked<Seen> {
        self.send(&self.signed(ask, twist).0).await
    }

    /// The answer proves that the server which keeps our verifier gave it. A server may refuse before
    /// it knows who asks.
    pub(super) fn confirms(&self, text: &Canonical, seen: &Seen) -> Checked {
        if matches!(seen.status, 400 | 401 | 413 | 415) {
            return Ok(());
        }
        seen.has(PROOF_HEADER)?;
        let shown = seen.header(PROOF_HEADER);
        let good = self.prover.confirms(text, seen.status, &seen.body, shown);
        demand(good, || {
            format!("a wrong {PROOF_HEADER} under HTTP {}", seen.status)
        })
    }

    /// A prover with another secret, or of another device.
    pub(super) fn stranger(serial: &SerialNumber) -> Checked<Prover> {
        let secret = RequestNonce::from_random(fresh());
        let token = DeviceToken::parse(secret.as_str());
        let token = token.map_err(|error| Miss::Skipped(error.to_string()))?;
        Ok(Prover::new(serial.clone(), &token))
    }

    /// A nonce of the server.
    pub(super) async fn server_nonce(&self) -> Checked<RequestNonce> {
        let seen = self.send(&Ask::get(NONCE_PATH)).await?;
        RequestNonce::parse(seen.header(NONCE_HEADER))
            .map_err(|_| Miss::Failed(format!("no nonce in {NONCE_HEADER}")))
    }

    /// The request that was accepted, or a reason to skip what needs one.
    pub(super) fn request_id(&self) -> Checked<RequestId> {
        let missing = || Miss::Skipped("no request was accepted".to_owned());
        self.found.request_id.clone().ok_or_else(missing)
    }
}

/// Waits.
pub(crate) async fn pause(wait: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a device's shell: the rules decide, this waits"
    )]
    tokio::time::sleep(wait).await;
}
