//! The emulator's Python: a virtual environment made once from the pinned requirements.

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use cvm_shared::bundle::digest;
use tokio::process::Command;

use crate::child;
use crate::error::Error;
use crate::error::last_line;
use crate::workspace::Workspace;

/// The oldest Python (major, minor) that the requirements are pinned for.
pub const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Prints the version first, so that an old Python is told from one without the modules.
const PROBE: &str =
    "import sys; print('%d.%d' % sys.version_info[:2]); sys.stdout.flush(); import ensurepip, venv";
/// Written last: without it the environment is half made.
const MARKER: &str = "complete";

/// A virtual environment with the emulator in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venv {
    dir: PathBuf,
    workspace: Workspace,
}

impl Venv {
    /// Finds the environment of these requirements, or makes it.
    pub async fn ensure(workspace: &Workspace) -> Result<Self, Error> {
        Self::ensure_with("python3", workspace).await
    }

    async fn ensure_with(python: &str, workspace: &Workspace) -> Result<Self, Error> {
        let version = probe(python).await?;
        let requirements = workspace.local("requirements.txt");
        let pinned = std::fs::read(&requirements);
        let pinned = pinned.map_err(|error| Error::disk(&requirements, error))?;
        let name = format!("venv-{}", fingerprint(&pinned, &version));
        let cache = workspace.cache()?;
        // Held to the end: two test processes may want the environment at the same time.
        let _lock = lock(&cache.join(format!("{name}.lock"))).await?;
        let venv = Self {
            dir: cache.join(name),
            workspace: workspace.clone(),
        };
        if !venv.is_complete() {
            venv.make(python, &requirements).await?;
        }
        Ok(venv)
    }

    /// A command that runs this script of the local run.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.python());
        command.arg(self.workspace.local(name));
        command
    }

    fn python(&self) -> PathBuf {
        self.dir.join("bin/python")
    }

    /// The marker holds the path: an environment works only where it was made.
    fn is_complete(&self) -> bool {
        let made = std::fs::read_to_string(self.dir.join(MARKER));
        made.is_ok_and(|path| Path::new(&path) == self.dir) && self.python().exists()
    }

    async fn make(&self, python: &str, requirements: &Path) -> Result<(), Error> {
        if self.dir.exists() {
            let removed = std::fs::remove_dir_all(&self.dir);
            removed.map_err(|error| Error::disk(&self.dir, error))?;
        }
        let mut create = Command::new(python);
        create.args(["-m", "venv"]).arg(&self.dir);
        let created = child::output(&mut create).await?;
        if !created.status.success() {
            let words = [created.stdout, created.stderr].concat();
            return Err(Error::VenvModule(last_line(&words)));
        }
        self.install(requirements).await?;
        let marker = self.dir.join(MARKER);
        let written = std::fs::write(&marker, self.dir.as_os_str().as_encoded_bytes());
        written.map_err(|error| Error::disk(&marker, error))
    }

    async fn install(&self, requirements: &Path) -> Result<(), Error> {
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--require-hashes", "--no-input"])
            .args([
                "--disable-pip-version-check",
                "--progress-bar=off",
                "--requirement",
            ])
            .arg(requirements);
        let installed = child::output(&mut pip).await?;
        let log = self.dir.with_extension("log");
        let words = [installed.stdout, installed.stderr.clone()].concat();
        std::fs::write(&log, words).map_err(|error| Error::disk(&log, error))?;
        if !installed.status.success() {
            let cause = last_line(&installed.stderr);
            return Err(Error::Pip { cause, log });
        }
        Ok(())
    }
}

/// The version of a Python that will do.
async fn probe(python: &str) -> Result<String, Error> {
    let mut ask = Command::new(python);
    ask.args(["-c", PROBE]);
    let told = match child::output(&mut ask).await {
        Ok(told) => told,
        Err(Error::Program { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::PythonMissing);
        }
        Err(error) => return Err(error),
    };
    let version = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    if !is_new_enough(&version) {
        return Err(Error::PythonOld(version));
    }
    if !told.status.success() {
        return Err(Error::VenvModule(last_line(&told.stderr)));
    }
    Ok(version)
}

fn is_new_enough(version: &str) -> bool {
    let parts = version.split_once('.');
    let numbers = parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    numbers.is_some_and(|numbers: (u32, u32)| numbers >= OLDEST_PYTHON)
}

/// The oldest Python that will do, as people write it.
pub(crate) fn oldest_python() -> String {
    let (major, minor) = OLDEST_PYTHON;
    format!("{major}.{minor}")
}

/// Changes with the requirements and with the Python that they were installed for.
fn fingerprint(requirements: &[u8], version: &str) -> String {
    digest(&[requirements, version.as_bytes()].concat())[..12].to_owned()
}

/// Waits for whoever else is making the environment. Dropping the file gives the lock up.
async fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(|error| Error::disk(path, error))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => crate::sdk::pause(Duration::from_millis(200)).await,
            Err(TryLockError::Error(error)) => return Err(Error::disk(path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, enough) in [
            ("3.9", false),
            ("3.10", true),
            ("3.14", true),
            ("4.0", true),
            ("2.7", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn new_requirements_or_another_python_make_another_environment() {
        let usual = fingerprint(b"a==1", "3.11");
        assert_eq!(usual.len(), 12);
        assert_ne!(usual, fingerprint(b"a==2", "3.11"));
        assert_ne!(usual, fingerprint(b"a==1", "3.12"));
    }

    #[tokio::test]
    async fn a_missing_python_is_told_in_one_line() {
        let refusal = probe("no-such-python3").await.unwrap_err().to_string();
        assert!(refusal.starts_with("python3 was not found"), "{refusal}");
    }

    #[tokio::test]
    async fn an_old_python_and_one_without_modules_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        for (script, start) in [
            ("echo 3.8", "python3 is Python 3.8"),
            (
                "echo 3.11; echo 'No module named ensurepip' >&2; exit 1",
                "python3 cannot make virtual environments: No module",
            ),
        ] {
            let python = dir.path().join("python3");
            std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
            let refusal = probe(python.to_str().unwrap())
                .await
                .unwrap_err()
                .to_string();
            assert!(refusal.starts_with(start), "{refusal}");
        }
    }

    #[tokio::test]
    async fn an_environment_that_was_moved_or_left_half_made_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let venv = Venv {
            dir: dir.path().to_owned(),
            workspace: Workspace::find().await.unwrap(),
        };
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        std::fs::write(venv.python(), "").unwrap();
        assert!(!venv.is_complete());
        std::fs::write(dir.path().join(MARKER), "/elsewhere").unwrap();
        assert!(!venv.is_complete());
        std::fs::write(dir.path().join(MARKER), dir.path().to_str().unwrap()).unwrap();
        assert!(venv.is_complete());
    }
}
