//! The way out of a queue on SQS, for a host that fetches its messages itself (long polling).

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Config;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::Message as SqsMessage;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Intake;
use cvm_shared::ports::Message;
use cvm_shared::time::UnixMillis;

use crate::classify::failure;
use crate::queue::REASON;

const SERVICE: &str = "sqs";

/// As many as SQS hands out in one call, and as long as it waits for one (SQS API reference, `ReceiveMessage`).
const MOST: u32 = 10;
const WAIT_MAX: u64 = 20;

/// The messages of a queue.
#[derive(Clone, Debug)]
pub struct SqsIntake {
    client: Client,
    url: String,
}

impl SqsIntake {
    /// The messages of the queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

impl Intake for SqsIntake {
    async fn receive(
        &self,
        most: u32,
        hidden: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, Failure> {
        let wait = wait.as_secs().min(WAIT_MAX);
        let names = [
            MessageSystemAttributeName::ApproximateReceiveCount,
            MessageSystemAttributeName::MessageGroupId,
            MessageSystemAttributeName::SentTimestamp,
        ];
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call
            .set_message_system_attribute_names(Some(names.to_vec()))
            .message_attribute_names(REASON)
            .max_number_of_messages(i32::try_from(most.min(MOST)).unwrap_or(1))
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX))
            .wait_time_seconds(i32::try_from(wait).unwrap_or(0));
        // The wait is no fault of the call's.
        let patience = Duration::from_secs(wait + 5);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(patience)
            .operation_timeout(patience);
        let patient = Config::builder().timeout_config(timeouts.build());
        let answer = call.customize().config_override(patient).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        Ok(answer.messages().iter().filter_map(read).collect())
    }

    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        let call = self.client.delete_message().queue_url(&self.url);
        let done = call.receipt_handle(receipt).send().await;
        done.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }
}

/// A message without a name to answer by could never be settled; it comes back when its timeout ends.
fn read(message: &SqsMessage) -> Option<Message> {
    let system = message.attributes().cloned().unwrap_or_default();
    Some(Message {
        id: message.message_id()?.to_owned(),
        receipt: message.receipt_handle()?.to_owned(),
        body: message.body().unwrap_or_default().to_owned(),
        tenant: system
            .get(&MessageSystemAttributeName::MessageGroupId)
            .cloned(),
        receives: number(
            &system,
            &MessageSystemAttributeName::ApproximateReceiveCount,
        )
        .unwrap_or(1),
        sent_at: UnixMillis(
            number(&system, &MessageSystemAttributeName::SentTimestamp).unwrap_or_default(),
        ),
        reason: message
            .message_attributes()
            .and_then(|told| told.get(REASON)?.string_value().map(str::to_owned)),
    })
}

fn number<T: std::str::FromStr>(
    system: &HashMap<MessageSystemAttributeName, String>,
    name: &MessageSystemAttributeName,
) -> Option<T> {
    system.get(name)?.parse().ok()
}
