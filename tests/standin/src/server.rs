//! The HTTP side: which service a request is for, and what fate it meets on the way.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::serve::ListenerExt as _;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Options;
use crate::account::Account;
use crate::account::Inside;
use crate::clock;
use crate::dynamodb;
use crate::faults::Fate;
use crate::faults::cut;
use crate::faults::trouble;
use crate::iot;
use crate::lock;
use crate::record;
use crate::s3;
use crate::servicequotas;
use crate::sqs;
use crate::sts;
use crate::wire::Incoming;
use crate::wire::Refusal;
use crate::wire::json;

/// The longest body of a request: more than any of ours.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// A running stand-in. Dropped, it takes no more connections and ends those it has, each after the
/// answer that is under way.
#[derive(Debug)]
pub struct StandIn {
    account: Account,
    /// Its end is the signal.
    _stop: oneshot::Sender<()>,
    over_tls: Mutex<Vec<Handle<SocketAddr>>>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        for handle in lock(&self.over_tls).iter() {
            handle.shutdown();
        }
    }
}

impl StandIn {
    /// Starts on a free port of 127.0.0.1, on the current tokio runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let account = Account::new(&options, endpoint);
        let (stop, stopped) = oneshot::channel();
        let router = Router::new()
            .fallback(handle_call)
            .with_state(account.clone());
        // Answers are small: without this, each would wait for the acknowledgement of the last.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let stopped = async {
            let _: Result<(), _> = stopped.await;
        };
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped);
        tokio::spawn(server.into_future());
        Ok(Self {
            account,
            _stop: stop,
            over_tls: Mutex::default(),
        })
    }

    /// Listens on one port more, with TLS and this certificate (PEM files); where: `https://127.0.0.1:port`.
    pub async fn listen_over_tls(&self, certificate: &Path, key: &Path) -> io::Result<String> {
        let tls = RustlsConfig::from_pem_chain_file(certificate, key).await?;
        let handle = Handle::new();
        let router = Router::new()
            .fallback(handle_call)
            .with_state(self.account.clone());
        let server = axum_server::bind_rustls((Ipv4Addr::LOCALHOST, 0).into(), tls);
        // Answers are small here too.
        let server = server.map(|acceptor| acceptor.acceptor(NoDelayAcceptor::new()));
        let server = server.handle(handle.clone());
        tokio::spawn(server.serve(router.into_make_service()));
        let address = handle.listening().await;
        lock(&self.over_tls).push(handle);
        let refused = || io::Error::other("the port with TLS is not there");
        Ok(format!("https://{}", address.ok_or_else(refused)?))
    }

    /// Where it listens: `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> &str {
        &self.account.0.endpoint
    }

    /// What is behind it.
    pub fn account(&self) -> &Account {
        &self.account
    }
}

/// A request with the service that it is for.
pub(crate) enum Call {
    DynamoDb(String),
    Sqs(String),
    ServiceQuotas(String),
    Sts(&'static str),
    S3(s3::Call),
    Iot(iot::Call),
}

impl Call {
    fn of(request: &Incoming) -> Option<Self> {
        if let Some((service, operation)) = request
            .header("x-amz-target")
            .and_then(|target| target.split_once('.'))
        {
            let operation = operation.to_owned();
            return match service {
                "DynamoDB_20120810" => Some(Self::DynamoDb(operation)),
                "AmazonSQS" => Some(Self::Sqs(operation)),
                "ServiceQuotasV20190624" => Some(Self::ServiceQuotas(operation)),
                _ => None,
            };
        }
        if let Some(operation) = sts::operation(request) {
            return Some(Self::Sts(operation));
        }
        let s3 = s3::Call::of(request).map(Self::S3);
        s3.or_else(|| iot::Call::of(request).map(Self::Iot))
    }

    fn operation(&self) -> &str {
        match self {
            Self::DynamoDb(operation) | Self::Sqs(operation) | Self::ServiceQuotas(operation) => {
                operation
            }
            Self::Sts(operation) => operation,
            Self::S3(call) => call.operation,
            Self::Iot(call) => call.api.name(),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        match self {
            Self::S3(_) | Self::Sts(_) => refusal.into_xml(),
            Self::DynamoDb(_) | Self::Sqs(_) | Self::ServiceQuotas(_) | Self::Iot(_) => {
                refusal.into_json()
            }
        }
    }
}

async fn handle_call(State(account): State<Account>, request: Request) -> Response {
    let account = &*account.0;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return Refusal::new(413, "RequestEntityTooLarge", "too long").into_json();
    };
    let request = Incoming::new(parts, body);
    let Some(call) = Call::of(&request) else {
        account.count("UnknownOperation");
        let message = format!("{} {}", request.method, request.path);
        return Refusal::new(404, "UnknownOperationException", message).into_json();
    };
    account.count(call.operation());
    if let Some(line) = record::line(&call, &request) {
        lock(&account.recorded).insert(line);
    }
    clock::pause(account.latency()).await;
    match account.dice.fate() {
        Fate::Spared => answer(account, &call, &request).await,
        Fate::Broken => call.refuse(trouble(500)),
        Fate::Unavailable => call.refuse(trouble(503)),
        Fate::Cut => {
            answer(account, &call, &request).await;
            cut()
        }
        Fate::Mute => {
            answer(account, &call, &request).await;
            call.refuse(trouble(500))
        }
    }
}

async fn answer(account: &Inside, call: &Call, request: &Incoming) -> Response {
    let body = || request.json();
    match call {
        Call::DynamoDb(operation) => {
            json(body().and_then(|body| dynamodb::answer(account, operation, &body)))
        }
        Call::Sqs(operation) => match body() {
            Ok(body) => sqs::answer(&account.queues, operation, &body).await,
            Err(refusal) => refusal.into_json(),
        },
        Call::ServiceQuotas(operation) => {
            json(body().and_then(|body| servicequotas::answer(&account.meters, operation, &body)))
        }
        Call::Sts(_) => sts::answer(),
        Call::S3(call) => s3::answer(&account.bucket, call, request),
        Call::Iot(call) => json(iot::answer(account, call, request).await),
    }
    .into_response()
}
