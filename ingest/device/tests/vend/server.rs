//! A server that speaks the device's protocol over plain HTTP, with faults to order. It issues from
//! a CA of its own, so that a device which verifies nothing would be noticed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::secret::PrivateKeyPem;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertificateSigningRequestParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;

pub(crate) const SERIAL: &str = "SN-1";
pub(crate) const TOKEN: &str = "hunter2-hunter2";
const REQUEST: &str = "0123456789abcdef0123456789abcdef";
const AUTHORIZATION: &str = "CVM1-TOKEN serial=\"SN-1\",token=\"hunter2-hunter2\"";

/// What goes wrong with the next request of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status, with `Retry-After` if there is a number.
    Status(u16, Option<u64>),
    /// The connection is closed without an answer.
    Close,
    /// No answer ever comes, and nothing was done.
    HangBefore,
    /// No answer ever comes, but what was asked is done.
    HangAfter,
    /// The request is accepted and fails, for good or not.
    Failed(bool),
    /// One byte of the body is changed.
    Changed,
}

/// The kinds of request.
pub(crate) const KINDS: [&str; 5] = ["submit", "poll", "fetch", "roots", "confirm"];

#[derive(Default)]
struct State {
    faults: HashMap<&'static str, Vec<Fault>>,
    log: Vec<&'static str>,
    csr: Option<Value>,
    bundle: Option<Vec<u8>>,
    issued: u32,
    polls: u32,
    confirmed: bool,
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    pub(crate) hung: Notify,
    issuer: Issuer<'static, KeyPair>,
    state: Mutex<State>,
}

struct Request {
    kind: &'static str,
    authorization: Option<String>,
    body: Vec<u8>,
}

struct Reply {
    status: u16,
    retry_after: Option<u64>,
    body: Vec<u8>,
}

fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        retry_after: None,
        body: body.into(),
    }
}

fn problem(status: u16, code: &str) -> Reply {
    let body = json!({"status": status, "code": code, "title": code});
    reply(status, body.to_string())
}

impl Server {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let server = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            ca_pem: params.self_signed(&key).unwrap().pem(),
            hung: Notify::new(),
            issuer: Issuer::new(params, key),
            state: Mutex::default(),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(stream));
            }
        });
        server
    }

    pub(crate) fn order(&self, kind: &'static str, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        state.faults.entry(kind).or_default().push(fault);
    }

    pub(crate) fn issued(&self) -> u32 {
        self.state.lock().unwrap().issued
    }

    pub(crate) fn confirmed(&self) -> bool {
        self.state.lock().unwrap().confirmed
    }

    /// The requests since the last call.
    pub(crate) fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else {
            return;
        };
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.log.push(request.kind);
            state.faults.get_mut(request.kind).and_then(Vec::pop)
        };
        let reply = match fault {
            Some(Fault::Close) => return,
            Some(Fault::HangBefore) => return self.hang().await,
            Some(Fault::HangAfter) => {
                self.answer(&request);
                return self.hang().await;
            }
            Some(Fault::Status(status, retry_after)) => Reply {
                status,
                retry_after,
                body: Vec::new(),
            },
            Some(Fault::Failed(retryable)) => failed(retryable),
            Some(Fault::Changed) => {
                let mut reply = self.answer(&request);
                reply.body[20] ^= 1;
                reply
            }
            None => self.answer(&request),
        };
        write(&mut stream, &reply).await;
    }

    async fn hang(&self) {
        self.hung.notify_one();
        std::future::pending::<()>().await;
    }

    fn answer(&self, request: &Request) -> Reply {
        let mut state = self.state.lock().unwrap();
        let authorized = request.authorization.as_deref() == Some(AUTHORIZATION);
        match request.kind {
            "submit" => self.submit(&mut state, &request.body),
            "poll" | "confirm" if !authorized => problem(401, "unauthorized"),
            "fetch" | "roots" if request.authorization.is_some() => problem(400, "leaked_token"),
            "poll" => self.poll(&mut state),
            "confirm" => {
                state.bundle = None;
                state.confirmed = true;
                reply(204, "")
            }
            "fetch" => state
                .bundle
                .clone()
                .map_or_else(|| problem(404, "not_found"), |bundle| reply(200, bundle)),
            "roots" => reply(200, self.ca_pem.clone()),
            _ => problem(404, "not_found"),
        }
    }

    fn submit(&self, state: &mut State, body: &[u8]) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap();
        if body["serialNumber"] != SERIAL || body["deviceToken"] != TOKEN {
            return problem(401, "unauthorized");
        }
        if state.confirmed {
            return problem(409, "already_confirmed");
        }
        let key = public_key(&body["csr"]);
        if *state.csr.get_or_insert(key.clone()) != key {
            return problem(409, "conflict");
        }
        if state.bundle.is_none() {
            state.bundle = Some(self.issue(&body["csr"]));
            state.issued += 1;
        }
        pending(0)
    }

    /// Pending once with a second to wait, then vended.
    fn poll(&self, state: &mut State) -> Reply {
        state.polls += 1;
        let Some(bundle) = &state.bundle else {
            return problem(410, "expired");
        };
        if state.polls == 1 {
            return pending(1);
        }
        let decoded = Bundle::decode(bundle).unwrap();
        let link = json!({
            "url": format!("{}/bucket/b?X-Amz-Signature=hunter2", self.url),
            "expiresAt": 1, "sha256": digest(bundle),
        });
        let view = json!({
            "requestId": REQUEST, "status": "vended", "certificateId": decoded.certificate_id,
            "endpoint": decoded.endpoint, "bundle": link,
        });
        reply(200, view.to_string())
    }

    fn issue(&self, csr: &Value) -> Vec<u8> {
        let (certificate, key) = if let Some(csr) = csr.as_str() {
            let request = CertificateSigningRequestParams::from_pem(csr).unwrap();
            (request.signed_by(&self.issuer).unwrap(), None)
        } else {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::default();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            (certificate, Some(PrivateKeyPem::new(key.serialize_pem())))
        };
        let bundle = Bundle {
            serial: SerialNumber::parse(SERIAL).unwrap(),
            thing: ThingName::parse("thing-1").unwrap(),
            certificate_id: CertificateId::parse(digest(certificate.der())).unwrap(),
            certificate_pem: certificate.pem(),
            private_key: key,
            endpoint: "iot.example".to_owned(),
        };
        bundle.encode().to_vec()
    }
}

/// The same key asks the same thing, however often it signs its request anew.
fn public_key(csr: &Value) -> Value {
    csr.as_str().map_or(Value::Null, |pem| {
        let csr = cvm_shared::csr::Csr::parse(pem).unwrap();
        Value::String(csr.public_key().to_hex())
    })
}

fn pending(seconds: u64) -> Reply {
    let view = json!({"requestId": REQUEST, "status": "pending", "pollAfterSeconds": seconds});
    Reply {
        status: 202,
        retry_after: Some(seconds),
        body: view.to_string().into_bytes(),
    }
}

fn failed(retryable: bool) -> Reply {
    let view = json!({
        "requestId": REQUEST, "status": "failed", "code": "policy_missing",
        "retryable": retryable, "failedAt": 1,
    });
    reply(200, view.to_string())
}

fn kind(method: &str, path: &str) -> &'static str {
    match (method, path) {
        ("POST", "/v1/certificates") => "submit",
        ("GET", "/v1/trust-bundle") => "roots",
        ("POST", path) if path == format!("/v1/certificates/{REQUEST}/confirm") => "confirm",
        ("GET", path) if path == format!("/v1/certificates/{REQUEST}") => "poll",
        ("GET", "/bucket/b?X-Amz-Signature=hunter2") => "fetch",
        _ => "unknown",
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).await.ok()?;
    let mut words = first.split(' ');
    let kind = kind(words.next()?, words.next()?);
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).await.ok()?;
    Some(Request {
        kind,
        authorization,
        body,
    })
}

async fn write(stream: &mut TcpStream, reply: &Reply) {
    let retry = reply
        .retry_after
        .map_or_else(String::new, |wait| format!("Retry-After: {wait}\r\n"));
    let head = format!(
        "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n{retry}\r\n",
        reply.status,
        reply.body.len()
    );
    // A device that was cut short does not listen any more.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&reply.body).await;
    let _ = stream.shutdown().await;
}
