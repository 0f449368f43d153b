//! The work queue and its dead letters on SQS.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::operate::work::Levels;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Queue;

use crate::classify::failure;

const SERVICE: &str = "sqs";

/// The message attribute that says why a dead letter was parked.
pub const REASON: &str = "parkReason";

/// The attribute with which a message names its tenant, as the event source hands it over.
pub const TENANT: &str = "MessageGroupId";

/// The longest delay of a new message (SQS API reference, `DelaySeconds`).
const DELAY_MAX: u64 = 900;

/// The longest visibility timeout (SQS API reference, `VisibilityTimeout`).
const VISIBILITY_MAX: u64 = 43_200;

/// The way into the work queue: all that the door gets.
///
/// Each device is a tenant of its own (`MessageGroupId`). Where one tenant has most of the messages that are being
/// worked on, SQS hands out the others' first, in a standard queue, too (SQS developer guide, "Amazon SQS fair queues",
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>). So a batch of a
/// hundred thousand, which is one tenant ([`SqsOrders`](crate::orders::SqsOrders)), holds no device up that asks by itself.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

impl SqsQueue {
    /// About how full the queue is.
    pub async fn levels(&self) -> Result<Levels, Failure> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = call.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        let number = |name: &QueueAttributeName| {
            let text = answer.attributes().and_then(|all| all.get(name));
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let [ready, in_flight, delayed] = names.each_ref().map(number);
        Ok(Levels {
            ready,
            in_flight,
            delayed,
        })
    }
}

impl Queue for SqsQueue {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        let call = self.client.send_message().queue_url(&self.url);
        let call = call.message_group_id(order.serial.as_str());
        let sent = call.message_body(order.encode()).send().await;
        sent.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }
}

impl Depth for SqsQueue {
    async fn depth(&self) -> Result<u64, Failure> {
        self.levels().await.map(Levels::all)
    }
}

/// What a worker does with messages that the event source has handed to it.
#[derive(Clone, Debug)]
pub struct SqsDelivery {
    client: Client,
    url: String,
    dead_letters_url: String,
}

impl SqsDelivery {
    /// Deliveries from the queue at `url`, whose dead letters go to `dead_letters_url`.
    pub fn new(client: Client, url: String, dead_letters_url: String) -> Self {
        Self {
            client,
            url,
            dead_letters_url,
        }
    }
}

impl Delivery for SqsDelivery {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        let call = self.client.change_message_visibility();
        let call = call.queue_url(&self.url).receipt_handle(receipt);
        let sent = call
            .visibility_timeout(seconds(after, VISIBILITY_MAX))
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        let call = self.client.send_message().queue_url(&self.url);
        let call = call
            .message_body(body)
            .set_message_group_id(tenant.map(str::to_owned))
            .delay_seconds(seconds(after, DELAY_MAX));
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| failure(SERVICE, &error))
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        let attribute = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(reason)
            .build()
            .map_err(|_| Failure::Rejected {
                service: SERVICE,
                detail: "no attribute".to_owned(),
            })?;
        let call = self.client.send_message().queue_url(&self.dead_letters_url);
        let call = call
            .message_body(body)
            .message_attributes(REASON, attribute);
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| failure(SERVICE, &error))
    }
}

/// Whole seconds, rounded up, within what SQS takes.
fn seconds(span: Duration, most: u64) -> i32 {
    let whole = span.as_millis().div_ceil(1000).min(u128::from(most));
    i32::try_from(whole).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_up_and_stay_in_bounds() {
        assert_eq!(seconds(Duration::from_millis(1), 900), 1);
        assert_eq!(seconds(Duration::ZERO, 900), 0);
        assert_eq!(seconds(Duration::from_secs(901), 900), 900);
    }
}
