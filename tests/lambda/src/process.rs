//! One process of a function, and the end of it: it never outlives its owner.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::process::Child;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::error::Error;
use crate::function::Spec;
use crate::runtime::Desk;
use crate::runtime::Job;
use crate::runtime::router;
use crate::serve::Task;
use crate::serve::serve;

/// A process that takes jobs until it is dead. Dropping it kills it; should this program be killed
/// itself, the process loses its Runtime API and ends.
#[derive(Debug)]
pub(crate) struct Process {
    jobs: mpsc::Sender<Job>,
    desk: Arc<Desk>,
    id: u32,
    busy: AtomicBool,
    kill: mpsc::Sender<()>,
    dead: watch::Receiver<bool>,
    _api: Task,
}

impl Process {
    /// Starts it; it will ask for its first job by itself.
    pub(crate) async fn start(spec: &Spec) -> Result<Self, Error> {
        let (desk, jobs) = Desk::new();
        let (api, task) = serve(router(Arc::clone(&desk))).await?;
        let child = command(spec, &api.to_string())?.spawn();
        let child = child.map_err(|error| Error::disk(&spec.binary, error))?;
        // It has one until it was waited for, and nobody has yet.
        let id = child.id().unwrap_or_default();
        let (kill, orders) = mpsc::channel(1);
        let (died, dead) = watch::channel(false);
        tokio::spawn(keep(child, orders, died));
        Ok(Self {
            jobs,
            desk,
            id,
            busy: AtomicBool::new(false),
            kill,
            dead,
            _api: task,
        })
    }

    /// The number that the operating system knows it by.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Waits until it has begun, or is dead; whether it has begun.
    pub(crate) async fn ready(&self) -> bool {
        tokio::select! {
            () = self.desk.ready() => true,
            () = self.death() => false,
        }
    }

    /// Gives it a job; a process that is dead answers by its death.
    pub(crate) fn give(&self, job: Job) {
        self.busy.store(true, Ordering::SeqCst);
        // The desk is empty: whoever holds a process gives it one job and waits for the end of it.
        let _dead = self.jobs.try_send(job);
    }

    /// Notes that its job is done.
    pub(crate) fn rest(&self) {
        self.busy.store(false, Ordering::SeqCst);
    }

    /// Whether it has a job.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) && !self.is_dead()
    }

    /// Whether it is gone.
    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Why it could not begin, if it said so.
    pub(crate) fn init_error(&self) -> Option<serde_json::Value> {
        self.desk.init_error()
    }

    /// Has it killed (SIGKILL), without waiting for it.
    pub(crate) fn strike(&self) {
        // A full channel: it is being killed already.
        let _already = self.kill.try_send(());
    }

    /// Waits until it is gone.
    pub(crate) async fn death(&self) {
        // An error: its keeper is gone, and the process with it.
        let mut dead = self.dead.clone();
        let _gone = dead.wait_for(|dead| *dead).await;
    }
}

/// Waits for the end of the child, or makes it. Nobody else signals it, so no signal can meet a
/// stranger who got its number.
async fn keep(mut child: Child, mut orders: mpsc::Receiver<()>, died: watch::Sender<bool>) {
    let ended = tokio::select! {
        _ = child.wait() => true,
        // An order, or an owner who is gone.
        _ = orders.recv() => false,
    };
    if !ended {
        // An error means that it ended in this moment.
        let _ended = child.start_kill();
        let _ended = child.wait().await;
    }
    died.send_replace(true);
}

fn command(spec: &Spec, api: &str) -> Result<Command, Error> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&spec.log);
    let log = log.map_err(|error| Error::disk(&spec.log, error))?;
    let log_too = log
        .try_clone()
        .map_err(|error| Error::disk(&spec.log, error))?;
    let mut command = Command::new(&spec.binary);
    command
        .env_clear()
        .envs(lambda_environment(spec, api))
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too)
        // Ctrl-C is for us: we end our processes ourselves.
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}

/// What Lambda tells every function.
fn lambda_environment(spec: &Spec, api: &str) -> Vec<(&'static str, String)> {
    let (key, secret) = cvm_local::sdk::ROOT;
    let told = [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", &spec.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            &spec.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", cvm_local::sdk::REGION),
        ("AWS_DEFAULT_REGION", cvm_local::sdk::REGION),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ];
    told.map(|(name, value)| (name, value.to_owned())).to_vec()
}
