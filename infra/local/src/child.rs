//! Child processes that do not outlive us: each leads a process group, which is killed as a whole.

use std::io;
use std::process::ExitStatus;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;
use tokio::process::Command;

use crate::error::Error;

/// How long a killed process may take to be gone, in `Drop`; killed processes take a moment at most.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// A process and all that it starts.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    /// Starts the command in a process group of its own.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, Error> {
        let child = command.process_group(0).spawn().map_err(|source| {
            let program = command.as_std().get_program();
            let program = program.to_string_lossy().into_owned();
            Error::Program { program, source }
        })?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = id.and_then(Pid::from_raw);
        Ok(Self { child, leader })
    }

    /// The process, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the process to end, and kills what it leaves behind.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.signal(Signal::KILL);
        self.leader = None;
        Ok(status)
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Signals every process of the group; one that is gone needs no signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            let _gone = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // What follows in the owner's drop may delete the files that these processes write.
        let pause = Duration::from_millis(5);
        let mut left = GONE_WITHIN.as_millis() / pause.as_millis();
        while self.leader.is_some() && left > 0 && self.ended().is_none() {
            std::thread::sleep(pause);
            left -= 1;
        }
    }
}

/// Runs the command to its end without input, and keeps what it prints.
pub(crate) async fn output(command: &mut Command) -> Result<Output, Error> {
    let program = command.as_std().get_program().to_string_lossy();
    let program = program.into_owned();
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::spawn(command)?;
    collect(&mut group)
        .await
        .map_err(|source| Error::Program { program, source })
}

async fn collect(group: &mut Group) -> io::Result<Output> {
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    let status = group.wait().await?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn what_is_printed_is_kept() {
        let output = output(&mut shell("echo a; echo b >&2; exit 3"))
            .await
            .unwrap();
        assert_eq!(
            (output.stdout, output.stderr),
            (b"a\n".to_vec(), b"b\n".to_vec())
        );
        assert_eq!(output.status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_dropped_group_is_killed_with_its_grandchildren() {
        let mut command = shell("sleep 600 & echo started; wait");
        command.stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).unwrap();
        let mut pipe = group.child().stdout.take().unwrap();
        let mut word = [0; 8];
        pipe.read_exact(&mut word).await.unwrap();
        drop(group);
        // The pipe ends once nobody holds its other end any more: the grandchild did.
        let rest = tokio::time::timeout(GONE_WITHIN, read(Some(pipe))).await;
        assert_eq!(rest.expect("the grandchild is gone").unwrap(), b"");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program"))
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("no-such-program cannot be run: "),
            "{error}"
        );
    }
}
