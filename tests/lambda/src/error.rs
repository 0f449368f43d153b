//! Why a run cannot go on: each in one line that says what to do about it.

use std::io;
use std::path::Path;
use std::path::PathBuf;

/// How a run fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call that we make ourselves was refused or lost.
    #[error("{call}: {cause}")]
    Aws {
        /// The call.
        call: &'static str,
        /// What the service or the connection says.
        cause: String,
    },
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A function cannot be used at all.
    #[error("the function {name} does not work: {cause}")]
    Function {
        /// Its name.
        name: String,
        /// What it said last.
        cause: String,
    },
    /// No port can be had, or no process started.
    #[error("{what}: {source}")]
    Host {
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The local AWS did not start.
    #[error(transparent)]
    Local(#[from] cvm_local::Error),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A life without any fault did not come to its end: nothing can be compared with it.
    #[error("a device that nobody disturbed got no certificate: {0}")]
    Undisturbed(String),
}

impl Error {
    /// A failed call, with its innermost cause: the outer ones only say that it failed.
    pub fn aws(call: &'static str, error: &dyn std::error::Error) -> Self {
        let mut innermost = error;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        let cause = innermost.to_string();
        Self::Aws { call, cause }
    }

    /// A failure of the disk at `path`.
    pub fn disk(path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        Self::Disk { path, source }
    }

    /// A failure of this machine.
    pub(crate) fn host(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Host { what, source }
    }
}
