//! The real cvmctl, built by cargo and run as an operator of the lab would.

use std::path::PathBuf;
use std::process::Stdio;

use cvm_local::functions;
use cvm_local::functions::Profile;
use cvm_local::iot::iam;
use cvm_local::sdk;
use cvm_local::site::STACK;
use cvm_local::workspace::Workspace;
use cvm_privileges::recording::REFUSED;
use serde_json::Value;
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

impl Answer {
    /// The objects that it printed, one a line.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The object with this value.
    pub(crate) fn object(&self, name: &str, value: &str) -> Value {
        let objects = self.objects();
        let found = objects.into_iter().find(|object| object[name] == value);
        found.unwrap_or_else(|| panic!("no {value} in {self:?}"))
    }

    /// What a replay or a drop counted.
    pub(crate) fn summary(&self) -> Value {
        self.objects().pop().unwrap()["summary"].clone()
    }
}

/// An access key.
#[derive(Debug)]
pub(crate) struct Key {
    id: String,
    secret: String,
}

/// An access key of a fresh user that has the operators' policy.
pub(crate) async fn operator_key(lab: &Lab) -> Key {
    key(lab, "operator", &[&lab.site.outputs.operator_policy_arn]).await
}

/// An access key of a fresh user at a station that may not fetch bundles: its name says that its calls are no record.
pub(crate) async fn station_key(lab: &Lab) -> Key {
    key(lab, REFUSED, &[&lab.site.outputs.operator_policy_arn]).await
}

/// An access key of a user that has the operators' policy and the factories'.
async fn factory_key(lab: &Lab) -> &Key {
    let outputs = &lab.site.outputs;
    let policies = [&*outputs.operator_policy_arn, &*outputs.factory_policy_arn];
    let made = lab.factory.get_or_init(|| key(lab, "factory", &policies));
    made.await
}

/// An access key of a fresh user that has these policies.
async fn key(lab: &Lab, user: &str, policies: &[&str]) -> Key {
    let ask = async |query: String| iam(lab.site.emulator.endpoint(), &query).await.unwrap();
    ask(format!("Action=CreateUser&UserName={user}")).await;
    for arn in policies {
        let arn = arn.replace(':', "%3A").replace('/', "%2F");
        let query = format!("Action=AttachUserPolicy&UserName={user}&PolicyArn={arn}");
        ask(query).await;
    }
    let key = ask(format!("Action=CreateAccessKey&UserName={user}")).await;
    let within = |name: &str| {
        let (_, rest) = key.split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    Key {
        id: within("AccessKeyId"),
        secret: within("SecretAccessKey"),
    }
}

/// Runs it to its end, with a factory's rights.
pub(crate) async fn cvmctl(lab: &Lab, args: &[&str]) -> Answer {
    let key = factory_key(lab).await;
    answer(command(lab, key, args).await.output().await.unwrap())
}

/// Runs it to its end, with this key.
pub(crate) async fn cvmctl_as(lab: &Lab, key: &Key, args: &[&str]) -> Answer {
    answer(command(lab, key, args).await.output().await.unwrap())
}

/// Runs it, and presses Ctrl-C at that moment.
pub(crate) async fn interrupted(lab: &Lab, args: &[&str], at: impl Future<Output = ()>) -> Answer {
    let key = factory_key(lab).await;
    let child = command(lab, key, args).await.spawn().unwrap();
    let pid = child.id().unwrap().to_string();
    let press = async {
        at.await;
        let kill = Command::new("kill").args(["-INT", &pid]).status().await;
        assert!(kill.unwrap().success(), "it had ended before");
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), press);
    answer(output.unwrap())
}

async fn command(lab: &Lab, key: &Key, args: &[&str]) -> Command {
    let mut command = Command::new(binary().await);
    command
        .args(args)
        .env_clear()
        .env("AWS_ENDPOINT_URL", lab.site.emulator.endpoint())
        .env("AWS_REGION", sdk::REGION)
        .env("AWS_ACCESS_KEY_ID", &key.id)
        .env("AWS_SECRET_ACCESS_KEY", &key.secret)
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
    functions::cvmctl(&workspace, Profile::Dev).await.unwrap()
}
