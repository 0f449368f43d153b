//! A door and a worker that are given their events by hand, on an AWS in memory.

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_lambda::Error;
use cvm_lambda::backend::Backend;
use cvm_lambda::backend::Queues;
use cvm_lambda::event;
use cvm_lambda::function::Function;
use cvm_lambda::function::InvokeError;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_lambda::life;
use cvm_local::functions::Functions;
use cvm_shared::row::KEY;
use cvm_standin::Account;
use cvm_standin::Options;
use cvm_testkit::sample::Lean;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::device::Device;

/// What the functions' queue is called.
const QUEUE: &str = "bare";
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:bare";

/// The operator's group.
const GROUP: &str = "fleet";

/// How many messages a batch holds at most.
pub const BATCH: usize = 10;

/// How functions reach AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Over plain HTTP: what TLS costs is the difference.
    Plain,
    /// Over TLS, as on AWS.
    Tls,
}

impl Wire {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain HTTP",
            Self::Tls => "TLS",
        }
    }
}

/// The rig. It ends with its owner.
#[derive(Debug)]
pub struct Rig {
    /// The door.
    pub ingest: Function,
    /// The worker.
    pub worker: Function,
    backend: Backend,
    queues: Queues,
    sqs: Client,
    dir: TempDir,
}

/// Orders that were received, and the event that they make.
#[derive(Debug)]
pub struct Batch {
    messages: Vec<Message>,
    /// What the worker is given.
    pub event: Value,
}

impl Rig {
    /// A rig on a fresh account without quotas.
    pub async fn start(functions: &Functions, wire: Wire) -> Result<Self, Error> {
        let mut backend = Backend::stand_in(Options::default()).await?;
        let dir = tempfile::Builder::new().prefix("cvm-measure-").tempdir();
        let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
        if wire == Wire::Tls {
            backend.over_tls(dir.path()).await?;
        }
        let options = options();
        let queues = backend.queues(QUEUE, options.visibility_seconds).await?;
        let (ingest, worker) = Lane::functions(&backend, functions, &queues, dir.path(), options);
        Ok(Self {
            ingest,
            worker,
            sqs: Client::new(backend.sdk()),
            backend,
            queues,
            dir,
        })
    }

    /// The account that they work on.
    pub fn account(&self) -> Result<&Account, Error> {
        let none = || Error::Usage("a rig needs the stand-in".to_owned());
        self.backend.account().ok_or_else(none)
    }

    /// Where functions find AWS.
    pub fn endpoint(&self) -> &str {
        self.backend.functions_endpoint()
    }

    /// The file with the authority that functions must trust, if they call over TLS.
    pub fn trust(&self) -> Option<&Path> {
        self.backend.trust()
    }

    /// A folder that goes with the rig.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Puts the device into the table.
    pub async fn import(&self, device: &Device) -> Result<(), Error> {
        let policy = &self.backend.names().policy;
        let mut record = life::device(&device.serial, policy);
        if device.lean {
            self.account()?.add_thing(device.serial.as_str(), GROUP);
            Lean::Operators.bind(&mut record);
        }
        self.backend.put(&record).await
    }

    /// What is asked of DynamoDB to read the device's row.
    pub fn reading(&self, device: &Device) -> String {
        let table = &self.backend.names().table;
        let key = json!({ KEY: { "S": device.serial.as_str() } });
        json!({ "TableName": table, "Key": key, "ConsistentRead": true }).to_string()
    }

    /// The device asks; the request that it has now.
    pub async fn submit(&self, device: &Device) -> Result<String, Error> {
        let answer = self.ask(&device.submission(), 202).await?;
        let body = answer["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let request = body["requestId"].as_str();
        let lacks = || Error::Undisturbed(format!("no request in {answer}"));
        Ok(request.ok_or_else(lacks)?.to_owned())
    }

    /// The door's answer, which must have this status.
    pub async fn ask(&self, event: &Value, status: u16) -> Result<Value, Error> {
        let answer = told(&self.ingest, self.ingest.invoke(event).await)?;
        if answer["statusCode"] == json!(status) {
            return Ok(answer);
        }
        Err(Error::Undisturbed(format!("not {status}: {answer}")))
    }

    /// Takes up to so many orders from the queue.
    pub async fn receive(&self, most: usize) -> Result<Batch, Error> {
        let call = self.sqs.receive_message().queue_url(&self.queues.work);
        let received = call
            .max_number_of_messages(i32::try_from(most.clamp(1, BATCH)).unwrap_or(1))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| Error::aws("ReceiveMessage", &error))?;
        let messages = received.messages.unwrap_or_default();
        Ok(Batch {
            event: event::event(&messages, QUEUE_ARN),
            messages,
        })
    }

    /// Has the worker work it off; every order must be done.
    pub async fn work(&self, batch: &Batch) -> Result<(), Error> {
        let answer = told(&self.worker, self.worker.invoke(&batch.event).await)?;
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        if failures == 0 {
            return Ok(());
        }
        Err(Error::Undisturbed(format!("orders came back: {answer}")))
    }

    /// Takes its orders off the queue.
    pub async fn delete(&self, batch: &Batch) -> Result<(), Error> {
        let entry = |(number, message): (usize, &Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap_or_default());
            entry.build().ok()
        };
        let entries = batch.messages.iter().enumerate().filter_map(entry);
        let call = self.sqs.delete_message_batch().queue_url(&self.queues.work);
        let deleted = call.set_entries(Some(entries.collect())).send().await;
        deleted
            .map(drop)
            .map_err(|error| Error::aws("DeleteMessageBatch", &error))
    }

    /// Vends to all of them from import to confirmation, in batches.
    pub async fn vend(&self, devices: &[Device]) -> Result<(), Error> {
        for some in devices.chunks(BATCH) {
            let mut requests = Vec::new();
            for device in some {
                self.import(device).await?;
                requests.push(self.submit(device).await?);
            }
            let batch = self.receive(some.len()).await?;
            self.work(&batch).await?;
            self.delete(&batch).await?;
            for (device, request) in some.iter().zip(&requests) {
                self.ask(&device.poll(request), 200).await?;
                self.ask(&device.confirmation(request), 204).await?;
            }
        }
        Ok(())
    }

    /// How often each call was made so far, by operation.
    pub fn calls(&self) -> Result<Calls, Error> {
        Ok(Calls(self.account()?.calls()))
    }
}

/// How often each call was made, by operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(pub BTreeMap<String, u64>);

impl Calls {
    /// What came after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let more = |(name, count): (&String, &u64)| {
            let before = earlier.0.get(name).copied().unwrap_or_default();
            (*count > before).then(|| (name.clone(), count - before))
        };
        Self(self.0.iter().filter_map(more).collect())
    }

    /// How many of these operations.
    pub fn of(&self, operations: &[&str]) -> u64 {
        let counts = operations.iter().filter_map(|name| self.0.get(*name));
        counts.sum()
    }

    /// How many in all.
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }
}

fn told(function: &Function, answer: Result<Value, InvokeError>) -> Result<Value, Error> {
    answer.map_err(|lost| Error::Function {
        name: function.spec().name.clone(),
        cause: format!("{lost}; {}", function.last_words()),
    })
}

/// One process of each, no pace, and time enough for a tool that runs them slowly.
fn options() -> LaneOptions {
    LaneOptions {
        run_seconds: 120,
        lease_seconds: 130,
        visibility_seconds: 720,
        iot_rate: 10_000,
        creates_per_day: 100,
        doors: 1,
        workers: 1,
        ..LaneOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_from_a_moment_on() {
        let calls = |counts: &[(&str, u64)]| {
            let counts = counts.iter();
            Calls(
                counts
                    .map(|(name, count)| ((*name).to_owned(), *count))
                    .collect(),
            )
        };
        let before = calls(&[("GetItem", 2), ("PutItem", 1)]);
        let after = calls(&[("GetItem", 5), ("PutItem", 1), ("UpdateItem", 1)]);
        let since = after.since(&before);
        assert_eq!(since, calls(&[("GetItem", 3), ("UpdateItem", 1)]));
        assert_eq!((since.of(&["GetItem", "PutItem"]), since.all()), (3, 4));
    }
}
