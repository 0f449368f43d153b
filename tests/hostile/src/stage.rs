//! The real binaries on an AWS of their own, driven event by event: nothing happens between two looks.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use cvm_lambda::backend::Backend;
use cvm_lambda::backend::Queues;
use cvm_lambda::event::event;
use cvm_lambda::function::Function;
use cvm_lambda::function::Spec;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;
use cvm_standin::Account;
use cvm_standin::Options;
use serde_json::Value;
use tempfile::TempDir;

/// Their environment, and where they live.
#[derive(Debug)]
pub struct Stage {
    /// The AWS in memory.
    pub backend: Backend,
    janitor: PathBuf,
    ingest: Spec,
    worker: Spec,
    dir: TempDir,
}

/// What a function is told beside what the template tells it; `-` takes a variable away.
pub type Changes<'a> = &'a [(&'a str, &'a str)];

impl Stage {
    /// A stage without a single process yet.
    pub async fn start() -> Self {
        let backend = Backend::stand_in(Options::default()).await.unwrap();
        let workspace = Workspace::find().await.unwrap();
        let functions = Functions::build(&workspace, Profile::Dev, Progress::Quiet)
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (ingest, worker) = specs(&backend, &functions, dir.path()).await;
        Self {
            backend,
            janitor: functions.janitor,
            ingest,
            worker,
            dir,
        }
    }

    /// What the AWS remembers.
    pub fn account(&self) -> &Account {
        self.backend.account().unwrap()
    }

    /// A door of up to so many processes.
    pub fn ingest(&self, name: &str, changes: Changes<'_>, processes: usize) -> Function {
        let mut spec = self.changed(&self.ingest, name, changes);
        spec.concurrency = processes;
        Function::new(spec)
    }

    /// A worker.
    pub fn worker(&self, name: &str, changes: Changes<'_>) -> Function {
        let mut spec = self.changed(&self.worker, name, changes);
        spec.concurrency = 1;
        Function::new(spec)
    }

    /// A janitor, in an account that nobody else uses.
    pub fn janitor(&self, name: &str, changes: Changes<'_>) -> Function {
        let mut spec = self.changed(&self.worker, name, &[]);
        let shared = [
            "AWS_ENDPOINT_URL",
            "CVM_BUCKET",
            "CVM_METRICS_NAMESPACE",
            "CVM_QUEUE_URL",
            "CVM_TABLE",
        ];
        spec.environment
            .retain(|(name, _)| shared.contains(&name.as_str()));
        let own = [
            ("CVM_ACCOUNT_IS_OURS", "true"),
            ("CVM_IOT_RATE", "10000"),
            ("CVM_ORPHANS", "delete"),
            ("CVM_STUCK_SECONDS", "3600"),
        ];
        change(&mut spec.environment, &own);
        change(&mut spec.environment, changes);
        spec.binary.clone_from(&self.janitor);
        spec.timeout = Duration::from_mins(1);
        Function::new(spec)
    }

    fn changed(&self, spec: &Spec, name: &str, changes: Changes<'_>) -> Spec {
        let mut spec = spec.clone();
        name.clone_into(&mut spec.name);
        spec.log = self.dir.path().join(format!("{name}.log"));
        change(&mut spec.environment, changes);
        spec
    }

    /// All that these functions printed, whichever stream it went to.
    pub fn log(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// The names of all logs.
    pub fn logs(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names
            .filter_map(|name| name.strip_suffix(".log").map(ToOwned::to_owned))
            .collect();
        names.sort();
        names
    }

    /// Takes all that can be received from the work queue, which hides it from others for so long.
    pub async fn receive(&self, hidden_seconds: i32) -> Vec<Message> {
        let client = aws_sdk_sqs::Client::new(self.backend.sdk());
        let call = client
            .receive_message()
            .queue_url(self.account().queue_url())
            .max_number_of_messages(10)
            .visibility_timeout(hidden_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        // An AWS that fails on purpose gives nothing.
        let received = call.send().await.ok();
        received
            .and_then(|received| received.messages)
            .unwrap_or_default()
    }

    /// The event of a batch, as the event source would tell a worker of it.
    pub fn batch(messages: &[Message]) -> Value {
        event(messages, "arn:aws:sqs:us-east-1:123456789012:cvm-work")
    }
}

/// What the template's functions are, taken from a lane that is never used.
async fn specs(backend: &Backend, functions: &Functions, dir: &Path) -> (Spec, Spec) {
    let account = backend.account().unwrap();
    let queues = Queues {
        work: account.queue_url(),
        dead: account.dead_letter_queue_url(),
    };
    let options = LaneOptions::impatient();
    let lane = Box::pin(Lane::start(
        backend, functions, queues, dir, "unused", options,
    ));
    let lane = lane.await.unwrap();
    (lane.ingest.spec().clone(), lane.worker.spec().clone())
}

fn change(environment: &mut Vec<(String, String)>, changes: Changes<'_>) {
    for (name, value) in changes {
        environment.retain(|(known, _)| known != name);
        if *value != "-" {
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
}
