//! What a batch sends and keeps, and how full the queues are.

use std::future::Future;
use std::io::Write;
use std::path::Path;

use crate::failure::Failure;
use crate::message::Order;

/// The way into the work queue for whoever sends many: all of it counts as one tenant of the queue, so that a device that
/// asks by itself need not wait behind it.
pub trait Orders: Send + Sync {
    /// Sends these orders; the answers are in their order, one each. `Ok` means that it will be delivered at least
    /// once. An order that failed may be in the queue all the same; sending it again is harmless.
    fn send_many(&self, orders: &[Order]) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;
}

/// Messages by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// For somebody to take them.
    pub ready: u64,
    /// With somebody, or given back for a while.
    pub in_flight: u64,
    /// For their delay to end.
    pub delayed: u64,
}

impl Levels {
    /// All of them.
    pub fn all(self) -> u64 {
        self.ready + self.in_flight + self.delayed
    }
}

/// What is kept of a factory's batches: a file of rows and a page about it. The page is written last, so a batch without one
/// was never begun. Neither holds a secret. Ids are the caller's to check.
pub trait Batches: Send + Sync {
    /// Keeps the rows of a batch that is not begun yet.
    fn put_rows(&self, id: &str, file: &Path) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Keeps the page about a batch, which begins it; whether nobody had begun it before.
    fn begin(&self, id: &str, about: Vec<u8>)
    -> impl Future<Output = Result<bool, Failure>> + Send;

    /// The page about a batch; `None` if there is no such batch.
    fn about(&self, id: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// Writes the rows of a batch to `sink`, piece by piece.
    fn rows(
        &self,
        id: &str,
        sink: &mut (impl Write + Send),
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The ids of all batches, those among them that were never begun, in their alphabetical order.
    fn ids(&self) -> impl Future<Output = Result<Vec<String>, Failure>> + Send;
}
