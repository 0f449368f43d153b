//! One device's requests, as API Gateway hands them to the door.

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::Uri;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_lambda::Error;
use cvm_lambda::gateway;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Random as _;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::secret::DeviceToken;
use cvm_testkit::sample;
use serde_json::Value;
use serde_json::json;

/// The host that the door is asked at.
const HOST: &str = "vend.example.com";

/// How a device asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Who makes its key.
    pub mode: KeyMode,
    /// How it shows who it is.
    pub auth: Auth,
    /// Whether the operator has made its Thing, and gives it its rights by the Thing's group.
    pub lean: bool,
}

impl Way {
    /// All four in which the worker does all of it.
    pub const ALL: [Self; 4] = [
        Self::new(KeyMode::Csr, Auth::Proof),
        Self::new(KeyMode::Csr, Auth::Token),
        Self::new(KeyMode::Keys, Auth::Proof),
        Self::new(KeyMode::Keys, Auth::Token),
    ];
    /// The one with the fewest calls.
    pub const LEAN: Self = Self {
        lean: true,
        ..Self::ALL[0]
    };

    const fn new(mode: KeyMode, auth: Auth) -> Self {
        Self {
            mode,
            auth,
            lean: false,
        }
    }

    /// For people.
    pub fn name(self) -> String {
        let mode = cvm_lambda::matrix::mode_name(self.mode);
        let auth = match self.auth {
            Auth::Token => "token",
            Auth::Proof | Auth::Nonce => "proof",
        };
        let lean = if self.lean { ", lean" } else { "" };
        format!("{mode}, {auth}{lean}")
    }
}

/// A device with its secret and, in CSR mode, its signing request.
#[derive(Debug)]
pub struct Device {
    /// Who it is.
    pub serial: SerialNumber,
    /// Whether the operator has made its Thing.
    pub lean: bool,
    auth: Auth,
    prover: Prover,
    body: String,
}

impl Device {
    /// A device with the samples' token and a fresh key.
    pub fn new(name: &str, way: Way) -> Result<Self, Error> {
        let refuse = |_| Error::Usage(format!("{name} is no serial number"));
        let serial = SerialNumber::parse(name).map_err(refuse)?;
        let token = DeviceToken::parse(sample::TOKEN);
        let token = token.map_err(|_| Error::Usage("the samples' token is none".to_owned()))?;
        let body = match way.mode {
            KeyMode::Csr => json!({ "csr": sample::csr_pem_of(name) }),
            KeyMode::Keys => json!({}),
        };
        Ok(Self {
            prover: Prover::new(serial.clone(), &token),
            serial,
            lean: way.lean,
            auth: way.auth,
            body: body.to_string(),
        })
    }

    /// Asks for its certificate.
    pub fn submission(&self) -> Value {
        self.event(&Method::POST, CERTIFICATES_PATH, &self.body)
    }

    /// Asks as the published functions want it: all in the body.
    pub fn plain_submission(&self) -> Value {
        let mut body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["serialNumber"] = self.serial.as_str().into();
        body["deviceToken"] = sample::TOKEN.into();
        self.event(&Method::POST, "/", &body.to_string())
    }

    /// Asks how its request stands.
    pub fn poll(&self, request: &str) -> Value {
        self.event(&Method::GET, &format!("{CERTIFICATES_PATH}/{request}"), "")
    }

    /// Says that it has all it needs.
    pub fn confirmation(&self, request: &str) -> Value {
        let path = format!("{CERTIFICATES_PATH}/{request}/confirm");
        self.event(&Method::POST, &path, "")
    }

    fn event(&self, method: &Method, path: &str, body: &str) -> Value {
        let mut headers = HeaderMap::new();
        let mut put = |name, value: &str| {
            // A header of ours is plain ASCII.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put("host", HOST);
        put("authorization", &self.authorization(method, path, body));
        if !body.is_empty() {
            put("content-type", "application/json");
        }
        let uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        let now = SystemClock.now().0;
        gateway::event(method, &uri, &headers, body.as_bytes(), now)
    }

    fn authorization(&self, method: &Method, path: &str, body: &str) -> String {
        if self.auth == Auth::Token {
            let (serial, token) = (&self.serial, sample::TOKEN);
            return format!("{TOKEN_SCHEME} serial=\"{serial}\",token=\"{token}\"");
        }
        self.prover.authorize(&Call {
            method: method.as_str(),
            audience: HOST,
            path,
            serial: &self.serial,
            stamp: Stamp::At(SystemClock.now().seconds()),
            nonce: &RequestNonce::from_random(SystemRandom.bytes()),
            body: body.as_bytes(),
        })
    }
}
