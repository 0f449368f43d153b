//! Work queues and their dead letters, on either AWS.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::QueueAttributeName;
use cvm_aws::queue::REASON;
use cvm_local::watch;

use super::Backend;
use super::QUEUE_RECEIVES;
use super::Side;
use crate::error::Error;

/// A work queue and its dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues {
    /// The work queue's URL.
    pub work: String,
    /// The dead letters' URL.
    pub dead: String,
}

/// What the names of dead letters' queues end in.
pub(super) const DEAD: &str = "-dead";

impl Backend {
    /// A work queue of its own with dead letters of its own, with this visibility timeout.
    pub async fn queues(&self, name: &str, visibility_seconds: u64) -> Result<Queues, Error> {
        let dead = self
            .queue(&format!("{name}{DEAD}"), visibility_seconds, None)
            .await?;
        let arn = self.arn(&dead).await?;
        let work = self.queue(name, visibility_seconds, Some(arn)).await?;
        Ok(Queues { work, dead })
    }

    async fn queue(
        &self,
        name: &str,
        visibility_seconds: u64,
        dead: Option<String>,
    ) -> Result<String, Error> {
        if let Side::StandIn(stand_in) = &self.side {
            return Ok(stand_in.account().add_queue(name));
        }
        let redrive = dead.map(|arn| {
            serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": QUEUE_RECEIVES })
                .to_string()
        });
        let call = aws_sdk_sqs::Client::new(&self.sdk)
            .create_queue()
            .queue_name(name);
        let call = call.attributes(
            QueueAttributeName::VisibilityTimeout,
            visibility_seconds.to_string(),
        );
        let call = match redrive {
            Some(redrive) => call.attributes(QueueAttributeName::RedrivePolicy, redrive),
            None => call,
        };
        let created = call
            .send()
            .await
            .map_err(|error| Error::aws("CreateQueue", &error))?;
        Ok(created.queue_url.unwrap_or_default())
    }

    async fn arn(&self, url: &str) -> Result<String, Error> {
        if let Side::StandIn(_) = &self.side {
            return Ok(url.to_owned());
        }
        let call = aws_sdk_sqs::Client::new(&self.sdk)
            .get_queue_attributes()
            .queue_url(url);
        let told = call
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await;
        let told = told.map_err(|error| Error::aws("GetQueueAttributes", &error))?;
        let arn = told
            .attributes()
            .and_then(|told| told.get(&QueueAttributeName::QueueArn));
        Ok(arn.cloned().unwrap_or_default())
    }

    /// How many messages a queue holds, in whatever state.
    pub async fn depth(&self, url: &str) -> Result<u64, Error> {
        Ok(watch::queue_depth(&self.sdk, url).await?)
    }

    /// The dead letters by reason; they stay where they are, but hidden for some minutes.
    pub async fn dead_letters(&self, url: &str) -> Result<BTreeMap<String, usize>, Error> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        let mut reasons = BTreeMap::new();
        loop {
            let call = client
                .receive_message()
                .queue_url(url)
                .visibility_timeout(600);
            let call = call
                .max_number_of_messages(10)
                .message_attribute_names("All");
            let received = call
                .send()
                .await
                .map_err(|error| Error::aws("ReceiveMessage", &error))?;
            let letters = received.messages.unwrap_or_default();
            if letters.is_empty() {
                return Ok(reasons);
            }
            for letter in letters {
                *reasons.entry(reason(&letter)).or_default() += 1;
            }
        }
    }
}

/// Why a dead letter is one: its worker says so, unless the queue has given it up by itself.
fn reason(letter: &Message) -> String {
    let attribute = letter.message_attributes().and_then(|all| all.get(REASON));
    let reason = attribute.and_then(|value| value.string_value());
    reason.unwrap_or("received too often").to_owned()
}
