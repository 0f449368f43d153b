//! SQS's calls on the account's queues.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::clock;
use crate::lock;
use crate::queue::Change;
use crate::queue::Message;
use crate::queues::Queues;
use crate::queues::Shared;
use crate::wire::Refusal;
use crate::wire::json as respond;

/// Answers a call.
pub(crate) async fn answer(queues: &Queues, operation: &str, call: &Value) -> Response {
    let answer = carry_out(queues, operation, call).await;
    let code = answer
        .as_ref()
        .err()
        .and_then(|refusal| query_code(refusal.code));
    let mut answer = respond(answer);
    if let Some(code) = code {
        let code = HeaderValue::from_static(code);
        answer.headers_mut().insert("x-amzn-query-error", code);
    }
    answer
}

/// The code that the older protocol had, which clients still show.
fn query_code(code: &str) -> Option<&'static str> {
    match code {
        "QueueDoesNotExist" => Some("AWS.SimpleQueueService.NonExistentQueue;Sender"),
        "MessageNotInflight" => Some("AWS.SimpleQueueService.MessageNotInflight;Sender"),
        _ => None,
    }
}

async fn carry_out(queues: &Queues, operation: &str, call: &Value) -> Result<Value, Refusal> {
    let url = call["QueueUrl"].as_str().unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    if operation == "GetQueueUrl" {
        return Err(Refusal::new(400, "UnsupportedOperation", operation));
    }
    let queue = queues.get(name).ok_or_else(|| {
        let message = "The specified queue does not exist.";
        Refusal::new(400, "QueueDoesNotExist", message)
    })?;
    match operation {
        "SendMessage" => send(queues, &queue, call),
        "SendMessageBatch" => batch(call, |entry| send(queues, &queue, entry)),
        "ReceiveMessage" => receive(&queue, call).await,
        "DeleteMessage" => delete(&queue, call),
        "DeleteMessageBatch" => batch(call, |entry| delete(&queue, entry)),
        "ChangeMessageVisibility" => change_visibility(&queue, call),
        "ChangeMessageVisibilityBatch" => batch(call, |entry| change_visibility(&queue, entry)),
        "GetQueueAttributes" => Ok(attributes(&queue, call)),
        "PurgeQueue" => {
            lock(&queue.queue).clear();
            Ok(json!({}))
        }
        _ => Err(Refusal::new(400, "UnsupportedOperation", operation)),
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}

/// A whole number within the service's bounds.
fn number(call: &Value, name: &str, most: u64) -> Result<Option<u64>, Refusal> {
    let Some(value) = call.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let value = value.as_u64().filter(|value| *value <= most);
    value
        .map(Some)
        .ok_or_else(|| invalid(&format!("{name} must be from 0 to {most}")))
}

fn seconds(call: &Value, name: &str, most: u64) -> Result<Option<Duration>, Refusal> {
    Ok(number(call, name, most)?.map(Duration::from_secs))
}

fn send(queues: &Queues, queue: &Arc<Shared>, call: &Value) -> Result<Value, Refusal> {
    let body = call["MessageBody"].as_str().filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| Refusal::new(400, "MissingParameter", "MessageBody"))?;
    if body.len() > 1024 * 1024 {
        return Err(invalid("the message is longer than 1 MiB"));
    }
    let delay = seconds(call, "DelaySeconds", 900)?.unwrap_or_default();
    let attributes = call["MessageAttributes"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let tenant = call["MessageGroupId"].as_str();
    let id = queues.send(queue, body, attributes, tenant, delay);
    Ok(json!({ "MessageId": id }))
}

/// Carries out each entry of a batch by itself.
fn batch(call: &Value, one: impl Fn(&Value) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
    let entries = call["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    match entries.len() {
        0 => return Err(Refusal::new(400, "EmptyBatchRequest", "no entries")),
        1..=10 => {}
        _ => {
            return Err(Refusal::new(
                400,
                "TooManyEntriesInBatchRequest",
                "more than 10 entries",
            ));
        }
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match one(entry) {
            Ok(mut done) => {
                done["Id"] = entry["Id"].clone();
                successful.push(done);
            }
            Err(refusal) => failed.push(json!({
                "Id": entry["Id"],
                "Code": refusal.code,
                "Message": refusal.message,
                "SenderFault": true,
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

async fn receive(queue: &Shared, call: &Value) -> Result<Value, Refusal> {
    let most = number(call, "MaxNumberOfMessages", 10)?.unwrap_or(1);
    if most == 0 {
        return Err(invalid("MaxNumberOfMessages must be from 1 to 10"));
    }
    let visibility = seconds(call, "VisibilityTimeout", 43_200)?;
    let patience = seconds(call, "WaitTimeSeconds", 20)?.unwrap_or_default();
    let most = usize::try_from(most).unwrap_or(10);
    let received = queue.receive(most, visibility, patience).await;
    if received.is_empty() {
        return Ok(json!({}));
    }
    let wanted = Wanted::of(call);
    let messages: Vec<Value> = received
        .iter()
        .map(|message| wanted.show(message))
        .collect();
    Ok(json!({ "Messages": messages }))
}

/// Which attributes a receiver asks for.
struct Wanted<'a> {
    system: Vec<&'a str>,
    own: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(call: &'a Value) -> Self {
        let names = |list: &str| {
            let names = call.get(list).and_then(Value::as_array);
            names.into_iter().flatten().filter_map(Value::as_str)
        };
        let system = names("AttributeNames").chain(names("MessageSystemAttributeNames"));
        Self {
            system: system.collect(),
            own: names("MessageAttributeNames").collect(),
        }
    }

    fn show(&self, message: &Message) -> Value {
        let mut shown = json!({
            "MessageId": message.id(),
            "ReceiptHandle": message.receipt(),
            "Body": message.body,
        });
        let system = [
            ("ApproximateReceiveCount", u64::from(message.receives)),
            ("SentTimestamp", message.sent_at),
            (
                "ApproximateFirstReceiveTimestamp",
                message.first_received_at,
            ),
        ];
        let asked = |name: &str| {
            self.system
                .iter()
                .any(|asked| *asked == "All" || *asked == name)
        };
        let system = system.into_iter().filter(|(name, _)| asked(name));
        let mut system: Map<String, Value> = system
            .map(|(name, value)| (name.to_owned(), value.to_string().into()))
            .collect();
        if let Some(tenant) = message.tenant.as_ref().filter(|_| asked("MessageGroupId")) {
            system.insert("MessageGroupId".to_owned(), tenant.clone().into());
        }
        let asked = |name: &str| {
            let all = |asked: &str| asked == "All" || asked == ".*";
            self.own.iter().any(|asked| all(asked) || *asked == name)
        };
        let own = message.attributes.iter().filter(|(name, _)| asked(name));
        let own: Map<String, Value> = own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, attributes) in [("Attributes", system), ("MessageAttributes", own)] {
            if !attributes.is_empty() {
                shown[name] = Value::Object(attributes);
            }
        }
        shown
    }
}

fn receipt(call: &Value) -> Result<&str, Refusal> {
    let missing = || Refusal::new(400, "MissingParameter", "ReceiptHandle");
    call["ReceiptHandle"].as_str().ok_or_else(missing)
}

fn no_receipt() -> Refusal {
    let message = "The input receipt handle is invalid.";
    Refusal::new(400, "ReceiptHandleIsInvalid", message)
}

fn delete(queue: &Shared, call: &Value) -> Result<Value, Refusal> {
    if lock(&queue.queue).delete(receipt(call)?) {
        Ok(json!({}))
    } else {
        Err(no_receipt())
    }
}

fn change_visibility(queue: &Shared, call: &Value) -> Result<Value, Refusal> {
    let span = seconds(call, "VisibilityTimeout", 43_200)?;
    let span = span.ok_or_else(|| Refusal::new(400, "MissingParameter", "VisibilityTimeout"))?;
    let change = lock(&queue.queue).change_visibility(receipt(call)?, clock::now(), span);
    // It may be seen sooner than those who wait have reckoned with.
    queue.bell.notify_waiters();
    match change {
        Change::Done | Change::Stale => Ok(json!({})),
        Change::NotInFlight => Err(Refusal::new(400, "MessageNotInflight", "not in flight")),
        Change::Invalid => Err(no_receipt()),
    }
}

/// Those attributes that are asked for.
fn attributes(queue: &Shared, call: &Value) -> Value {
    let asked = call["AttributeNames"].as_array().into_iter().flatten();
    let asked: Vec<&str> = asked.filter_map(Value::as_str).collect();
    let queue = lock(&queue.queue);
    let depth = queue.depth(clock::now());
    let known = [
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        (
            "ApproximateNumberOfMessagesNotVisible",
            depth.in_flight.to_string(),
        ),
        (
            "ApproximateNumberOfMessagesDelayed",
            depth.delayed.to_string(),
        ),
        ("VisibilityTimeout", queue.visibility.as_secs().to_string()),
    ];
    let told = known
        .into_iter()
        .filter(|(name, _)| asked.contains(name) || asked.contains(&"All"));
    let told: Map<String, Value> = told
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    json!({ "Attributes": told })
}
