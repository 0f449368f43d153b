//! What a certificate takes in calls, held against what is promised: the real functions, and the command around them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use std::process::Command;

use cvm_local::functions::Profile;
use cvm_measure::calls;
use cvm_measure::device::Way;
use cvm_measure::latency;
use cvm_measure::parts::Parts;
use cvm_measure::rig::Rig;
use cvm_measure::rig::Wire;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_takes_no_more_calls_than_promised() {
    let parts = Parts::build(Profile::Dev).await.unwrap();
    let report = Box::pin(calls::measure(&parts.functions)).await.unwrap();
    assert!(report.is_good(), "{}", report.verdict());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_takes_no_more_rounds_than_promised() {
    let parts = Parts::build(Profile::Dev).await.unwrap();
    let measured = Box::pin(latency::rounds(&parts.functions, Way::ALL[0])).await;
    let report = measured.unwrap();
    assert!(report.is_good(), "{}", report.verdict());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_open_before_the_first_event() {
    let parts = Parts::build(Profile::Dev).await.unwrap();
    let rig = Rig::start(&parts.functions, Wire::Plain).await.unwrap();
    rig.ingest.warm().await.unwrap();
    let asked = rig.calls().unwrap();
    assert_eq!(asked.of(&["GetItem", "GetQueueAttributes"]), 2, "{asked:?}");
    rig.worker.warm().await.unwrap();
    let asked = rig.calls().unwrap();
    assert_eq!(asked.of(&["DescribeEndpoint"]), 1, "{asked:?}");
}

#[test]
fn a_door_that_is_not_there_is_named() {
    let mut measure = Command::new(env!("CARGO_BIN_EXE_measure"));
    measure.args(["latency", "--against", "http://127.0.0.1:1"]);
    let ended = measure.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        said.starts_with("measure: the door: ") && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn only_latency_asks_elsewhere() {
    let mut measure = Command::new(env!("CARGO_BIN_EXE_measure"));
    measure.args(["cpu", "--against", "http://127.0.0.1:1"]);
    let ended = measure.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(said.contains("--against"), "{said}");
}
