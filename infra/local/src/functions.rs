//! The functions, and the operator's command line: built by cargo, packed as AWS Lambda wants them.

use std::fmt;
use std::io::Cursor;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zip::CompressionMethod;
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

use crate::child::Group;
use crate::error::Error;
use crate::error::last_line;
use crate::workspace::Workspace;
use crate::workspace::cargo;

/// How the functions are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quickly, for tests.
    Dev,
    /// As for production.
    Release,
}

/// What is seen of cargo while it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing; its last line if it fails.
    Quiet,
    /// All that it says, on standard error.
    Shown,
}

/// The binaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Functions {
    /// The function behind the API.
    pub ingest: PathBuf,
    /// The function behind the queue.
    pub worker: PathBuf,
    /// The function that cleans up.
    pub janitor: PathBuf,
    /// The function that writes the trails.
    pub ledger: PathBuf,
}

impl Functions {
    /// Has cargo build them.
    pub async fn build(
        workspace: &Workspace,
        profile: Profile,
        progress: Progress,
    ) -> Result<Self, Error> {
        Self::build_otherwise(workspace, profile, progress, &[]).await
    }

    /// The same with other settings: arguments of cargo's, as `--config=profile.release.lto="thin"`.
    pub async fn build_otherwise(
        workspace: &Workspace,
        profile: Profile,
        progress: Progress,
        settings: &[String],
    ) -> Result<Self, Error> {
        let mut arguments = vec![
            "--package=cvm-ingest",
            "--package=cvm-worker",
            "--package=cvm-ledger",
            "--bin=ingest",
            "--bin=worker",
            "--bin=janitor",
            "--bin=ledger",
        ];
        arguments.extend(settings.iter().map(String::as_str));
        let messages = build(workspace, profile, progress, &arguments).await?;
        Ok(Self {
            ingest: path(&messages, "ingest")?,
            worker: path(&messages, "worker")?,
            janitor: path(&messages, "janitor")?,
            ledger: path(&messages, "ledger")?,
        })
    }
}

/// Has cargo build the operator's command line.
pub async fn cvmctl(workspace: &Workspace, profile: Profile) -> Result<PathBuf, Error> {
    let targets = ["--package=cvm-ops", "--bin=cvmctl"];
    let messages = build(workspace, profile, Progress::Quiet, &targets).await?;
    path(&messages, "cvmctl")
}

/// Has cargo build the host form's server.
pub async fn server(workspace: &Workspace, profile: Profile) -> Result<PathBuf, Error> {
    let targets = ["--package=cvm-host", "--bin=cvm-server"];
    let messages = build(workspace, profile, Progress::Shown, &targets).await?;
    path(&messages, "cvm-server")
}

/// Has cargo build any binary of the workspace.
pub async fn binary(
    workspace: &Workspace,
    profile: Profile,
    package: &str,
    name: &str,
) -> Result<PathBuf, Error> {
    let targets = [format!("--package={package}"), format!("--bin={name}")];
    let targets = targets.each_ref().map(String::as_str);
    let messages = build(workspace, profile, Progress::Shown, &targets).await?;
    path(&messages, name)
}

/// The size of a binary, for people.
pub fn size(path: &Path) -> String {
    let bytes = path.metadata().map_or(0, |metadata| metadata.len());
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// What cargo says to programs while it builds with these arguments.
async fn build(
    workspace: &Workspace,
    profile: Profile,
    progress: Progress,
    arguments: &[&str],
) -> Result<String, Error> {
    let mut build = Command::new(cargo());
    build
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .args((profile == Profile::Release).then_some("--release"))
        .current_dir(workspace.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group::spawn(&mut build)?;
    let failed = |error: std::io::Error| Error::Build(error.to_string());
    let (messages, words) = listen(&mut group, progress).await.map_err(failed)?;
    if !group.wait().await.map_err(failed)?.success() {
        return Err(Error::Build(last_line(&words)));
    }
    Ok(messages)
}

fn path(messages: &str, name: &str) -> Result<PathBuf, Error> {
    let found = executable(messages, name);
    found.ok_or_else(|| Error::Build(format!("it made no binary `{name}`")))
}

impl fmt::Display for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ingest, worker) = (size(&self.ingest), size(&self.worker));
        let (janitor, ledger) = (size(&self.janitor), size(&self.ledger));
        write!(
            f,
            "ingest {ingest}, worker {worker}, janitor {janitor}, ledger {ledger}"
        )
    }
}

/// Reads to their ends what is for programs and what is for people.
async fn listen(group: &mut Group, progress: Progress) -> std::io::Result<(String, Vec<u8>)> {
    let (stdout, stderr) = (group.child().stdout.take(), group.child().stderr.take());
    let messages = async {
        let mut text = String::new();
        if let Some(mut pipe) = stdout {
            pipe.read_to_string(&mut text).await?;
        }
        Ok(text)
    };
    let words = async {
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        let Some(mut pipe) = stderr else {
            return Ok(all);
        };
        loop {
            let read = pipe.read(&mut some).await?;
            if read == 0 {
                return Ok(all);
            }
            all.extend_from_slice(&some[..read]);
            if progress == Progress::Shown {
                std::io::stderr().write_all(&some[..read])?;
            }
        }
    };
    tokio::try_join!(messages, words)
}

/// The binary's path in cargo's messages: cargo alone knows where the target directory is.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    artifacts
        .filter(|artifact| artifact.target.name == name)
        .find_map(|artifact| artifact.executable)
}

/// The binary as `bootstrap` in a zip file.
pub async fn packed(binary: &Path) -> Result<Vec<u8>, Error> {
    let bytes = tokio::fs::read(binary).await;
    let bytes = bytes.map_err(|error| Error::disk(binary, error))?;
    let zipped = tokio::task::spawn_blocking(move || zipped(&bytes)).await;
    let failed = |cause: String| Error::Build(format!("{}: {cause}", binary.display()));
    let zipped = zipped.map_err(|error| failed(error.to_string()))?;
    zipped.map_err(|error| failed(error.to_string()))
}

fn zipped(bytes: &[u8]) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Stored: it goes no further than this machine, and packing would take longer than all the rest.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(bytes)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_found_in_cargo_s_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"ingest"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"ingest"},"executable":"/t/ingest"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages, "ingest"),
            Some(PathBuf::from("/t/ingest"))
        );
        assert_eq!(executable(messages, "worker"), None);
    }

    #[test]
    fn the_zip_holds_an_executable_bootstrap() {
        let mut zip = zip::ZipArchive::new(Cursor::new(zipped(b"binary").unwrap())).unwrap();
        let file = zip.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(file.size(), 6);
    }
}
