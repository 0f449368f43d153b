//! Many orders into the work queue in one call.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::operate::work::Orders;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::classify::by_code;
use crate::classify::failure;

const SERVICE: &str = "sqs";

/// How many orders one call takes (`SendMessageBatch` takes no more; ten of the longest are 50 kB of its 1 MiB).
const ORDERS: usize = 10;

/// How many calls are on their way at once.
const CALLS: usize = 10;

/// The way into the work queue for whoever sends many: all of it counts as one tenant of the queue, so that a device
/// that asks by itself need not wait behind it (see [`SqsQueue`](crate::queue::SqsQueue)).
#[derive(Clone, Debug)]
pub struct SqsOrders {
    client: Client,
    url: String,
    group: String,
}

impl SqsOrders {
    /// The queue at this URL; `group` names the tenant.
    pub fn new(client: Client, url: String, group: String) -> Self {
        Self { client, url, group }
    }

    /// Sends these orders, [`ORDERS`] at most.
    async fn send(&self, orders: &[Order]) -> Vec<Result<(), Failure>> {
        match self.call(orders).await {
            Ok(answer) => sorted(orders.len(), &answer),
            Err(failure) => vec![Err(failure); orders.len()],
        }
    }

    async fn call(&self, orders: &[Order]) -> Result<SendMessageBatchOutput, Failure> {
        let entry = |(place, order): (usize, &Order)| {
            SendMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .message_body(order.encode())
                .message_group_id(&self.group)
                .build()
        };
        let entries: Result<Vec<_>, _> = orders.iter().enumerate().map(entry).collect();
        let entries = entries.map_err(|_| Failure::Rejected {
            service: SERVICE,
            detail: "no entry".to_owned(),
        })?;
        let call = self.client.send_message_batch().queue_url(&self.url);
        let answer = call.set_entries(Some(entries)).send().await;
        answer.map_err(|error| failure(SERVICE, &error))
    }
}

impl Orders for SqsOrders {
    async fn send_many(&self, orders: &[Order]) -> Vec<Result<(), Failure>> {
        let calls: Vec<_> = orders.chunks(ORDERS).map(|part| self.send(part)).collect();
        let answers = stream::iter(calls).buffered(CALLS).collect::<Vec<_>>();
        answers.await.concat()
    }
}

/// What became of each entry: the call as a whole succeeds even if none of them does.
fn sorted(count: usize, answer: &SendMessageBatchOutput) -> Vec<Result<(), Failure>> {
    let done = answer.successful().iter().map(|entry| (entry.id(), Ok(())));
    let failed = answer.failed().iter().map(|entry| {
        let status = if entry.sender_fault() { 400 } else { 503 };
        (entry.id(), Err(by_code(SERVICE, entry.code(), status)))
    });
    let mut told: HashMap<&str, Result<(), Failure>> = done.chain(failed).collect();
    let silent = || Failure::Unavailable {
        service: SERVICE,
        detail: "no answer for an entry".to_owned(),
    };
    (0..count)
        .map(|place| told.remove(&*place.to_string()).unwrap_or(Err(silent())))
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::BatchResultErrorEntry;
    use aws_sdk_sqs::types::SendMessageBatchResultEntry;
    use cvm_shared::failure::Class;

    use super::*;

    fn failed(id: &str, code: &str, ours: bool) -> BatchResultErrorEntry {
        let entry = BatchResultErrorEntry::builder().id(id).code(code);
        entry.sender_fault(ours).build().unwrap()
    }

    #[test]
    fn each_entry_has_its_own_answer() {
        let done = SendMessageBatchResultEntry::builder().id("2");
        let done = done.message_id("m").md5_of_message_body("d");
        let answer = SendMessageBatchOutput::builder()
            .successful(done.build().unwrap())
            .failed(failed("0", "InternalError", false))
            .failed(failed("1", "InvalidMessageContents", true))
            .failed(failed("4", "RequestThrottled", true))
            .build()
            .unwrap();
        let answers = sorted(5, &answer);
        let classes: Vec<_> = answers
            .iter()
            .map(|answer| answer.as_ref().err().map(Failure::class))
            .collect();
        let retry = Some(Class::Retry);
        assert_eq!(
            classes,
            [retry, Some(Class::Operator), None, retry, Some(Class::Wait)]
        );
    }
}
