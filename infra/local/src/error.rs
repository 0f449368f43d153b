//! Why the local run cannot go on: each in one line that says what to do about it.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::venv::oldest_python;

/// How the local run fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call to the emulator failed.
    #[error("{call}: {cause}")]
    Aws {
        /// The call.
        call: &'static str,
        /// What the emulator or the connection says.
        cause: String,
    },
    /// The functions do not build.
    #[error("cargo cannot build the functions: {0}")]
    Build(String),
    /// MariaDB did not come up.
    #[error("MariaDB did not start: {0}")]
    Database(String),
    /// The stack was not created.
    #[error("the stack was not created: {0}")]
    Deploy(String),
    /// A device file is not as it must be.
    #[error("{0}")]
    Devices(String),
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The emulator did not come up.
    #[error("the emulator did not start: {0}")]
    Emulator(String),
    /// A server of the host form did not come up.
    #[error("cvm-server: {0}")]
    Host(String),
    /// The virtual environment cannot be made.
    #[error("pip cannot install the emulator (is there a network?): {cause}; see {}", log.display())]
    Pip {
        /// Pip's last words.
        cause: String,
        /// All of its words.
        log: PathBuf,
    },
    /// A port that was asked for is in use.
    #[error("port {0} is taken: choose another, or leave the option out to have a free one found")]
    PortTaken(u16),
    /// A program cannot be run.
    #[error("{program} cannot be run: {source}")]
    Program {
        /// The program.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is no Python.
    #[error(
        "python3 was not found: the local AWS needs Python {needed} or newer (Debian, Ubuntu: apt install python3 python3-venv)",
        needed = oldest_python()
    )]
    PythonMissing,
    /// Python is too old.
    #[error(
        "python3 is Python {0}: the local AWS needs {needed} or newer, first in the PATH",
        needed = oldest_python()
    )]
    PythonOld(String),
    /// The template cannot be prepared for the emulator.
    #[error("{0}")]
    Template(String),
    /// Python cannot make virtual environments.
    #[error(
        "python3 cannot make virtual environments: {0} (Debian, Ubuntu: apt install python3-venv)"
    )]
    VenvModule(String),
}

impl Error {
    /// A failure of the disk at `path`.
    pub(crate) fn disk(path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        Self::Disk { path, source }
    }

    /// A failed call, with its innermost cause: the outer ones only say that it failed.
    pub(crate) fn aws(call: &'static str, error: &dyn std::error::Error) -> Self {
        let mut innermost = error;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        let cause = innermost.to_string();
        Self::Aws { call, cause }
    }
}

/// The last line that says something, or a substitute: programs end with what went wrong.
pub(crate) fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let last = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    last.unwrap_or("it said nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_last_words_are_its_last_line() {
        assert_eq!(last_line(b"a\nERROR: b\n \n"), "ERROR: b");
        assert_eq!(last_line(b"\n"), "it said nothing");
    }

    #[test]
    fn each_message_is_one_line() {
        let old = Error::PythonOld("3.8".to_owned());
        for error in [old, Error::PythonMissing, Error::PortTaken(4566)] {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
