//! The calls that the functions and the operators made: each must be in the list that the policies are judged by.

use std::path::PathBuf;
use std::sync::Mutex;

use cvm_local::workspace::Workspace;
use cvm_privileges::recording;
use cvm_privileges::recording::Calls;
use cvm_privileges::recording::Names;

use crate::lab::Lab;

/// What was called so far, in all labs.
static MADE: Mutex<Calls> = Mutex::new(Calls::new());

/// Takes down what was called in this lab; to be asked before it ends.
pub(crate) async fn take_down(lab: &Lab) {
    let resources = lab.site.resources().await.unwrap();
    let names = Names::new(resources)
        .with_user("operator", "OperatorPolicy")
        .with_user("factory", "FactoryPolicy");
    let calls = names.read(&lab.site.emulator.calls());
    MADE.lock().unwrap().extend(calls);
}

/// What is wrong with the calls that were made. They are kept for `cargo privileges`.
pub(crate) async fn news() -> Vec<String> {
    let made = MADE.lock().unwrap().clone();
    std::fs::write(path().await, recording::text(&made)).unwrap();
    recording::failures(&made)
}

async fn path() -> PathBuf {
    let workspace = Workspace::find().await.unwrap();
    workspace.cache().unwrap().join("calls-e2e.ndjson")
}
