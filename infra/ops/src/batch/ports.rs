//! What a batch needs of the outside beyond the door's own ports: many rows and many orders at a time.

use std::future::Future;

use cvm_aws::orders::ORDERS;
use cvm_aws::orders::SqsOrders;
use cvm_aws::rows::DynamoRows;
use cvm_aws::rows::Found;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use futures_util::StreamExt as _;
use futures_util::stream;

/// How many calls to the queue are on their way at once.
const CALLS: usize = 10;

/// The device table, for reading.
pub trait Rows: Sync {
    /// The rows of these devices as of now, a hundred at most and no device twice, in their order.
    fn load_many(&self, serials: &[SerialNumber]) -> impl Future<Output = Vec<Found>> + Send;
}

/// The way into the work queue.
pub trait Orders: Sync {
    /// Sends these orders; the answers are in their order, one each. `Ok` means that it will be delivered at least
    /// once.
    fn send_many(&self, orders: &[Order]) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;
}

impl Rows for DynamoRows {
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        self.load(serials).await
    }
}

impl Orders for SqsOrders {
    async fn send_many(&self, orders: &[Order]) -> Vec<Result<(), Failure>> {
        let calls: Vec<_> = orders.chunks(ORDERS).map(|part| self.send(part)).collect();
        let answers = stream::iter(calls).buffered(CALLS).collect::<Vec<_>>();
        answers.await.concat()
    }
}
