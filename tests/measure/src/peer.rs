//! What people run today: the published way in Node.js with the AWS SDK, fetched by npm into the target directory.

use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use cvm_local::workspace::Workspace;
use cvm_standin::Account;
use tokio::process::Command;

use crate::rig::Rig;

/// An installed peer.
#[derive(Debug)]
pub struct Peer {
    /// Starts it.
    pub program: PathBuf,
}

impl Peer {
    /// Installs it. Without Node.js, npm or their registry there is none, and the tables say so.
    pub async fn install(workspace: &Workspace) -> Option<Self> {
        match installed(workspace).await {
            Ok(program) => Some(Self { program }),
            Err(cause) => {
                eprintln!("measure: without the peer in Node.js: {cause}");
                None
            }
        }
    }

    /// What it is told; like ours, it finds AWS by the endpoint.
    pub fn environment(&self, rig: &Rig) -> Vec<(String, String)> {
        let mut told = vec![
            ("AWS_ENDPOINT_URL".to_owned(), rig.endpoint().to_owned()),
            ("CVM_TABLE".to_owned(), Account::TABLE.to_owned()),
            ("CVM_POLICY".to_owned(), Account::POLICY.to_owned()),
        ];
        let trust = rig.trust().and_then(Path::to_str);
        told.extend(trust.map(|file| ("NODE_EXTRA_CA_CERTS".to_owned(), file.to_owned())));
        told
    }
}

/// Copies it out of the tree, fetches its packages, and writes the script that starts it.
async fn installed(workspace: &Workspace) -> Result<PathBuf, String> {
    let told = |error: std::io::Error| error.to_string();
    let source = workspace.root().join("tests/measure/peer");
    let cache = workspace.cache().map_err(|error| error.to_string())?;
    let kept = &cache.join("measure-peer");
    std::fs::create_dir_all(kept).map_err(told)?;
    for name in ["package.json", "vend.mjs"] {
        std::fs::copy(source.join(name), kept.join(name)).map_err(told)?;
    }
    if !kept.join("node_modules").is_dir() {
        let mut fetch = Command::new("npm");
        fetch
            .args(["install", "--no-audit", "--no-fund", "--no-package-lock"])
            .current_dir(kept)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ended = fetch
            .status()
            .await
            .map_err(|error| format!("npm: {error}"))?;
        if !ended.success() {
            return Err("npm could not fetch its packages".to_owned());
        }
    }
    let node = node().await?;
    let program = kept.join("peer.sh");
    let start = format!("exec {node} {}", kept.join("vend.mjs").display());
    script(&program, &start).map_err(told)?;
    Ok(program)
}

/// Where Node.js itself is: what stands on the PATH may be a script around it.
async fn node() -> Result<String, String> {
    let mut ask = Command::new("node");
    ask.args(["-p", "process.execPath"]).stdin(Stdio::null());
    let told = ask
        .output()
        .await
        .map_err(|error| format!("node: {error}"))?;
    let path = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    if path.is_empty() {
        Err("node says nothing".to_owned())
    } else {
        Ok(path)
    }
}

/// Writes a shell script of these lines that anybody may run.
pub(crate) fn script(path: &Path, lines: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\n{lines}\n"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}
