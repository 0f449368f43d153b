//! A server on a free port of this machine that ends when its owner drops it.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::Error;

/// A task that ends when its owner drops it.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    /// Runs it beside everything else.
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A free port of 127.0.0.1, taken.
pub(crate) async fn listen() -> Result<(TcpListener, SocketAddr), Error> {
    let failed = "no port can be opened on 127.0.0.1";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(Error::host(failed))?;
    let address = listener.local_addr().map_err(Error::host(failed))?;
    Ok((listener, address))
}

/// Serves until the returned task is dropped.
pub(crate) async fn serve(router: Router) -> Result<(SocketAddr, Task), Error> {
    let (listener, address) = listen().await?;
    let task = Task::spawn(async move {
        // It only ends by being dropped: a listener on loopback has nothing else to fail of.
        let _ended = axum::serve(listener, router).await;
    });
    Ok((address, task))
}
