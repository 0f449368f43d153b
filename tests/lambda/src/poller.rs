//! An SQS event source mapping: receives batches, has them handled, deletes what is done.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::event::done;
use crate::event::event;
use crate::function::Function;
use crate::function::InvokeError;
use crate::runtime::locked;
use crate::serve::Task;

/// The most messages that SQS hands out at once.
pub const BATCH_MAX: usize = 10;

/// What becomes of the messages of an invocation that died, timed out or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// They stay hidden until their visibility timeout ends, as on AWS.
    WaitOut,
    /// They are made visible at once: as if that time had passed.
    ComeBack,
}

/// What a mapping is.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The queue.
    pub queue_url: String,
    /// The function.
    pub function: Function,
    /// How many messages an event holds at most (`BatchSize`). SQS hands out 10 at once; a larger batch is put together
    /// of what is there, as a batching window does.
    pub batch: usize,
    /// How many events are under way at most (`MaximumConcurrency`).
    pub concurrency: usize,
    /// The fraction of messages that are delivered a second time, to another invocation where there is one.
    pub duplicate: f64,
    /// What becomes of messages whose invocation is lost.
    pub loss: Loss,
    /// The seed of the choice of duplicates.
    pub seed: u64,
}

/// What a mapping has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that were sent to the function.
    pub batches: u64,
    /// Messages in them.
    pub messages: u64,
    /// Messages that were delivered a second time.
    pub duplicates: u64,
    /// Events whose invocation died.
    pub died: u64,
    /// Events whose invocation timed out.
    pub timed_out: u64,
    /// Events that the function answered by an error.
    pub errors: u64,
}

/// A mapping at work. Dropping it ends it; what it has in hand comes back as if it had died.
#[derive(Debug)]
pub struct Poller {
    source: Arc<Source>,
    _loops: Vec<Task>,
}

#[derive(Debug)]
struct Source {
    mapping: Mapping,
    arn: String,
    client: Client,
    tally: Mutex<Tally>,
    /// Second deliveries that wait, with the loop that made the first.
    second: Mutex<VecDeque<(usize, Message)>>,
}

impl Poller {
    /// Starts it; its own calls go straight to the queue's endpoint, past any proxy of the function.
    pub fn start(sdk: &SdkConfig, mapping: Mapping) -> Self {
        let name = mapping.queue_url.rsplit('/').next().unwrap_or_default();
        let source = Arc::new(Source {
            arn: format!("arn:aws:sqs:{}:000000000000:{name}", cvm_local::sdk::REGION),
            client: Client::new(sdk),
            tally: Mutex::default(),
            second: Mutex::default(),
            mapping,
        });
        let start = |index| Task::spawn(source.clone().poll(index));
        let loops = (0..source.mapping.concurrency).map(start).collect();
        Self {
            source,
            _loops: loops,
        }
    }

    /// What it has done so far.
    pub fn tally(&self) -> Tally {
        *locked(&self.source.tally)
    }
}

impl Source {
    async fn poll(self: Arc<Self>, index: usize) {
        let seed = self.mapping.seed.wrapping_add(index as u64);
        let mut random = StdRng::seed_from_u64(seed);
        loop {
            let batch = self.next(index, &mut random).await;
            if !batch.is_empty() {
                Box::pin(self.deliver(batch)).await;
            }
        }
    }

    /// Second deliveries first, filled up with what the queue has.
    async fn next(&self, index: usize, random: &mut StdRng) -> Vec<Message> {
        let mut batch = self.second_deliveries(index);
        let room = self.mapping.batch.saturating_sub(batch.len());
        // Second deliveries must not wait for the queue, nor long for us.
        let wait = match (batch.is_empty(), self.mapping.duplicate > 0.0) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 10,
        };
        let fresh = self.receive_all(room, wait).await;
        for message in &fresh {
            if random.random_bool(self.mapping.duplicate.clamp(0.0, 1.0)) {
                locked(&self.second).push_back((index, message.clone()));
                locked(&self.tally).duplicates += 1;
            }
        }
        batch.extend(fresh);
        batch
    }

    fn second_deliveries(&self, index: usize) -> Vec<Message> {
        let mut second = locked(&self.second);
        let alone = self.mapping.concurrency < 2;
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        for (maker, message) in second.drain(..) {
            let known = |other: &Message| other.message_id() == message.message_id();
            if taken.len() < self.mapping.batch / 2
                && (alone || maker != index)
                && !taken.iter().any(known)
            {
                taken.push(message);
            } else {
                left.push_back((maker, message));
            }
        }
        *second = left;
        taken
    }

    /// Up to so many messages; waits for the first only.
    async fn receive_all(&self, most: usize, wait_seconds: i32) -> Vec<Message> {
        let mut all = self.receive(most.min(BATCH_MAX), wait_seconds).await;
        // Fewer than asked for: the queue has no more at this moment.
        while all.len() < most && all.len().is_multiple_of(BATCH_MAX) && !all.is_empty() {
            let more = self.receive((most - all.len()).min(BATCH_MAX), 0).await;
            if more.is_empty() {
                break;
            }
            all.extend(more);
        }
        all
    }

    async fn receive(&self, most: usize, wait_seconds: i32) -> Vec<Message> {
        let call = self.client.receive_message();
        let call = call.queue_url(&self.mapping.queue_url);
        let received = call
            .max_number_of_messages(i32::try_from(most.max(1)).unwrap_or(1))
            .wait_time_seconds(wait_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        if let Ok(received) = received {
            return received.messages.unwrap_or_default();
        }
        // The queue is not there for a moment: it will be, or the run ends without us.
        SystemClock.sleep(Duration::from_millis(200)).await;
        Vec::new()
    }

    async fn deliver(&self, batch: Vec<Message>) {
        self.count(|tally| {
            tally.batches += 1;
            tally.messages += batch.len() as u64;
        });
        let answer = self
            .mapping
            .function
            .invoke(&event(&batch, &self.arn))
            .await;
        match answer {
            Ok(answer) => {
                let ids: Vec<String> = batch.iter().filter_map(id).collect();
                self.delete(&batch, &done(&answer, &ids)).await;
            }
            Err(lost) => {
                self.count(|tally| match lost {
                    InvokeError::Died => tally.died += 1,
                    InvokeError::TimedOut => tally.timed_out += 1,
                    InvokeError::Error(_) => tally.errors += 1,
                });
                if self.mapping.loss == Loss::ComeBack {
                    self.show(&batch).await;
                }
                if matches!(lost, InvokeError::Error(_)) {
                    // As Lambda backs off: a function that cannot even start must not be hammered.
                    SystemClock.sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    fn count(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut locked(&self.tally));
    }

    /// A delete that fails is no harm: the message comes back, and is done already.
    async fn delete(&self, batch: &[Message], done: &BTreeSet<String>) {
        let done = batch
            .iter()
            .filter(|message| id(message).is_some_and(|id| done.contains(&id)));
        let entry = |(number, message): (usize, &Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap_or_default());
            entry.build().ok()
        };
        let entries: Vec<_> = done.enumerate().filter_map(entry).collect();
        for ten in entries.chunks(BATCH_MAX) {
            let call = self.client.delete_message_batch();
            let call = call.queue_url(&self.mapping.queue_url);
            let _comes_back = call.set_entries(Some(ten.to_vec())).send().await;
        }
    }

    /// Makes the messages visible. Where this fails, they come back later.
    async fn show(&self, batch: &[Message]) {
        let entry = |(number, message): (usize, &Message)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(number.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap_or_default());
            entry.visibility_timeout(0).build().ok()
        };
        let entries: Vec<_> = batch.iter().enumerate().filter_map(entry).collect();
        for ten in entries.chunks(BATCH_MAX) {
            let call = self.client.change_message_visibility_batch();
            let call = call.queue_url(&self.mapping.queue_url);
            let _later = call.set_entries(Some(ten.to_vec())).send().await;
        }
    }
}

fn id(message: &Message) -> Option<String> {
    message.message_id().map(ToOwned::to_owned)
}
