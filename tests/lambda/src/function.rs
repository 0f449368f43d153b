//! A Lambda function on this machine: processes started on demand, kept warm, killed when they must be.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;

use crate::error::Error;
use crate::process::Process;
use crate::runtime::Answer;
use crate::runtime::Job;
use crate::runtime::locked;

/// What a function is.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its program.
    pub binary: PathBuf,
    /// Its own environment; what Lambda adds is added.
    pub environment: Vec<(String, String)>,
    /// The memory that it is told it has, in MB; nothing is enforced.
    pub memory_mb: u32,
    /// How long one event may take; then its process is killed, as Lambda does.
    pub timeout: Duration,
    /// How many events it handles at once, each in a process of its own.
    pub concurrency: usize,
    /// The file that its processes print to.
    pub log: PathBuf,
}

/// Why an event has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvokeError {
    /// Its process died, or could not be started.
    #[error("the process died")]
    Died,
    /// It took longer than the function may; its process was killed.
    #[error("timed out")]
    TimedOut,
    /// The function's own error.
    #[error("{0}")]
    Error(Value),
}

/// What became of a function's processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lives {
    /// Processes that were started.
    pub started: u64,
    /// Events that were begun.
    pub events: u64,
    /// Processes that were killed in the middle of an event, by whomever.
    pub killed_busy: u64,
}

/// A function. Clones are the same function; when the last is gone, so are its processes.
#[derive(Clone, Debug)]
pub struct Function(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    spec: Spec,
    permits: Semaphore,
    /// The warm ones, the one that was busy last on top.
    idle: Mutex<Vec<Arc<Process>>>,
    all: Mutex<Vec<Arc<Process>>>,
    started: AtomicU64,
    events: AtomicU64,
    killed_busy: AtomicU64,
}

impl Function {
    /// A function without any process yet.
    pub fn new(spec: Spec) -> Self {
        Self(Arc::new(Inner {
            permits: Semaphore::new(spec.concurrency),
            spec,
            idle: Mutex::default(),
            all: Mutex::default(),
            started: AtomicU64::new(0),
            events: AtomicU64::new(0),
            killed_busy: AtomicU64::new(0),
        }))
    }

    /// What it is.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// What became of its processes.
    pub fn lives(&self) -> Lives {
        let get = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Lives {
            started: get(&self.0.started),
            events: get(&self.0.events),
            killed_busy: get(&self.0.killed_busy),
        }
    }

    /// Has one event handled; waits for its turn if all processes are busy.
    pub async fn invoke(&self, event: &Value) -> Result<Value, InvokeError> {
        // Nobody closes it.
        let _permit = self
            .0
            .permits
            .acquire()
            .await
            .map_err(|_| InvokeError::Died)?;
        let process = self.process().await?;
        let mut held = Held(Some(process.clone()));
        let (sender, answer) = oneshot::channel();
        self.0.events.fetch_add(1, Ordering::SeqCst);
        process.give(self.job(event, sender));
        let ended = tokio::select! {
            biased;
            Ok(answer) = answer => Ok(answer),
            () = process.death() => Err(InvokeError::Died),
            () = SystemClock.sleep(self.0.spec.timeout) => Err(InvokeError::TimedOut),
        };
        process.rest();
        match ended {
            Ok(answer) => {
                held.0 = None;
                locked(&self.0.idle).push(process);
                answer.map_err(InvokeError::Error)
            }
            Err(lost) => Err(self.bury(&process, lost).await),
        }
    }

    fn job(&self, event: &Value, answer: oneshot::Sender<Answer>) -> Job {
        let number = self.0.events.load(Ordering::SeqCst);
        let now = SystemClock.now();
        Job {
            id: format!("{:016x}-{number}", now.0),
            event: event.to_string().into_bytes(),
            deadline_ms: now.plus(self.0.spec.timeout).0,
            arn: format!(
                "arn:aws:lambda:{}:000000000000:function:{}",
                cvm_local::sdk::REGION,
                self.0.spec.name
            ),
            answer,
        }
    }

    /// Starts a process ahead of any event and waits until it is ready for one; the operating system's number of it.
    pub async fn warm(&self) -> Result<u32, Error> {
        let process = Arc::new(Process::start(&self.0.spec).await?);
        self.0.started.fetch_add(1, Ordering::SeqCst);
        if !process.ready().await {
            return Err(self.broken());
        }
        locked(&self.0.all).push(process.clone());
        let id = process.id();
        locked(&self.0.idle).push(process);
        Ok(id)
    }

    /// The operating system's numbers of its living processes.
    pub fn ids(&self) -> Vec<u32> {
        self.living().iter().map(|process| process.id()).collect()
    }

    /// A warm process, or a new one.
    async fn process(&self) -> Result<Arc<Process>, InvokeError> {
        while let Some(warm) = locked(&self.0.idle).pop() {
            if !warm.is_dead() {
                return Ok(warm);
            }
        }
        let process = match Process::start(&self.0.spec).await {
            Ok(process) => Arc::new(process),
            Err(error) => {
                let told = serde_json::json!({ "errorType": "Runtime.ExitError", "errorMessage": error.to_string() });
                return Err(InvokeError::Error(told));
            }
        };
        self.0.started.fetch_add(1, Ordering::SeqCst);
        let mut all = locked(&self.0.all);
        all.retain(|known| !known.is_dead());
        all.push(process.clone());
        Ok(process)
    }

    /// Sees to it that a process which has not answered is gone.
    async fn bury(&self, process: &Process, lost: InvokeError) -> InvokeError {
        process.strike();
        process.death().await;
        match process.init_error() {
            Some(told) => InvokeError::Error(told),
            None => lost,
        }
    }

    /// Kills one process (SIGKILL), a busy one if there is any, and waits until it is gone; says how
    /// many were struck while busy: one or none.
    pub async fn kill_one(&self) -> usize {
        let mut living = self.living();
        living.sort_by_key(|process| !process.is_busy());
        living.truncate(1);
        self.kill(living).await
    }

    /// Kills all processes (SIGKILL) and waits until they are gone; says how many were struck while busy.
    pub async fn kill_all(&self) -> usize {
        self.kill(self.living()).await
    }

    /// How many processes have an event at this moment.
    pub fn busy(&self) -> usize {
        self.living()
            .iter()
            .filter(|process| process.is_busy())
            .count()
    }

    fn living(&self) -> Vec<Arc<Process>> {
        let all = locked(&self.0.all);
        all.iter()
            .filter(|process| !process.is_dead())
            .cloned()
            .collect()
    }

    async fn kill(&self, victims: Vec<Arc<Process>>) -> usize {
        let mut busy = 0;
        for victim in &victims {
            busy += usize::from(victim.is_busy());
            victim.strike();
        }
        for victim in &victims {
            victim.death().await;
        }
        self.0.killed_busy.fetch_add(busy as u64, Ordering::SeqCst);
        busy
    }

    /// The last line that its processes printed, for people who must find out what is wrong.
    pub fn last_words(&self) -> String {
        let log = std::fs::read(&self.0.spec.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it said nothing").to_owned()
    }

    /// The error of a function that does not work at all.
    pub(crate) fn broken(&self) -> Error {
        Error::Function {
            name: self.0.spec.name.clone(),
            cause: self.last_words(),
        }
    }
}

/// A process at work. An invoker that is dropped leaves it in the middle of something: it is killed.
struct Held(Option<Arc<Process>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.strike();
        }
    }
}
