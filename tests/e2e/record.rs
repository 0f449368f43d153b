//! The calls that the functions and the operators made: each must be in the list that the policies are judged by.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use cvm_local::workspace::Workspace;
use cvm_privileges::recording;
use cvm_privileges::recording::Calls;
use cvm_privileges::recording::Names;

use crate::lab::Lab;

/// What was called so far, in all labs.
static MADE: Mutex<Calls> = Mutex::new(Calls::new());

/// To be told before the stack is deleted: its names go with it, and its roles, under calls that are still on their way.
pub(crate) async fn before_deletion(lab: &Lab) {
    lab.deleted.store(true, Ordering::Relaxed);
    learn_names(lab).await;
}

async fn learn_names(lab: &Lab) {
    // One that was never there has none.
    let resources = lab.site.resources().await.unwrap_or_default();
    lab.resources.lock().unwrap().extend(resources);
}

/// Takes down what was called in this lab; to be asked before it ends.
pub(crate) async fn take_down(lab: &Lab) {
    learn_names(lab).await;
    let names = Names::new(lab.resources.lock().unwrap().clone())
        .with_user("operator", "OperatorPolicy")
        .with_user("factory", "FactoryPolicy");
    let mut calls = names.read(&lab.site.emulator.calls());
    let was_deleted = lab.deleted.load(Ordering::Relaxed);
    calls.retain(|call| !(call.denied && was_deleted));
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
