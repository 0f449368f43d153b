//! The way in for devices: how many at a time, and how long each may take to say what it wants.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum_server::Handle;
use axum_server::Server;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_service::Service;

use crate::config::WebTerms;
use crate::stop::Stop;
use crate::tls::TlsError;
use crate::tls::TlsFiles;
use crate::web::Front;
use crate::web::router;

/// How long a connection may take to its first request, and each request to its last header.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection waits for its turn, if there are too many.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Why devices cannot be let in.
#[derive(Debug, thiserror::Error)]
pub enum EntranceError {
    /// The address cannot be listened at.
    #[error("{0} cannot be listened at: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The certificate cannot be shown.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Lets devices in until the sign to stop; then answers those that have asked, within `limit`.
pub fn open(
    web: &WebTerms,
    front: Arc<Front>,
    stop: &Stop,
    limit: Duration,
    tasks: &mut JoinSet<()>,
) -> Result<(), EntranceError> {
    let refuse = |error| EntranceError::Listen(web.listen, error);
    let listener = TcpListener::bind(web.listen).map_err(refuse)?;
    let server = axum_server::from_tcp(listener).map_err(refuse)?;
    let handle = Handle::new();
    let turns = Turns(Arc::new(Semaphore::new(web.connections)));
    let server = server.handle(handle.clone());
    match &web.tls {
        None => tasks.spawn(serve(server.acceptor(turns), front)),
        Some((certificate, key)) => {
            let files = TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            };
            let shown = RustlsConfig::from_config(Arc::new(files.load()?));
            tasks.spawn(files.follow(shown.clone(), stop.clone()));
            let acceptor = RustlsAcceptor::new(shown).acceptor(turns);
            tasks.spawn(serve(server.acceptor(acceptor), front))
        }
    };
    let mut stop = stop.clone();
    tasks.spawn(async move {
        stop.given().await;
        handle.graceful_shutdown(Some(limit));
    });
    Ok(())
}

async fn serve<A>(mut server: Server<SocketAddr, A>, front: Arc<Front>)
where
    A: Accept<TcpStream, AxumService> + Clone + Send + Sync + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Service: axum_server::service::SendService<Request> + Send,
    A::Future: Send,
{
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    let server = server.http1_only().first_request_timeout(HEADERS_WITHIN);
    let routes = router(front).into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = server.serve(routes).await {
        tracing::error!(%error, "devices are not let in any more");
    }
}

type Request = http::Request<hyper::body::Incoming>;
type AxumService =
    axum::middleware::AddExtension<axum::Router, axum::extract::ConnectInfo<SocketAddr>>;

/// Lets so many connections in at a time; the others wait for a while.
#[derive(Clone)]
struct Turns(Arc<Semaphore>);

impl<S: Send + 'static> Accept<TcpStream, S> for Turns {
    type Stream = TcpStream;
    type Service = Inside<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(TcpStream, Inside<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let turn = Arc::clone(&self.0).acquire_owned();
        Box::pin(async move {
            let turn = timeout(TURN_WITHIN, turn).await;
            let turn = turn.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            let turn = turn.map_err(io::Error::other)?;
            stream.set_nodelay(true)?;
            let inside = Inside {
                service,
                _turn: Arc::new(turn),
            };
            Ok((stream, inside))
        })
    }
}

/// A connection's service, and the turn that ends with it.
#[derive(Clone)]
struct Inside<S> {
    service: S,
    _turn: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Inside<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}
