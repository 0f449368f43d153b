//! Hunters, one process for each target: what kills one does not kill the others.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;
use serde_json::json;

use crate::builder::Trouble;

/// How hunters are started.
#[derive(Debug)]
pub(crate) struct Chase {
    pub(crate) hunter: PathBuf,
    pub(crate) seeds: PathBuf,
    /// What hunters keep between runs, and what they find.
    pub(crate) work: PathBuf,
    pub(crate) seed: u64,
}

impl Chase {
    /// Forgets what earlier hunts kept.
    pub(crate) fn forget(&self) -> io::Result<()> {
        if self.work.exists() {
            fs::remove_dir_all(&self.work)?;
        }
        Ok(())
    }

    /// Hunts in all of these, so many at once, each for its share of the time; the summaries in order.
    pub(crate) fn all(
        &self,
        targets: &[&str],
        seconds: u64,
        jobs: usize,
    ) -> Result<Vec<Value>, Trouble> {
        let each = (seconds * jobs as u64 / targets.len() as u64).max(1);
        let waiting: Mutex<VecDeque<&str>> = Mutex::new(targets.iter().copied().collect());
        let next = || {
            waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
        };
        let work = || -> Vec<Result<Value, Trouble>> {
            std::iter::from_fn(next)
                .map(|target| self.one(target, each))
                .collect()
        };
        let done = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_default());
            joined.flatten().collect::<Result<Vec<_>, _>>()
        });
        let mut done = done?;
        done.sort_by_key(|summary| targets.iter().position(|t| summary["target"] == *t));
        Ok(done)
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(&self.hunter);
        command
            .args(["--target", target])
            .arg("--seeds")
            .arg(&self.seeds);
        command.arg("--work").arg(&self.work);
        command
    }

    fn one(&self, target: &str, seconds: u64) -> Result<Value, Trouble> {
        eprintln!("hunting in {target} for {seconds} s");
        let mut command = self.command(target);
        command.args([
            "--seconds",
            &seconds.to_string(),
            "--seed",
            &self.seed.to_string(),
        ]);
        let output = command.output()?;
        let (out, err) = (output.stdout, output.stderr);
        if output.status.success() {
            return serde_json::from_slice(&out)
                .map_err(|error| Trouble::Answer(error.to_string()));
        }
        let words = String::from_utf8_lossy(&err).into_owned();
        match output.status.code() {
            Some(_) => Err(Trouble::Answer(words)),
            None => Ok(self.killed(target, output.status, &words)?),
        }
    }

    /// A hunter was killed by what it ran: the stack, an abort, the watchdog.
    fn killed(&self, target: &str, status: ExitStatus, words: &str) -> io::Result<Value> {
        let input = self.work.join("findings").join(target).join("killed");
        if let Some(folder) = input.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&input, at_hand(&self.work.join("at-hand").join(target))?)?;
        let place = status.to_string();
        Ok(json!({
            "target": target,
            "findings": [{ "place": place, "message": words, "input": input }],
        }))
    }

    /// Runs one input in the first of these; whether it went well.
    pub(crate) fn once(&self, targets: &[String], input: &Path) -> Result<bool, Trouble> {
        let target = targets.first().map(String::as_str).unwrap_or_default();
        let status = self.command(target).arg("--input").arg(input).status()?;
        Ok(status.success())
    }
}

/// The input that a hunter was at: its length in four bytes, then the input.
fn at_hand(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or_default();
    Ok(rest[..length.min(rest.len())].to_vec())
}
