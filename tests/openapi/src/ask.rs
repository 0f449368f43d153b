//! Requests as they come over HTTP, asked of the real door on the fakes through the gateway's event.

use std::time::Duration;

use cvm_ingest::http::Asked;
use cvm_lambda::gateway::event;
use cvm_shared::ports::Clock as _;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::record::Record;
use cvm_testkit::faults::Faults;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::AUDIENCE;
use cvm_testkit::site::Site;
use cvm_testkit::site::TestDoor;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use serde_json::Value;

/// The device of the description's examples.
pub const SERIAL: &str = "SN-0001";
/// How long a legacy call waits.
const LEGACY_WAIT: Duration = Duration::from_secs(20);

/// A request without credentials.
pub fn request(method: &Method, path: &str, body: Vec<u8>) -> Request<Vec<u8>> {
    let request = Request::builder().method(method).uri(path);
    request.header("host", AUDIENCE).body(body).unwrap()
}

/// The same with a header set.
pub fn with(mut request: Request<Vec<u8>>, name: &'static str, value: &str) -> Request<Vec<u8>> {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
    request
}

/// The same with a body of JSON.
pub fn with_json(mut request: Request<Vec<u8>>, body: &Value) -> Request<Vec<u8>> {
    *request.body_mut() = serde_json::to_vec(body).unwrap();
    with(request, "content-type", "application/json")
}

/// The same with the device's token in the header.
pub fn with_token(request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    let token = sample::TOKEN;
    let value = format!("CVM1-TOKEN serial=\"{SERIAL}\",token=\"{token}\"");
    with(request, "authorization", &value)
}

/// The same, proven; the proof covers it as it is now.
pub fn with_proof(
    request: Request<Vec<u8>>,
    stamp: Stamp,
    nonce: &RequestNonce,
) -> Request<Vec<u8>> {
    let prover = prover(SERIAL);
    let value = prover.authorize(&proven(&prover, &request, stamp, nonce));
    with(request, "authorization", &value)
}

fn proven<'a>(
    prover: &'a Prover,
    request: &'a Request<Vec<u8>>,
    stamp: Stamp,
    nonce: &'a RequestNonce,
) -> Call<'a> {
    Call {
        method: request.method().as_str(),
        audience: AUDIENCE,
        path: request.uri().path(),
        serial: prover.serial(),
        stamp,
        nonce,
        body: request.body(),
    }
}

/// A nonce of the device's own.
pub fn own_nonce(number: u8) -> RequestNonce {
    RequestNonce::from_random([number; 16])
}

/// A site and one process of its door, with the device of the examples.
#[derive(Debug)]
pub struct Stage {
    /// The site.
    pub site: Site,
    door: TestDoor,
}

impl Stage {
    /// A stage on which these faults happen. The legacy calls are switched on.
    pub fn new(faults: Faults) -> Self {
        let site = Site::new(faults);
        site.world.registry.put(sample::device(SERIAL));
        let mut door = site.door();
        door.terms.legacy = Some(LEGACY_WAIT);
        Self { site, door }
    }

    /// The same with the legacy calls as the operator leaves them: switched off.
    pub fn without_legacy() -> Self {
        let mut stage = Self::new(Faults::default());
        stage.door.terms.legacy = None;
        stage
    }

    /// This moment there.
    pub fn now(&self) -> Stamp {
        Stamp::At(self.site.world.clock.now().seconds())
    }

    /// The row of the device.
    pub fn row(&self) -> Record {
        self.site
            .world
            .registry
            .row(&sample::serial(SERIAL))
            .unwrap()
    }

    /// Changes that row by hand.
    pub fn change(&self, change: impl FnOnce(&mut Record)) {
        let mut row = self.row();
        change(&mut row);
        self.site.world.registry.put(row);
    }

    /// What the door answers.
    pub async fn ask(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let now = self.site.world.clock.now().0;
        let (method, uri) = (request.method(), request.uri());
        let event = event(method, uri, request.headers(), request.body(), now);
        let answer = self.door.answer(Asked::from_payload(event)).await;
        let mut response = Response::new(answer.body.into_bytes());
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }
}
