//! A wire to AWS that keeps all that goes over it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::JoinHandle;

/// One direction of one connection.
#[derive(Clone, Debug, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

/// What was said in both directions, connection by connection.
#[derive(Clone, Debug, Default)]
struct Book(Arc<Mutex<Vec<[Page; 2]>>>);

/// A running wire. Dropping it ends it.
#[derive(Debug)]
pub struct Wiretap {
    url: String,
    book: Book,
    task: JoinHandle<()>,
}

impl Wiretap {
    /// A wire to this endpoint, `http://host:port`.
    pub async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = endpoint.trim_start_matches("http://").to_owned();
        let book = Book::default();
        let task = tokio::spawn(serve(listener, target, book.clone()));
        Self { url, book, task }
    }

    /// Where it begins.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that was said towards AWS, and all that came back.
    pub fn heard(&self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let book = self.book.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |page: &Page| {
            page.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        };
        book.iter()
            .map(|[sent, received]| (read(sent), read(received)))
            .unzip()
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, target: String, book: Book) {
    while let Ok((near, _)) = listener.accept().await {
        // A target that is gone: the function sees its connection close.
        let Ok(far) = TcpStream::connect(&target).await else {
            continue;
        };
        let pages = [Page::default(), Page::default()];
        let all = &book.0;
        all.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pages.clone());
        let [sent, received] = pages;
        let (near_in, near_out) = near.into_split();
        let (far_in, far_out) = far.into_split();
        tokio::spawn(relay(near_in, far_out, sent));
        tokio::spawn(relay(far_in, near_out, received));
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, page: Page) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let part = &buffer[..length];
        page.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(part);
        if to.write_all(part).await.is_err() {
            break;
        }
    }
    // Whoever hung up, the other side is told.
    let _gone = to.shutdown().await;
}
