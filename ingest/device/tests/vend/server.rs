//! A server that speaks the device's protocol over plain HTTP, with faults to order. It issues from
//! a CA of its own, so that a device which verifies nothing would be noticed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::time::UnixMillis;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::door::Book;
use crate::door::REQUEST;
use crate::door::nonce;
use crate::door::problem;
use crate::http::Reply;
use crate::http::Request;
use crate::http::read;
use crate::http::write;

pub(crate) const SERIAL: &str = "SN-1";
pub(crate) const TOKEN: &str = "hunter2-hunter2";

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
    /// The status is another one than was proven.
    Restated(u16),
    /// The moment or the nonce is refused, and a good nonce is given.
    BadNonce,
    /// The answer goes without its proof.
    Unproven,
}

/// The kinds of request.
pub(crate) const KINDS: [&str; 5] = ["submit", "poll", "fetch", "roots", "confirm"];

/// A rule of the contract that this server breaks: changes an answer before or after it is proven.
#[derive(Clone, Copy)]
pub(crate) enum Breach {
    Before(fn(&Request, &mut Reply)),
    After(fn(&Request, &mut Reply)),
}

#[derive(Default)]
struct Orders {
    faults: HashMap<&'static str, Vec<Fault>>,
    breach: Option<Breach>,
    log: Vec<&'static str>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    pub(crate) hung: Notify,
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) book: Mutex<Book>,
    orders: Mutex<Orders>,
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
            book: Mutex::default(),
            orders: Mutex::default(),
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
        let mut orders = self.orders.lock().unwrap();
        orders.faults.entry(kind).or_default().push(fault);
    }

    pub(crate) fn breach(&self, breach: Breach) {
        self.orders.lock().unwrap().breach = Some(breach);
    }

    pub(crate) fn issued(&self) -> u32 {
        self.book.lock().unwrap().issued
    }

    pub(crate) fn confirmed(&self) -> bool {
        self.book.lock().unwrap().confirmed
    }

    /// The requests since the last call.
    pub(crate) fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.orders.lock().unwrap().log)
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else {
            return;
        };
        let kind = kind(&request.method, &request.path);
        let (fault, breach) = {
            let mut orders = self.orders.lock().unwrap();
            orders.log.push(kind);
            let fault = orders.faults.get_mut(kind).and_then(Vec::pop);
            (fault, orders.breach)
        };
        let reply = match fault {
            Some(Fault::Close) => return,
            Some(Fault::HangBefore) => return self.hang().await,
            Some(Fault::HangAfter) => {
                self.answer(&request, breach);
                return self.hang().await;
            }
            Some(Fault::Status(status, wait)) => bare(status, wait),
            Some(Fault::BadNonce) => problem(400, "bad_nonce").with("replay-nonce", nonce()),
            Some(Fault::Failed(retryable)) => failed(retryable),
            None => self.answer(&request, breach),
            Some(fault) => {
                let mut reply = self.answer(&request, breach);
                spoil(&mut reply, fault);
                reply
            }
        };
        write(&mut stream, &reply).await;
    }

    async fn hang(&self) {
        self.hung.notify_one();
        std::future::pending::<()>().await;
    }
}

fn spoil(reply: &mut Reply, fault: Fault) {
    match fault {
        Fault::Changed => reply.body[20] ^= 1,
        Fault::Restated(status) => reply.status = status,
        Fault::Unproven => reply.drop("cvm1-proof"),
        Fault::Status(..)
        | Fault::Close
        | Fault::HangBefore
        | Fault::HangAfter
        | Fault::Failed(_)
        | Fault::BadNonce => panic!("{fault:?} spoils nothing"),
    }
}

fn bare(status: u16, wait: Option<u64>) -> Reply {
    let reply = Reply::new(status, "");
    match wait {
        Some(wait) => reply.with("retry-after", wait.to_string()),
        None => reply,
    }
}

fn failed(retryable: bool) -> Reply {
    let view = json!({
        "requestId": REQUEST, "status": "failed", "code": "policy_missing",
        "retryable": retryable, "failedAt": 1,
    });
    Reply::new(200, view.to_string())
}

fn kind(method: &str, path: &str) -> &'static str {
    let request = format!("/v1/certificates/{REQUEST}");
    match (method, path) {
        ("POST", "/v1/certificates") => "submit",
        ("GET", "/v1/trust-bundle") => "roots",
        ("GET", "/v1/nonce") => "nonce",
        ("POST", path) if path == format!("{request}/confirm") => "confirm",
        ("GET", path) if path == request => "poll",
        ("GET", "/bucket/b") => "fetch",
        _ => "unknown",
    }
}

/// The real time: the command line and the shell's client have no other.
pub(crate) fn now() -> UnixMillis {
    #[expect(
        clippy::disallowed_methods,
        reason = "what it drives has no other clock"
    )]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMillis::default().plus(since.unwrap())
}
