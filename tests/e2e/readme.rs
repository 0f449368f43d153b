//! What the README has a device's maker type by hand: the calls are run as they stand there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvm_local::workspace::Workspace;
use cvm_testkit::sample;
use serde_json::Value;
use tokio::process::Command;

use crate::lab::Lab;
use crate::lab::until;

/// The device that the page speaks of.
const DEVICE: &str = "SN-0001";

/// Whether the tools are there that the page calls; nothing else here needs them.
pub(crate) fn has_tools() -> bool {
    let there = |tool: &&str| {
        let mut asked = std::process::Command::new(tool);
        let asked = asked.arg("--version").output();
        asked.is_ok_and(|output| output.status.success())
    };
    ["bash", "curl", "jq"].iter().all(there)
        && std::process::Command::new("openssl")
            .arg("version")
            .output()
            .is_ok()
}

/// The block of the page that begins with these words.
async fn block(begin: &str) -> String {
    let root = Workspace::find().await.unwrap().root().to_owned();
    let page = std::fs::read_to_string(root.join("README.md")).unwrap();
    let mut blocks = page.split("```sh\n").skip(1);
    let found = blocks.find(|text| text.starts_with(begin));
    let (text, _) = found
        .expect("the page has the block")
        .split_once("```")
        .unwrap();
    text.to_owned()
}

async fn runs(lab: &Lab, home: &Path, script: &str, request: &str) -> Value {
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(home);
    shell.env("API_URL", &lab.site.outputs.api);
    shell
        .env("SECRET", sample::TOKEN)
        .env("REQUEST_ID", request);
    let output = shell.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

pub(crate) async fn the_calls_by_hand_lead_to_a_certificate(lab: Arc<Lab>) {
    lab.put(&lab.device(DEVICE)).await;
    let home = tempfile::tempdir().unwrap();
    let block = block("openssl ecparam").await;
    let (ask, poll) = block.trim_end().rsplit_once('\n').unwrap();
    let asked = runs(&lab, home.path(), ask, "").await;
    let request = asked["requestId"]
        .as_str()
        .unwrap_or_else(|| panic!("{asked}"));
    let ready = until(Duration::from_mins(1), async || {
        let polled = runs(&lab, home.path(), poll, request).await;
        assert_eq!(polled["requestId"], request, "{polled}");
        polled["certificateId"].is_string().then_some(polled)
    });
    let ready = ready.await.expect("it is ready in time");
    lab.assert_one_certificate(DEVICE).await;
    let url = ready["bundle"]["url"].as_str().unwrap();
    let bundle = lab
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let bundle: Value = serde_json::from_slice(&bundle.bytes().await.unwrap()).unwrap();
    assert_eq!(bundle["certificateId"], ready["certificateId"]);
}
