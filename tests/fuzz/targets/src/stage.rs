//! The real door, worker and janitor on fakes, and requests made as a script says.

use std::sync::LazyLock;

use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Random as _;
use cvm_shared::proof::Call;
use cvm_shared::proof::Canonical;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::guard::NONCE_KEY;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::AUDIENCE;
use cvm_testkit::site::Site;
use cvm_testkit::site::TestDoor;
use futures_executor::block_on;
use http::HeaderName;
use http::HeaderValue;
use http::Method;

use crate::legacy;
use crate::script::Ask;
use crate::script::Change;
use crate::script::Login;
use crate::texts::filled;
use crate::texts::halves;
use crate::texts::in_json;

/// Signing requests that are fine: two of SN-1 with different keys, one of SN-2.
pub static CSRS: LazyLock<[String; 3]> =
    LazyLock::new(|| ["SN-1", "SN-1", "SN-2"].map(sample::csr_pem_of));

/// A site with four devices, one of them disabled and one that must prove its secret.
pub fn site() -> Site {
    let site = Site::new(Faults::default());
    let mut rows = ["SN-2", "SN-3", "SN-4"].map(sample::device);
    rows[1].state = State::Disabled;
    rows[2].proof_only = true;
    for row in rows {
        site.world.registry.put(row);
    }
    site
}

/// A site and what its devices remember of it.
#[derive(Debug)]
pub struct Stage {
    /// The site.
    pub site: Site,
    /// Whether calls of its ports may fail.
    pub faulty: bool,
    /// Whether a device may have two certificates for a while.
    pub replaces: bool,
    /// Whether the calls of the published machines are on.
    pub legacy: bool,
    door: TestDoor,
    id: String,
    nonce: String,
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What the gateway makes of it.
    pub event: ApiGatewayV2httpRequest,
    /// Who logged in, and what the proof covered, if there was one.
    pub proven: Option<(Prover, Canonical)>,
    /// Whose token was added.
    pub token_of: Option<SerialNumber>,
}

impl Stage {
    /// A fresh one.
    pub fn new() -> Self {
        let site = site();
        Self {
            door: site.door(),
            site,
            faulty: false,
            replaces: false,
            legacy: false,
            id: "0".repeat(32),
            nonce: String::new(),
        }
    }

    /// Plans the failure of a call; the remainder says in which way.
    pub fn fault(&mut self, number: usize) {
        let kinds = [Fault::Before, Fault::After, Fault::Twice, Fault::Throttle];
        self.site.faults = Faults::at(number / kinds.len(), kinds[number % kinds.len()]);
        self.door = self.site.door();
        self.faulty = true;
        if self.legacy {
            self.switch_legacy_on();
        }
    }

    /// Switches the calls of the published machines on.
    pub fn switch_legacy_on(&mut self) {
        legacy::switch_on(&mut self.door);
        self.legacy = true;
    }

    /// Changes SN-1's row as an operator may.
    pub fn set(&mut self, change: Change) {
        let mut row = self
            .site
            .world
            .registry
            .row(&sample::serial("SN-1"))
            .unwrap();
        match change {
            Change::ProofOnly => row.proof_only = true,
            Change::Never => row.reprovision = Some(Reprovision::Never),
            Change::Replace => row.reprovision = Some(Reprovision::Replace),
            Change::Redeliver => row.reprovision = Some(Reprovision::Redeliver),
            // A device that is at something is not disabled by a stroke of the pen.
            Change::Disabled if row.state == State::Registered => row.state = State::Disabled,
            Change::Disabled => {}
        }
        self.replaces |= change == Change::Replace;
        row.revision += 1;
        self.site.world.registry.put(row);
    }

    /// The request that a script asks for.
    pub fn request(&self, ask: &Ask<'_>) -> Sent {
        let event = self.event(ask);
        let serial = SerialNumber::parse(ask.serial).unwrap_or_else(|_| sample::serial("SN-1"));
        match ask.login {
            Login::Plain => sent(event),
            Login::Token => with_token(event, serial),
            Login::Proof => self.with_proof(event, &serial, Stamp::At(self.now())),
            Login::Nonce => self.with_proof(event, &serial, Stamp::NoClock),
        }
    }

    fn event(&self, ask: &Ask<'_>) -> ApiGatewayV2httpRequest {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&self.fill(bytes)).into_owned();
        let (path, query) = halves(ask.target, b"?");
        let mut event = ApiGatewayV2httpRequest::default();
        event.raw_path = Some(text(path));
        event.raw_query_string = Some(text(query));
        event.request_context.http.method = Method::from_bytes(ask.method).unwrap_or_default();
        event.request_context.domain_name = Some(AUDIENCE.to_owned());
        let mut base64 = &b""[..];
        for (name, value) in &ask.headers {
            match *name {
                b"@domain" => event.request_context.domain_name = Some(text(value)),
                b"@base64" => base64 = value,
                _ => self.add_header(&mut event, name, value),
            }
        }
        put_body(&mut event, self.fill(ask.body), base64);
        event
    }

    fn add_header(&self, event: &mut ApiGatewayV2httpRequest, name: &[u8], value: &[u8]) {
        let value = HeaderValue::from_bytes(&self.fill(value));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            event.headers.append(name, value);
        }
    }

    fn fill(&self, text: &[u8]) -> Vec<u8> {
        let [csr, other, foreign] = CSRS.each_ref().map(|pem| in_json(pem));
        let names = [
            ("@id", self.id.as_str()),
            ("@nonce", &self.nonce),
            ("@token", sample::TOKEN),
            ("@csr", &csr),
            ("@other", &other),
            ("@foreign", &foreign),
        ];
        filled(text, &names)
    }

    fn now(&self) -> u64 {
        self.site.world.clock.now().seconds()
    }

    fn with_proof(
        &self,
        event: ApiGatewayV2httpRequest,
        serial: &SerialNumber,
        stamp: Stamp,
    ) -> Sent {
        // What the proof covers is what the door makes of the event; what it refuses needs none.
        let Ok(asked) = Asked::from_event(event.clone()) else {
            return sent(event);
        };
        let prover = prover(serial.as_str());
        let nonce = self.fresh_nonce(stamp);
        let call = Call {
            method: asked.method.as_str(),
            audience: &asked.audience,
            path: &asked.path,
            serial,
            stamp,
            nonce: &nonce,
            body: &asked.body,
        };
        let (header, text) = (prover.authorize(&call), call.canonical());
        Sent {
            proven: Some((prover, text)),
            ..sent(authorized(event, &header))
        }
    }

    fn fresh_nonce(&self, stamp: Stamp) -> RequestNonce {
        let random = self.site.world.random.bytes();
        match stamp {
            Stamp::At(_) => RequestNonce::from_random(random),
            Stamp::NoClock => {
                let text = NonceKey::new(NONCE_KEY).issue(self.site.world.clock.now(), random);
                RequestNonce::parse(&text).unwrap()
            }
        }
    }

    /// The door's answer; the device remembers what it will need.
    pub fn answer(&mut self, sent: &Sent) -> Answer {
        let answer = block_on(self.door.answer(Asked::from_event(sent.event.clone())));
        if let Some(nonce) = answer.headers.get("replay-nonce") {
            nonce.to_str().unwrap().clone_into(&mut self.nonce);
        }
        let view: Option<serde_json::Value> = serde_json::from_str(&answer.body).ok();
        if let Some(id) = view.as_ref().and_then(|view| view["requestId"].as_str()) {
            id.clone_into(&mut self.id);
        }
        answer
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

fn sent(event: ApiGatewayV2httpRequest) -> Sent {
    Sent {
        event,
        proven: None,
        token_of: None,
    }
}

fn with_token(event: ApiGatewayV2httpRequest, serial: SerialNumber) -> Sent {
    let header = format!("CVM1-TOKEN serial=\"{serial}\",token=\"{}\"", sample::TOKEN);
    Sent {
        token_of: Some(serial),
        ..sent(authorized(event, &header))
    }
}

fn authorized(mut event: ApiGatewayV2httpRequest, header: &str) -> ApiGatewayV2httpRequest {
    let header = HeaderValue::from_str(header).unwrap();
    event.headers.append("authorization", header);
    event
}

/// The gateway encodes what is no text; scripts may say that it did, or have it done.
fn put_body(event: &mut ApiGatewayV2httpRequest, body: Vec<u8>, base64: &[u8]) {
    let (text, is_base64_encoded) = match String::from_utf8(body) {
        Ok(text) if base64 == b"encode" => (BASE64_STANDARD.encode(text), true),
        Ok(text) => (text, base64 == b"raw"),
        Err(bytes) => (BASE64_STANDARD.encode(bytes.as_bytes()), true),
    };
    event.body = Some(text);
    event.is_base64_encoded = is_base64_encoded;
}
