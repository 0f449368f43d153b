//! The real cvmctl, built by cargo and run as an operator of the lab would.

use std::path::PathBuf;
use std::process::Stdio;

use cvm_local::functions;
use cvm_local::sdk;
use cvm_local::site::STACK;
use cvm_local::workspace::Workspace;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::lab::Lab;

/// How it ended, and what it said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs it to its end.
pub(crate) async fn cvmctl(lab: &Lab, args: &[&str]) -> Answer {
    answer(command(lab, args).await.output().await.unwrap())
}

/// Runs it, and presses Ctrl-C at that moment.
pub(crate) async fn interrupted(lab: &Lab, args: &[&str], at: impl Future<Output = ()>) -> Answer {
    let child = command(lab, args).await.spawn().unwrap();
    let pid = child.id().unwrap().to_string();
    let press = async {
        at.await;
        let kill = Command::new("kill").args(["-INT", &pid]).status().await;
        assert!(kill.unwrap().success(), "it had ended before");
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), press);
    answer(output.unwrap())
}

async fn command(lab: &Lab, args: &[&str]) -> Command {
    let (key_id, secret) = sdk::ROOT;
    let mut command = Command::new(binary().await);
    command
        .args(args)
        .env_clear()
        .env("AWS_ENDPOINT_URL", lab.site.emulator.endpoint())
        .env("AWS_REGION", sdk::REGION)
        .env("AWS_ACCESS_KEY_ID", key_id)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("CVM_STACK", STACK)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn answer(output: std::process::Output) -> Answer {
    Answer {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The binary; cargo alone knows where it puts it.
async fn binary() -> &'static PathBuf {
    static BINARY: OnceCell<PathBuf> = OnceCell::const_new();
    BINARY.get_or_init(build).await
}

async fn build() -> PathBuf {
    let workspace = Workspace::find().await.unwrap();
    functions::cvmctl(&workspace).await.unwrap()
}
