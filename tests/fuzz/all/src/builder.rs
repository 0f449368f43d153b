//! The build with counters, in a folder of its own: nothing else is built again because of it.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::instrument;

/// Why nothing could be hunted.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A file or a process.
    Io(io::Error),
    /// The targets could not be built.
    Build,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Build => f.write_str("the targets could not be built"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Builds the hunters, one for each target; where they lie.
pub(crate) fn hunters(fuzz: &Path, work: &Path) -> Result<PathBuf, Trouble> {
    let host = host()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--locked", "--profile", "fuzz"])
        .args(["--package", "cvm-fuzz", "--bins"])
        // A named target keeps build scripts and macros apart from what is counted.
        .args(["--target", &host])
        .arg("--manifest-path")
        .arg(fuzz.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(work)
        .env("RUSTC_WRAPPER", std::env::current_exe()?)
        .env(instrument::ASKED, "1");
    if !cargo.status()?.success() {
        return Err(Trouble::Build);
    }
    Ok(work.join(host).join("fuzz"))
}

/// The machine's own target, as rustc names it.
fn host() -> Result<String, Trouble> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or(Trouble::Build)
}
