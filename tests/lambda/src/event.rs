//! What an SQS event source tells a function, and what it makes of the answer. Pure.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageAttributeValue;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// The event for a batch of messages of the queue with this ARN.
pub fn event(messages: &[Message], queue_arn: &str) -> Value {
    let records = messages.iter().map(|message| record(message, queue_arn));
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn record(message: &Message, queue_arn: &str) -> Value {
    let attributes = message.attributes().into_iter().flatten();
    let attributes =
        attributes.map(|(name, value)| (name.as_str().to_owned(), value.as_str().into()));
    let own = message.message_attributes().into_iter().flatten();
    let own = own.map(|(name, value)| (name.clone(), attribute(value)));
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes.collect::<Map<_, _>>(),
        "messageAttributes": own.collect::<Map<_, _>>(),
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": cvm_local::sdk::REGION,
    })
}

fn attribute(value: &MessageAttributeValue) -> Value {
    json!({
        "stringValue": value.string_value(),
        "dataType": value.data_type(),
        "stringListValues": [],
        "binaryListValues": [],
    })
}

/// Which of these messages the event source deletes after this answer of the function.
///
/// As `ReportBatchItemFailures` is documented: no answer or no list is success; an entry that is
/// empty, unnamed or unknown makes the whole batch come back.
pub fn done(answer: &Value, batch: &[String]) -> BTreeSet<String> {
    let all = || batch.iter().cloned().collect();
    let list = match answer {
        Value::Null => return all(),
        Value::Object(fields) => fields.get("batchItemFailures"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return BTreeSet::new();
        }
    };
    let failures = match list {
        None | Some(Value::Null) => return all(),
        Some(Value::Array(failures)) => failures,
        Some(_) => return BTreeSet::new(),
    };
    let named = failures
        .iter()
        .map(|failure| failure.get("itemIdentifier")?.as_str());
    let Some(named) = named.collect::<Option<BTreeSet<&str>>>() else {
        return BTreeSet::new();
    };
    let known = |name: &&str| batch.iter().any(|id| id == name);
    if !named.iter().all(known) {
        return BTreeSet::new();
    }
    let done = batch.iter().filter(|id| !named.contains(id.as_str()));
    done.cloned().collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;

    use super::*;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn named_failures_come_back_and_the_others_are_done() {
        let answer = json!({ "batchItemFailures": [{ "itemIdentifier": "b" }] });
        let expected = BTreeSet::from(["a".to_owned(), "c".to_owned()]);
        assert_eq!(done(&answer, &ids(&["a", "b", "c"])), expected);
    }

    #[test]
    fn no_list_or_an_empty_one_is_success() {
        for answer in [
            json!(null),
            json!({}),
            json!({ "batchItemFailures": null }),
            json!({ "batchItemFailures": [] }),
        ] {
            assert_eq!(done(&answer, &ids(&["a"])).len(), 1, "{answer}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_understood_brings_the_whole_batch_back() {
        for answer in [
            json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": null }] }),
            json!({ "batchItemFailures": [{ "id": "a" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": "stranger" }] }),
            json!({ "batchItemFailures": "a" }),
            json!("done"),
        ] {
            assert_eq!(done(&answer, &ids(&["a", "b"])).len(), 0, "{answer}");
        }
    }

    #[test]
    fn counts_are_told_as_text() {
        let message = Message::builder()
            .message_id("m")
            .receipt_handle("r")
            .body("{}")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3")
            .build();
        let event = event(&[message], "arn:q");
        let record = &event["Records"][0];
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "3");
        assert_eq!(record["eventSourceARN"], "arn:q");
    }
}
