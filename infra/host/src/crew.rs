//! The work: messages are fetched, so many at a time, and run as the Lambda worker runs them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Delivery as _;
use cvm_shared::ports::Intake as _;
use cvm_shared::ports::Message;
use cvm_worker::batch::handle;
use cvm_worker::config::RunTerms;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::run::Worker;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::parts::Bundles;
use crate::parts::WorkQueue;
use crate::stop::Stop;

/// The worker of a host.
pub type HostWorker =
    Worker<MySqlRegistry, AwsIssuer<SystemClock>, Bundles, SystemClock, SystemRandom>;

/// How long a queue is left alone that cannot be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// As many messages as one call may bring.
const MOST_AT_ONCE: usize = 10;

/// All that works off messages in this process.
#[derive(Debug)]
pub struct Crew {
    /// Runs them.
    pub worker: HostWorker,
    /// Where they come from.
    pub queue: WorkQueue,
    /// How long things last.
    pub runs: RunTerms,
    /// How many at the same time.
    pub most: usize,
    /// Those that are being run.
    pub held: Held,
}

/// Receipts of the messages that are held: what is given back if there is no time to finish.
#[derive(Debug, Default)]
pub struct Held(Mutex<HashSet<String>>);

impl Held {
    fn take(&self, receipt: &str) {
        self.lock().insert(receipt.to_owned());
    }

    fn let_go(&self, receipt: &str) {
        self.lock().remove(receipt);
    }

    fn all(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew {
    /// Works until the sign to stop; then finishes what is in flight within `limit`, and gives back what is left.
    pub async fn work(self: Arc<Self>, mut stop: Stop, limit: Duration) {
        let mut runs = JoinSet::new();
        while !stop.is_given() {
            while runs.try_join_next().is_some() {}
            let free = self.most - runs.len();
            if free == 0 {
                tokio::select! {
                    _ = runs.join_next() => {}
                    () = stop.given() => {}
                }
                continue;
            }
            for message in self.fetch(free).await {
                self.held.take(&message.receipt);
                runs.spawn(Arc::clone(&self).run(message));
            }
        }
        self.finish(runs, limit).await;
    }

    /// Never cut off: what a call has brought that nobody awaits any more stays hidden for minutes.
    async fn fetch(&self, free: usize) -> Vec<Message> {
        let most = u32::try_from(free.min(MOST_AT_ONCE)).unwrap_or(1);
        let wait = self.queue.patience();
        match self.queue.receive(most, self.runs.visibility, wait).await {
            Ok(messages) => messages,
            Err(failure) => {
                tracing::warn!(%failure, "no messages can be fetched");
                SystemClock.sleep(PAUSE).await;
                Vec::new()
            }
        }
    }

    async fn run(self: Arc<Self>, message: Message) {
        let deadline = SystemClock.now().plus(self.runs.run);
        let most = self.runs.max_receives;
        let run = handle(&self.worker, &self.queue, most, &message, deadline);
        if Box::pin(run).await {
            // If the queue cannot be told, the message comes back and finds its work done.
            if let Err(failure) = self.queue.remove(&message.receipt).await {
                tracing::warn!(%failure, "a message that is done could not be removed");
            }
        }
        self.held.let_go(&message.receipt);
    }

    async fn finish(&self, mut runs: JoinSet<()>, limit: Duration) {
        let all = async { while runs.join_next().await.is_some() {} };
        if timeout(limit, all).await.is_ok() {
            return;
        }
        // As if the process had died here; only sooner known to the queue.
        runs.shutdown().await;
        let left = self.held.all();
        tracing::warn!(left = left.len(), "given back unfinished");
        for receipt in left {
            if let Err(failure) = self.queue.postpone(&receipt, Duration::ZERO).await {
                tracing::warn!(%failure, "a message could not be given back; it comes back later");
            }
        }
    }
}
