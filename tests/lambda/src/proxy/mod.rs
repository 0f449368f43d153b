//! A proxy between a function and AWS that notes every call, and strikes at the one it was told.
//!
//! It forwards the head as it came but for `Connection` and `Expect`, so that the endpoint sees the host
//! that the function has signed. A connection carries one call: nothing is ever sent that no strike can
//! be put before or after.

pub mod name;
mod raw;
pub mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::error::Error;
use crate::function::Function;
use crate::serve::Task;
use crate::serve::listen;

use name::named;
use raw::Request;
use wire::Phase;
use wire::Strike;
use wire::Wire;

/// How long an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy of one function. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    victim: Arc<OnceLock<Function>>,
    _server: Task,
}

/// What one connection needs.
#[derive(Clone, Debug)]
struct Line {
    upstream: String,
    wire: Arc<Wire>,
    phase: Option<Phase>,
    victim: Arc<OnceLock<Function>>,
}

impl Proxy {
    /// Opens it on a free port, before the endpoint `http://host:port`. Its calls are noted on `wire`, as
    /// of this phase or of the one that the wire was told last.
    pub async fn start(
        endpoint: &str,
        wire: Arc<Wire>,
        phase: Option<Phase>,
    ) -> Result<Self, Error> {
        let (listener, address): (_, SocketAddr) = listen().await?;
        let upstream = endpoint.trim_start_matches("http://").trim_end_matches('/');
        let victim = Arc::new(OnceLock::new());
        let line = Line {
            upstream: upstream.to_owned(),
            wire,
            phase,
            victim: victim.clone(),
        };
        let server = Task::spawn(async move {
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                lines.spawn(line.clone().serve(stream));
                while lines.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            url: format!("http://{address}"),
            victim,
            _server: server,
        })
    }

    /// What the function is to call in place of the endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Says whose processes are killed; the first word counts.
    pub fn kills(&self, function: Function) {
        let _already = self.victim.set(function);
    }
}

impl Line {
    /// One request; then the connection is closed. What cannot be read or reached ends in a closed
    /// connection, as it would without us.
    async fn serve(self, mut client: TcpStream) {
        let Ok(Some(request)) = raw::read(&mut client).await else {
            return;
        };
        let strike = named(&request).and_then(|call| self.wire.note(self.phase, call));
        match strike {
            None => self.pass(&mut client, &request).await,
            Some(Strike::Before) => {
                let _gone = client.write_all(raw::FAULT).await;
            }
            Some(Strike::After) => drop(self.forward(&request).await),
            Some(Strike::KillBefore) => self.kill().await,
            Some(Strike::KillAfter) => {
                drop(self.forward(&request).await);
                self.kill().await;
            }
            Some(Strike::Twice) => {
                drop(self.forward(&request).await);
                self.pass(&mut client, &request).await;
            }
        }
    }

    async fn pass(&self, client: &mut TcpStream, request: &Request) {
        if let Ok(answer) = self.forward(request).await {
            // A client that is gone needs no answer.
            let _gone = client.write_all(&raw::closing(answer)).await;
            let _gone = client.shutdown().await;
        }
    }

    /// The endpoint's whole answer.
    async fn forward(&self, request: &Request) -> std::io::Result<Vec<u8>> {
        let exchange = async {
            let mut upstream = TcpStream::connect(&self.upstream).await?;
            upstream.write_all(&request.forwarded()).await?;
            raw::read_answer(&mut upstream).await
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await??;
        self.wire.answered(&answer);
        Ok(answer)
    }

    /// Whoever made the call is dead before it learns how the call ended.
    async fn kill(&self) {
        if let Some(victim) = self.victim.get() {
            victim.kill_all().await;
        }
    }
}
