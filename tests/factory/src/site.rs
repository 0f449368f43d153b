//! What a factory works on: an AWS in memory, the tool that reaches it, and where files go.

use std::path::Path;
use std::path::PathBuf;

use cvm_aws::system::SystemClock;
use cvm_lambda::backend::Backend;
use cvm_lambda::error::Error;
use cvm_local::functions;
use cvm_local::functions::Profile;
use cvm_local::workspace::Workspace;
use cvm_shared::ports::Clock as _;
use cvm_standin::Account;
use cvm_standin::Options;
use tempfile::TempDir;

use crate::child::Cvmctl;

/// A running site. It ends with its owner.
#[derive(Debug)]
pub struct Site {
    /// AWS.
    pub backend: Backend,
    /// The operator's tool.
    pub cvmctl: Cvmctl,
    dir: TempDir,
}

impl Site {
    /// A fresh site with a tool of this build.
    pub async fn start(workspace: &Workspace, profile: Profile) -> Result<Self, Error> {
        let backend = Backend::stand_in(Options::default()).await?;
        let dir = tempfile::Builder::new().prefix("cvm-factory-").tempdir();
        let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
        let cvmctl = Cvmctl {
            binary: functions::cvmctl(workspace, profile).await?,
            environment: environment(&backend),
        };
        Ok(Self {
            backend,
            cvmctl,
            dir,
        })
    }

    /// A folder that goes with the site.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file in it with this text.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.dir.path().join(name);
        let written = std::fs::write(&path, text);
        written.map_err(|error| Error::disk(&path, error))?;
        Ok(path)
    }

    /// The account behind the stand-in.
    pub fn account(&self) -> Result<&Account, Error> {
        let none = || Error::Usage("a factory needs the stand-in".to_owned());
        self.backend.account().ok_or_else(none)
    }

    /// The moment at which so many calls of this kind have been made beyond those that were made before.
    pub async fn after_calls(&self, operation: &str, more: u64) {
        let count = || {
            let calls = self.backend.account().map(Account::calls);
            calls.and_then(|calls| calls.get(operation).copied())
        };
        let due = count().unwrap_or_default() + more;
        while count().unwrap_or_default() < due {
            SystemClock.sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

/// The parts of the machine, each by its own name: there is no stack.
fn environment(backend: &Backend) -> Vec<(&'static str, String)> {
    let names = backend.names();
    let queue = backend.account().map(Account::queue_url);
    vec![
        ("AWS_ENDPOINT_URL", backend.endpoint().to_owned()),
        ("AWS_REGION", Account::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", Account::ACCESS_KEY_ID.to_owned()),
        (
            "AWS_SECRET_ACCESS_KEY",
            Account::SECRET_ACCESS_KEY.to_owned(),
        ),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("CVM_TABLE", names.table.clone()),
        ("CVM_GUARD_TABLE", names.guard.clone()),
        ("CVM_BUCKET", names.bucket.clone()),
        ("CVM_QUEUE_URL", queue.unwrap_or_default()),
    ]
}
