//! The binaries that are measured: ours, a function that does nothing, and what people write in Node.js.

use std::path::PathBuf;

use cvm_lambda::Error;
use cvm_lambda::function::Function;
use cvm_lambda::function::Spec;
use cvm_local::functions;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;

use crate::device::Device;
use crate::peer::Peer;
use crate::rig::Rig;

/// The binaries.
#[derive(Debug)]
pub struct Parts {
    /// Ours.
    pub functions: Functions,
    /// Answers, and does nothing else.
    trivial: Option<PathBuf>,
    /// The published way in Node.js, where Node.js is installed.
    peer: Option<Peer>,
}

impl Parts {
    /// Has cargo build ours.
    pub async fn build(profile: Profile) -> Result<Self, Error> {
        let workspace = Workspace::find().await?;
        Ok(Self {
            functions: Functions::build(&workspace, profile, Progress::Shown).await?,
            trivial: None,
            peer: None,
        })
    }

    /// Has cargo build what ours are compared with, and npm fetch what the peer needs.
    pub async fn with_others(self, profile: Profile) -> Result<Self, Error> {
        let workspace = Workspace::find().await?;
        let trivial = functions::binary(&workspace, profile, "cvm-trivial", "trivial");
        Ok(Self {
            trivial: Some(trivial.await?),
            peer: Peer::install(&workspace).await,
            ..self
        })
    }

    /// Whether there is a peer in Node.js.
    pub fn has_peer(&self) -> bool {
        self.peer.is_some()
    }

    /// The function that does nothing.
    pub fn trivial(&self, rig: &Rig) -> Option<Function> {
        let binary = self.trivial.clone()?;
        Some(function("trivial", binary, Vec::new(), rig))
    }

    /// The same, which reads this device's row so many times for each event, without the AWS SDK.
    pub fn bare(&self, rig: &Rig, device: &Device, calls: u64) -> Option<Function> {
        let binary = self.trivial.clone()?;
        let environment = [
            ("BARE_CALLS", calls.to_string()),
            ("BARE_ENDPOINT", rig.endpoint().to_owned()),
            ("BARE_BODY", rig.reading(device)),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        Some(function("bare", binary, environment.to_vec(), rig))
    }

    /// The function of Node.js, on the rig's account.
    pub fn peer(&self, rig: &Rig) -> Option<Function> {
        let peer = self.peer.as_ref()?;
        let environment = peer.environment(rig);
        Some(function("node", peer.program.clone(), environment, rig))
    }
}

fn function(
    name: &str,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    rig: &Rig,
) -> Function {
    Function::new(Spec {
        name: name.to_owned(),
        binary,
        environment,
        memory_mb: 256,
        timeout: std::time::Duration::from_secs(30),
        concurrency: 1,
        log: rig.dir().join(format!("{name}.log")),
    })
}
