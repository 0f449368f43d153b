//! Where the workspace is, and where cargo builds it.

#![expect(
    clippy::disallowed_methods,
    reason = "a tool's shell: cargo says by a variable which cargo runs"
)]

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use tokio::process::Command;

use crate::child;
use crate::error::Error;
use crate::error::last_line;

/// The workspace's directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows all the ways to move the target directory.
    pub async fn find() -> Result<Self, Error> {
        let mut ask = Command::new(cargo());
        ask.args(["metadata", "--format-version=1", "--no-deps", "--offline"])
            .arg("--manifest-path")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
        let told = child::output(&mut ask).await?;
        if !told.status.success() {
            return Err(Error::Build(last_line(&told.stderr)));
        }
        let refuse = |error: serde_json::Error| Error::Build(error.to_string());
        let metadata: Metadata = serde_json::from_slice(&told.stdout).map_err(refuse)?;
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
        })
    }

    /// The workspace's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of the local run.
    pub fn local(&self, name: &str) -> PathBuf {
        self.root.join("infra/local").join(name)
    }

    /// The directory for what the local run makes once and keeps; made if it is missing.
    pub fn cache(&self) -> Result<PathBuf, Error> {
        let cache = self.target.join("cvm-local");
        std::fs::create_dir_all(&cache).map_err(|error| Error::disk(&cache, error))?;
        Ok(cache)
    }
}

/// The cargo that runs us, if one does: with several installed, another one would build everything anew.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
