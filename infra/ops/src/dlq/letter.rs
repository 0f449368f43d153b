//! A dead letter: an order that was given up, or something that is none, with what the queue says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_aws::queue::REASON;
use cvm_shared::ids::Malformed;
use cvm_shared::message::Order;
use cvm_shared::ports::Message as Parked;
use cvm_shared::time::UnixMillis;

/// The reason of a letter that carries none: the queue itself moved it, after so many receives.
pub const RECEIVED_TOO_OFTEN: &str = "received_too_often";

/// A dead letter. It has no `Debug`: its text is never shown.
pub struct Letter {
    /// The message's id.
    pub id: String,
    /// What this receive of it is called.
    pub receipt: String,
    /// Its text, only ever to be sent on.
    pub body: String,
    /// What its text asks for, if it is an order.
    pub order: Result<Order, Malformed>,
    /// Why it was given up.
    pub reason: String,
    /// When it was put where it came from last.
    pub sent_at: Option<UnixMillis>,
    /// How often it was received, looks at it among them.
    pub receives: Option<u64>,
    /// All that is written on it.
    pub attributes: BTreeMap<String, String>,
}

impl Letter {
    /// The letter in a message; `None` if the queue did not say what it is called.
    pub fn of(message: Message) -> Option<Self> {
        let own = message.message_attributes.unwrap_or_default();
        let own = own
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.string_value?)));
        let system = message.attributes.unwrap_or_default();
        let number = |name| system.get(&name).and_then(|text| text.parse::<u64>().ok());
        let sent_at = number(MessageSystemAttributeName::SentTimestamp);
        let receives = number(MessageSystemAttributeName::ApproximateReceiveCount);
        let system = system
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()));
        let attributes: BTreeMap<String, String> = system.chain(own).collect();
        let body = message.body.unwrap_or_default();
        Some(Self {
            id: message.message_id?,
            receipt: message.receipt_handle?,
            order: Order::decode(&body),
            body,
            reason: attributes
                .get(REASON)
                .map_or(RECEIVED_TOO_OFTEN, String::as_str)
                .to_owned(),
            sent_at: sent_at.map(UnixMillis),
            receives,
            attributes,
        })
    }

    /// How long ago it was sent, if the queue says.
    pub fn age(&self, now: UnixMillis) -> Option<Duration> {
        self.sent_at.map(|sent| now.since(sent))
    }
}

/// A letter in a queue whose messages say all that there is to say.
impl From<Parked> for Letter {
    fn from(message: Parked) -> Self {
        let attributes = [("tenant", message.tenant), (REASON, message.reason.clone())];
        let attributes = attributes.into_iter();
        Self {
            id: message.id,
            receipt: message.receipt,
            order: Order::decode(&message.body),
            body: message.body,
            reason: message
                .reason
                .unwrap_or_else(|| RECEIVED_TOO_OFTEN.to_owned()),
            sent_at: Some(message.sent_at),
            receives: Some(message.receives.into()),
            attributes: attributes
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageAttributeValue;
    use cvm_shared::ids::SerialNumber;
    use cvm_shared::request::Generation;
    use cvm_shared::request::KeySource;
    use cvm_shared::request::Request;

    use super::*;

    fn message(body: &str) -> aws_sdk_sqs::types::builders::MessageBuilder {
        let builder = Message::builder().message_id("m-1").receipt_handle("r-1");
        builder
            .body(body)
            .attributes(MessageSystemAttributeName::SentTimestamp, "5000")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3")
    }

    #[test]
    fn a_parked_order_says_why_and_what() {
        let serial = SerialNumber::parse("SN-1").unwrap();
        let order = Order {
            request: Request::new(&serial, Generation::FIRST, KeySource::Service),
            generation: Generation::FIRST,
            serial,
        };
        let reason = MessageAttributeValue::builder()
            .data_type("String")
            .string_value("policy_missing")
            .build()
            .unwrap();
        let parked = message(&order.encode()).message_attributes(REASON, reason);
        let letter = Letter::of(parked.build()).unwrap();
        assert!(letter.order == Ok(order));
        assert_eq!(letter.reason, "policy_missing");
        assert_eq!(
            (letter.sent_at, letter.receives),
            (Some(UnixMillis(5_000)), Some(3))
        );
        assert_eq!(
            letter.age(UnixMillis(7_500)),
            Some(Duration::from_millis(2_500))
        );
        assert_eq!(letter.attributes["ApproximateReceiveCount"], "3");
    }

    #[test]
    fn what_the_queue_moved_has_no_reason_of_its_own() {
        let letter = Letter::of(message("poison").build()).unwrap();
        assert_eq!(letter.reason, RECEIVED_TOO_OFTEN);
        assert!(letter.order.is_err());
        assert!(Letter::of(Message::builder().build()).is_none());
    }
}
