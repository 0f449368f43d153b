//! SQS as its users know it: visibility, receive counts, dead letters, receipts, delays.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod lab;

use std::time::Duration;
use std::time::Instant;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use cvm_aws::queue::SqsDelivery;
use cvm_aws::queue::SqsQueue;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::ports::Delivery as _;
use cvm_shared::ports::Queue as _;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_standin::Account;
use cvm_standin::Depth;

use crate::lab::Lab;
use crate::lab::wait;

/// A client with the work queue's URL.
struct Sqs {
    client: Client,
    url: String,
}

impl Sqs {
    fn of(lab: &Lab) -> Self {
        Self {
            client: Client::new(&lab.sdk),
            url: lab.account().queue_url(),
        }
    }

    async fn send(&self, body: &str, delay_seconds: i32) {
        let call = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body);
        call.delay_seconds(delay_seconds).send().await.unwrap();
    }

    async fn receive(&self, wait_seconds: i32) -> Vec<Message> {
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = call.wait_time_seconds(wait_seconds).send().await.unwrap();
        answer.messages.unwrap_or_default()
    }

    /// The code with which a change is refused.
    async fn hide(&self, message: &Message, seconds: i32) -> Option<String> {
        let call = self.client.change_message_visibility().queue_url(&self.url);
        let call = call
            .set_receipt_handle(message.receipt_handle.clone())
            .visibility_timeout(seconds);
        let error = call.send().await.err()?;
        Some(error.into_service_error().meta().code().unwrap().to_owned())
    }

    async fn delete(&self, message: &Message) {
        let call = self.client.delete_message().queue_url(&self.url);
        call.set_receipt_handle(message.receipt_handle.clone())
            .send()
            .await
            .unwrap();
    }
}

fn count(message: &Message) -> &str {
    let attributes = message.attributes.as_ref().unwrap();
    &attributes[&MessageSystemAttributeName::ApproximateReceiveCount]
}

fn depth(visible: usize, in_flight: usize, delayed: usize) -> Depth {
    Depth {
        visible,
        in_flight,
        delayed,
    }
}

#[tokio::test]
async fn a_received_message_is_hidden_and_comes_back_counted() {
    let lab = Lab::start().await;
    lab.account().set_visibility(Duration::from_millis(300));
    let sqs = Sqs::of(&lab);
    sqs.send("one", 0).await;
    assert_eq!(lab.account().queue_depth(), depth(1, 0, 0));
    let first = sqs.receive(0).await;
    assert_eq!(first[0].body(), Some("one"));
    assert_eq!(count(&first[0]), "1");
    assert_eq!(lab.account().queue_depth(), depth(0, 1, 0));
    assert_eq!(sqs.receive(0).await, []);
    let second = sqs.receive(2).await;
    assert_eq!(count(&second[0]), "2");
    assert_eq!(second[0].message_id, first[0].message_id);
    assert_ne!(second[0].receipt_handle, first[0].receipt_handle);
    sqs.delete(&second[0]).await;
    assert_eq!(lab.account().queue_depth(), depth(0, 0, 0));
}

#[tokio::test]
async fn the_receipt_of_an_earlier_receive_does_nothing() {
    let lab = Lab::start().await;
    let sqs = Sqs::of(&lab);
    sqs.send("one", 0).await;
    let first = sqs.receive(0).await.remove(0);
    assert_eq!(sqs.hide(&first, 0).await, None);
    let second = sqs.receive(0).await.remove(0);
    assert_eq!(sqs.hide(&first, 0).await, None);
    sqs.delete(&first).await;
    assert_eq!(lab.account().queue_depth(), depth(0, 1, 0));
    assert_eq!(sqs.hide(&second, 0).await, None);
    let too_late = sqs.hide(&second, 100).await.unwrap();
    assert!(too_late.contains("MessageNotInflight"), "{too_late}");
    assert_eq!(lab.account().queue_depth(), depth(1, 0, 0));
}

#[tokio::test]
async fn after_the_last_receive_it_goes_to_the_dead_letters() {
    let lab = Lab::start().await;
    lab.account().set_visibility(Duration::ZERO);
    lab.account().set_max_receives(3);
    let sqs = Sqs::of(&lab);
    sqs.send("poison", 0).await;
    for receive in ["1", "2", "3"] {
        let received = sqs.receive(0).await;
        assert_eq!(count(&received[0]), receive);
        assert!(lab.account().dead_letters().is_empty());
    }
    assert_eq!(sqs.receive(0).await, []);
    let dead = lab.account().dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].body, "poison");
    assert_eq!(lab.account().queue_depth(), depth(0, 0, 0));
}

#[tokio::test]
async fn a_parked_message_has_its_attributes() {
    let lab = Lab::start().await;
    let sqs = Sqs {
        url: lab.account().dead_letter_queue_url(),
        ..Sqs::of(&lab)
    };
    let reason = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("denied");
    let call = sqs
        .client
        .send_message()
        .queue_url(&sqs.url)
        .message_body("letter");
    let call = call.message_attributes("parkReason", reason.build().unwrap());
    call.send().await.unwrap();
    assert_eq!(
        lab.account().dead_letters()[0].attributes["parkReason"],
        "denied"
    );
    let call = sqs
        .client
        .receive_message()
        .queue_url(&sqs.url)
        .message_attribute_names("All");
    let letters = call.send().await.unwrap().messages.unwrap();
    let told = letters[0].message_attributes().unwrap()["parkReason"].string_value();
    assert_eq!(told, Some("denied"));
}

#[tokio::test]
async fn an_order_is_its_device_s_and_a_copy_is_whose_the_message_was() {
    let lab = Lab::start().await;
    let sqs = Sqs::of(&lab);
    let serial = SerialNumber::parse("SN-1").unwrap();
    let order = Order {
        request: Request::new(&serial, Generation::FIRST, KeySource::Service),
        generation: Generation::FIRST,
        serial,
    };
    let queue = SqsQueue::new(sqs.client.clone(), sqs.url.clone());
    queue.send(&order).await.unwrap();
    let delivery = SqsDelivery::new(sqs.client.clone(), sqs.url.clone(), String::new());
    for tenant in [Some("batch-7"), None] {
        let renewed = delivery.renew("copy", tenant, Duration::ZERO);
        renewed.await.unwrap();
    }
    let tenant = |message: &Message| {
        let attributes = message.attributes.as_ref().unwrap();
        let group = attributes.get(&MessageSystemAttributeName::MessageGroupId);
        group.cloned()
    };
    let tenants: Vec<Option<String>> = sqs.receive(0).await.iter().map(tenant).collect();
    let expected = [Some("SN-1"), Some("batch-7"), None].map(|name| name.map(str::to_owned));
    assert_eq!(tenants, expected);
}

#[tokio::test]
async fn a_delayed_message_wakes_those_who_wait_in_time() {
    let lab = Lab::start().await;
    let sqs = Sqs::of(&lab);
    sqs.send("later", 1).await;
    assert_eq!(lab.account().queue_depth(), depth(0, 0, 1));
    assert_eq!(sqs.receive(0).await, []);
    let start = now();
    assert_eq!(sqs.receive(10).await.len(), 1);
    let waited = start.elapsed();
    assert!(
        waited > Duration::from_millis(700) && waited < Duration::from_secs(5),
        "{waited:?}"
    );
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_message_or_empty() {
    let lab = Lab::start().await;
    let sqs = Sqs::of(&lab);
    let start = now();
    assert_eq!(sqs.receive(1).await, []);
    assert!(start.elapsed() >= Duration::from_millis(990));
    let start = now();
    let sent = async {
        wait(Duration::from_millis(200)).await;
        sqs.send("now", 0).await;
    };
    let (received, ()) = tokio::join!(sqs.receive(15), sent);
    assert_eq!(received.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn batches_tell_of_each_entry() {
    let lab = Lab::start().await;
    let sqs = Sqs::of(&lab);
    let entry = |id: &str, delay| {
        let entry = SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(id);
        entry.delay_seconds(delay).build().unwrap()
    };
    let call = sqs.client.send_message_batch().queue_url(&sqs.url);
    let call = call
        .entries(entry("a", 0))
        .entries(entry("b", 901))
        .entries(entry("c", 0));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.successful().len(), 2);
    assert_eq!(answer.failed()[0].id(), "b");
    let received = sqs.receive(0).await;
    assert_eq!(
        received
            .iter()
            .map(|m| m.body().unwrap())
            .collect::<Vec<_>>(),
        ["a", "c"]
    );
    let mut call = sqs.client.delete_message_batch().queue_url(&sqs.url);
    for (n, message) in received.iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
        let entry = entry.set_receipt_handle(message.receipt_handle.clone());
        call = call.entries(entry.build().unwrap());
    }
    assert_eq!(call.send().await.unwrap().successful().len(), 2);
    assert_eq!(lab.account().queue_depth().total(), 0);
}

#[tokio::test]
async fn queues_can_be_added_looked_at_and_purged() {
    let lab = Lab::start().await;
    let sqs = Sqs {
        url: lab.account().add_queue("another"),
        ..Sqs::of(&lab)
    };
    sqs.send("one", 0).await;
    sqs.send("two", 60).await;
    let call = sqs.client.get_queue_attributes().queue_url(&sqs.url);
    let call = call.attribute_names(QueueAttributeName::ApproximateNumberOfMessages);
    let call = call.attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
    let told = call.send().await.unwrap().attributes.unwrap();
    assert_eq!(told.len(), 2, "only what was asked for: {told:?}");
    assert_eq!(told[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(
        told[&QueueAttributeName::ApproximateNumberOfMessagesDelayed],
        "1"
    );
    sqs.client
        .purge_queue()
        .queue_url(&sqs.url)
        .send()
        .await
        .unwrap();
    assert_eq!(sqs.receive(0).await, []);
    let nowhere = sqs.url.replace("another", "nowhere");
    let call = sqs
        .client
        .send_message()
        .queue_url(nowhere)
        .message_body("x");
    let error = call.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    assert_eq!(
        Account::QUEUE,
        sqs.url
            .replace("another", "cvm-work")
            .rsplit('/')
            .next()
            .unwrap()
    );
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn now() -> Instant {
    Instant::now()
}
