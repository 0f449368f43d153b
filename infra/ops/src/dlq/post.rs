//! The dead letters' queue: what a command may do with it, and how SQS does it.

use std::future::Future;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_aws::classify::failure;
use cvm_shared::failure::Failure;

use crate::dlq::letter::Letter;

const SERVICE: &str = "sqs";

/// How many letters one call takes or gives back (SQS takes no more).
pub const PAGE: usize = 10;

/// How long a letter that was taken is hidden from others, and from us: long enough to come to the end of many. If we
/// die with letters in hand, they are back after this.
pub(crate) const HIDDEN: Duration = Duration::from_mins(15);

/// How long the queue looks for letters: more than none makes it ask all its parts.
const LOOK_SECONDS: i32 = 1;

/// The dead letters.
pub trait Post: Send + Sync {
    /// Takes up to [`PAGE`] letters; they are hidden for a while.
    fn take(&self) -> impl Future<Output = Result<Vec<Letter>, Failure>> + Send;

    /// Shows letters again, at most [`PAGE`], by their receipts.
    fn give_back(&self, receipts: &[String]) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes a letter for good.
    fn remove(&self, receipt: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The dead letters on SQS.
#[derive(Clone, Debug)]
pub struct SqsPost {
    client: Client,
    url: String,
}

impl SqsPost {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

impl Post for SqsPost {
    async fn take(&self) -> Result<Vec<Letter>, Failure> {
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call
            .max_number_of_messages(i32::try_from(PAGE).unwrap_or(1))
            .visibility_timeout(i32::try_from(HIDDEN.as_secs()).unwrap_or(i32::MAX))
            .wait_time_seconds(LOOK_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = call.send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.into_iter().filter_map(Letter::of).collect())
    }

    async fn give_back(&self, receipts: &[String]) -> Result<(), Failure> {
        let entry = |(place, receipt): (usize, &String)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(0)
                .build()
                .ok()
        };
        let entries = receipts.iter().enumerate().filter_map(entry).collect();
        let call = self.client.change_message_visibility_batch();
        let call = call.queue_url(&self.url).set_entries(Some(entries));
        let answer = call.send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        // A call that succeeds says nothing about its entries.
        let refused = answer.failed().first().map(|entry| Failure::Rejected {
            service: SERVICE,
            detail: entry.code().to_owned(),
        });
        refused.map_or(Ok(()), Err)
    }

    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        let call = self.client.delete_message().queue_url(&self.url);
        let answer = call.receipt_handle(receipt).send().await;
        answer.map(drop).map_err(|error| failure(SERVICE, &error))
    }
}
