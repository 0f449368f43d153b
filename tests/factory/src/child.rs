//! `cvmctl` as a process: run to its end or to Ctrl-C, timed, and its memory watched.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::Output;
use std::process::Stdio;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_lambda::error::Error;
use cvm_shared::ports::Clock as _;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tokio::process::Command;

/// How often the process is weighed. What it grows by after the last look is missed.
const WEIGHED_EVERY: Duration = Duration::from_millis(10);

/// The tool, and what it is told of its surroundings.
#[derive(Clone, Debug)]
pub struct Cvmctl {
    pub(crate) binary: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it said beside.
    pub err: String,
    /// How long it took.
    pub took: Duration,
    /// The most memory that it had in use, in bytes.
    pub peak: u64,
}

impl Answer {
    /// The objects that it printed, one a line.
    pub fn objects(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Cvmctl {
    /// Runs it to its end.
    pub async fn run(&self, args: &[&str]) -> Result<Answer, Error> {
        self.run_until(args, std::future::pending()).await
    }

    /// Runs it, and presses Ctrl-C at that moment.
    pub async fn run_until(
        &self,
        args: &[&str],
        moment: impl Future<Output = ()>,
    ) -> Result<Answer, Error> {
        let began = SystemClock.now();
        let child = self.command(args).spawn();
        let child = child.map_err(|error| Error::disk(&self.binary, error))?;
        let peak = AtomicU64::new(0);
        let pid = child.id().unwrap_or_default();
        let press = async {
            moment.await;
            // Where it has ended already, its exit code tells.
            let _ended = interrupt(pid);
            std::future::pending::<Infallible>().await
        };
        let output = tokio::select! {
            output = child.wait_with_output() => output,
            never = weigh(pid, &peak) => match never {},
            never = press => match never {},
        };
        let output = output.map_err(|error| Error::disk(&self.binary, error))?;
        let took = SystemClock.now().since(began);
        Ok(answer(&output, took, peak.into_inner()))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(args)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn answer(output: &Output, took: Duration, peak: u64) -> Answer {
    Answer {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        took,
        peak,
    }
}

fn interrupt(pid: u32) -> Option<()> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    kill_process(pid, Signal::INT).ok()
}

/// Looks again and again how much memory the process has had in use at most: the kernel keeps the mark.
async fn weigh(pid: u32, peak: &AtomicU64) -> Infallible {
    let path = format!("/proc/{pid}/status");
    loop {
        let told = std::fs::read_to_string(&path).unwrap_or_default();
        peak.fetch_max(high_water(&told).unwrap_or_default(), Ordering::Relaxed);
        SystemClock.sleep(WEIGHED_EVERY).await;
    }
}

/// `VmHWM:     12345 kB` as bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_mark_is_read() {
        assert_eq!(
            high_water("VmPeak: 9 kB\nVmHWM:\t   123 kB\n"),
            Some(125_952)
        );
        assert_eq!(high_water("State: Z (zombie)\n"), None);
    }
}
