//! For tests: letters and rows with boring values, and both queues and the table in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_aws::queue::REASON;
use cvm_shared::failure::Failure;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::OperatorName;
use cvm_shared::trail::Reason;
use cvm_shared::verifier::Verifier;

use crate::dlq::letter::Letter;
use crate::dlq::note::Notes;
use crate::dlq::post::PAGE;
use crate::dlq::post::Post;

/// When everything happens here.
pub(super) const NOW: UnixMillis = UnixMillis(1_000_000);

fn serial(text: &str) -> SerialNumber {
    SerialNumber::parse(text).unwrap()
}

/// An order of this device in its first generation, in keys mode.
pub(super) fn order(device: &str) -> Order {
    Order {
        serial: serial(device),
        generation: Generation::FIRST,
        request: Request::new(&serial(device), Generation::FIRST, KeySource::Service),
    }
}

/// This device's row in this state.
pub(super) fn row(device: &str, state: State) -> Record {
    let binding = Binding {
        thing: ThingName::parse(device).unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("fleet").unwrap()),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    let token = DeviceToken::parse("hunter2-hunter2-hunter2").unwrap();
    let verifier = Verifier::derive(&serial(device), &token);
    let mut row = Record::registered(serial(device), verifier, binding);
    row.state = state;
    row
}

/// A letter with this id and text, parked for this reason.
pub(super) fn letter(id: &str, body: &str, reason: Option<&str>) -> Letter {
    let mut message = Message::builder()
        .message_id(id)
        .receipt_handle(format!("receipt of {id}"))
        .body(body)
        .attributes(MessageSystemAttributeName::SentTimestamp, "400000");
    if let Some(reason) = reason {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(reason);
        message = message.message_attributes(REASON, value.build().unwrap());
    }
    Letter::of(message.build()).unwrap()
}

/// A letter of the queue in memory.
#[derive(Clone, Debug)]
struct Kept {
    id: String,
    body: String,
    reason: Option<String>,
    hidden: bool,
}

/// The dead letters in memory. A letter that is hidden stays so until it is given back.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    kept: Mutex<Vec<Kept>>,
    log: Log,
}

/// What was done, by all hands, in its order.
pub(super) type Log = std::sync::Arc<Mutex<Vec<String>>>;

fn note(log: &Log, text: String) {
    log.lock().unwrap().push(text);
}

impl Shelf {
    /// An empty one that writes down here what is done to it.
    pub(super) fn logged(log: &Log) -> Self {
        Self {
            log: log.clone(),
            ..Self::default()
        }
    }

    /// One more letter.
    pub(super) fn put(&self, id: &str, body: &str, reason: Option<&str>) {
        self.kept.lock().unwrap().push(Kept {
            id: id.to_owned(),
            body: body.to_owned(),
            reason: reason.map(str::to_owned),
            hidden: false,
        });
    }

    /// The ids of the letters that anybody can see.
    pub(super) fn shown(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        let shown = kept.iter().filter(|one| !one.hidden);
        shown.map(|one| one.id.clone()).collect()
    }

    /// Shows all that is hidden, as time does.
    pub(super) fn show_all(&self) {
        for one in self.kept.lock().unwrap().iter_mut() {
            one.hidden = false;
        }
    }
}

impl Post for Shelf {
    async fn take(&self) -> Result<Vec<Letter>, Failure> {
        let mut kept = self.kept.lock().unwrap();
        let shown = kept.iter_mut().filter(|one| !one.hidden).take(PAGE);
        let hide = |one: &mut Kept| {
            one.hidden = true;
            letter(&one.id, &one.body, one.reason.as_deref())
        };
        Ok(shown.map(hide).collect())
    }

    async fn give_back(&self, receipts: &[String]) -> Result<(), Failure> {
        assert!(receipts.len() <= PAGE);
        for one in self.kept.lock().unwrap().iter_mut() {
            one.hidden &= !receipts.contains(&format!("receipt of {}", one.id));
        }
        Ok(())
    }

    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        note(&self.log, format!("remove {receipt}"));
        let mut kept = self.kept.lock().unwrap();
        kept.retain(|one| format!("receipt of {}", one.id) != receipt);
        Ok(())
    }
}

/// The way into the work queue.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// What was sent.
    pub(super) bodies: Mutex<Vec<String>>,
    /// What happens to the table when something was sent.
    pub(super) then: Mutex<Option<(std::sync::Arc<Table>, Record)>>,
    pub(super) log: Log,
}

impl Delivery for Sent {
    async fn postpone(&self, _: &str, _: Duration) -> Result<(), Failure> {
        panic!("nothing is postponed here")
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        assert!(tenant.is_some(), "an order is its device's");
        assert!(after > Duration::ZERO, "the row's write comes first");
        note(&self.log, "send".to_owned());
        self.bodies.lock().unwrap().push(body.to_owned());
        if let Some((table, row)) = self.then.lock().unwrap().take() {
            table.put(row);
        }
        Ok(())
    }

    async fn park(&self, _: &str, _: &'static str) -> Result<(), Failure> {
        panic!("nothing is parked here")
    }
}

/// The device table in memory.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Mutex<BTreeMap<SerialNumber, Record>>,
    /// Fails every write, if there is one.
    pub(super) failure: Mutex<Option<Failure>>,
    log: Log,
}

impl Table {
    /// An empty one that writes down here what is done to it.
    pub(super) fn logged(log: &Log) -> Self {
        Self {
            log: log.clone(),
            ..Self::default()
        }
    }

    pub(super) fn put(&self, row: Record) {
        self.rows.lock().unwrap().insert(row.serial.clone(), row);
    }

    pub(super) fn get(&self, device: &str) -> Record {
        self.rows.lock().unwrap()[&serial(device)].clone()
    }
}

impl Registry for Table {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        Ok(self.rows.lock().unwrap().get(serial).cloned())
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let mut rows = self.rows.lock().unwrap();
        let current = &rows[&before.serial];
        if current != before {
            return Ok(Swap::Changed(Box::new(current.clone())));
        }
        let deed = after.trail.as_ref().unwrap().deed.as_str();
        note(&self.log, format!("write {deed}"));
        rows.insert(after.serial.clone(), after.clone());
        Ok(Swap::Done)
    }
}

/// Notes in memory.
#[derive(Debug, Default)]
pub(super) struct Pad {
    pub(super) log: Log,
}

impl Notes for Pad {
    async fn note_without_row(&self, letter: &Letter, _: &Hand) -> Result<(), Failure> {
        note(&self.log, format!("note {}", letter.id));
        Ok(())
    }
}

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Still;

impl Clock for Still {
    fn now(&self) -> UnixMillis {
        NOW
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

/// The operator of these tests.
pub(super) fn hand() -> Hand {
    let name = OperatorName::parse("arn:aws:iam::1:user/op").unwrap();
    Hand {
        author: Author::Operator(name),
        at: UnixMillis(0),
        reason: Some(Reason::parse("mended").unwrap()),
    }
}
