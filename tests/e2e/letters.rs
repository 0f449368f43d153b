//! Dead letters that come late: after the device has all it wants, after its bundle was lost, beside poison.

use std::collections::BTreeSet;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::install::KeyMode;
use cvm_device::vend::vend;
use cvm_local::iot::call;
use cvm_local::watch::queue_depth;
use cvm_shared::ports::Clock as _;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::sample;
use reqwest::Method;
use serde_json::json;

use crate::dlq::Operator;
use crate::lab::Lab;
use crate::lab::until;
use crate::messages::order;

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn late_letters_do_no_harm(operator: &Operator) {
    letters_of_a_confirmed_device_are_dropped(operator).await;
    a_vended_device_whose_bundle_is_lost_is_served_after_a_reset(operator).await;
    a_failed_device_whose_bundle_is_lost_has_another_certificate(operator).await;
    poison_holds_up_no_neighbour(operator).await;
}

/// The device itself, in keys mode: it asks until it is installed and confirmed.
async fn device_asks(lab: &Lab, serial: &str) {
    let (mut config, _home) = lab.at_device(serial);
    config.key_mode = KeyMode::Keys;
    vend(&config, &|| SystemClock.now(), &|_| ()).await.unwrap();
}

/// Replays what the dead letters hold of this device; all of it is found done already.
async fn is_dropped(operator: &Operator, serial: &str, letters: u64) {
    let replay = ["dlq", "replay", "--serial", serial, "--yes"];
    let dropped = operator.runs(&replay).await;
    let line = dropped.object("productid", serial);
    assert_eq!(line["result"], "dropped: already vended", "{dropped:?}");
    let sum = json!({ "sent": 0, "dropped": letters, "left": 0, "failed": 0 });
    assert_eq!((dropped.code, dropped.summary()), (0, sum), "{dropped:?}");
}

/// Puts an order straight into the work queue, as SQS's own redrive would, and waits until it is done with.
async fn moved_by_sqs(lab: &Lab, body: &str) {
    lab.enqueue(body).await;
    let (sdk, url) = (lab.site.emulator.sdk(), &lab.site.outputs.queue_url);
    let empty = until(2 * PATIENCE, async || {
        (queue_depth(&sdk, url).await.unwrap() == 0).then_some(())
    });
    assert!(empty.await.is_some(), "the copy was never done with");
}

fn certificate(row: &Record) -> String {
    row.state.issued().unwrap().certificate_id.to_string()
}

async fn letters_of_a_confirmed_device_are_dropped(operator: &Operator) {
    let (lab, serial) = (&operator.lab, "E2E-confirmed");
    let device = lab.device(serial);
    lab.put(&device).await;
    device_asks(lab, serial).await;
    let before = lab.row(serial).await;
    let State::Vended { delivery, .. } = &before.state else {
        panic!("{before:?}")
    };
    assert!(matches!(delivery, Delivery::Confirmed { .. }), "{before:?}");
    let body = order(&device, KeySource::Service);
    for _ in 0..2 {
        operator.park(&body, "unavailable").await;
    }
    is_dropped(operator, serial, 2).await;
    moved_by_sqs(lab, &body).await;
    assert_eq!(lab.row(serial).await.state, before.state);
    lab.assert_one_certificate(serial).await;
}

async fn lose_bundle(lab: &Lab, row: &Record) {
    let key = row.state.issued().unwrap().bundle.key.as_str();
    let call = lab.s3.delete_object().bucket(&lab.site.outputs.bucket);
    call.key(key).send().await.unwrap();
}

/// A replay must not make a second certificate of an order that is done. What helps is a reset.
async fn a_vended_device_whose_bundle_is_lost_is_served_after_a_reset(operator: &Operator) {
    let (lab, serial) = (&operator.lab, "E2E-lost");
    let device = lab.device(serial);
    lab.put(&device).await;
    let body = order(&device, KeySource::Service);
    lab.enqueue(&body).await;
    let before = lab.vended(serial, PATIENCE).await;
    lose_bundle(lab, &before).await;
    operator.park(&body, "unavailable").await;
    is_dropped(operator, serial, 1).await;
    moved_by_sqs(lab, &body).await;
    assert_eq!(lab.row(serial).await.state, before.state);
    lab.assert_one_certificate(serial).await;

    let reset = [
        "devices",
        "reset",
        serial,
        "--yes",
        "--reason",
        "bundle lost",
    ];
    let reset = operator.runs(&reset).await;
    assert_eq!(reset.code, 0, "{reset:?}");
    device_asks(lab, serial).await;
    is_replaced(lab, serial, &certificate(&before)).await;
}

/// The committed certificate is of no use without its bundle: it goes before another one is made.
async fn a_failed_device_whose_bundle_is_lost_has_another_certificate(operator: &Operator) {
    let (lab, serial) = (&operator.lab, "E2E-failed-lost");
    let mut device = lab.device(serial);
    device.binding.policy = sample::policy("made-after-the-loss");
    lab.put(&device).await;
    let body = order(&device, KeySource::Service);
    lab.enqueue(&body).await;
    lab.dead_letter(&body).await;
    let failed = lab.row(serial).await;
    lose_bundle(lab, &failed).await;
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" }
    ] });
    let policy = json!({ "policyDocument": document.to_string() });
    let name = device.binding.policy.name().unwrap();
    let path = format!("/policies/{name}");
    let endpoint = lab.site.emulator.endpoint();
    call(endpoint, Method::POST, &path, &policy).await.unwrap();

    let replay = ["dlq", "replay", "--serial", serial, "--yes"];
    let sent = operator.runs(&replay).await;
    assert_eq!(
        (sent.code, &sent.summary()["sent"]),
        (0, &json!(1)),
        "{sent:?}"
    );
    lab.vended(serial, PATIENCE).await;
    is_replaced(lab, serial, &certificate(&failed)).await;
    device_asks(lab, serial).await;
}

/// One certificate, another than the old one, which is gone.
async fn is_replaced(lab: &Lab, serial: &str, old: &str) {
    lab.assert_one_certificate(serial).await;
    let now = certificate(&lab.row(serial).await);
    assert_ne!(now, old);
    assert_eq!(lab.attached(serial).await, BTreeSet::from([now]));
    let path = format!("/certificates/{old}");
    let asked = call(
        lab.site.emulator.endpoint(),
        Method::GET,
        &path,
        &json!(null),
    )
    .await;
    let gone = asked.expect_err("the old certificate is still there");
    assert!(gone.to_string().contains("404"), "{gone}");
}

/// What no version can read is left where it is, told without its text, and thrown away on demand alone.
async fn poison_holds_up_no_neighbour(operator: &Operator) {
    const MARK: &str = "marked-text-of-a-letter";
    let (lab, serial) = (&operator.lab, "E2E-beside-poison");
    let device = lab.device(serial);
    lab.put(&device).await;
    let body = order(&device, KeySource::Service);
    let poison = [
        MARK.to_owned(),
        format!("{{\"v\":99,\"serialNumber\":\"{MARK}\"}}"),
        format!("{body}{MARK}"),
        body.replacen("\"v\":1", "\"v\":2", 1),
        format!("{MARK}\u{202e}<script>\u{1f469}").repeat(2_000),
    ];
    let already = letters(operator).await;
    for text in &poison {
        assert_ne!(*text, body);
        operator.park(text, "unreadable").await;
    }
    operator.park(&body, "unavailable").await;
    let replayed = operator.runs(&["dlq", "replay", "--all", "--yes"]).await;
    assert_eq!(replayed.code, 1, "{replayed:?}");
    assert!(!format!("{replayed:?}").contains(MARK), "{replayed:?}");
    let left = already + poison.len() as u64;
    let sum = json!({ "sent": 1, "dropped": 0, "left": left, "failed": 0 });
    assert_eq!(replayed.summary(), sum, "{replayed:?}");
    lab.vended(serial, PATIENCE).await;
    lab.assert_one_certificate(serial).await;
    assert_eq!(letters(operator).await, left);
    let drop = [
        "dlq",
        "drop",
        "--code",
        "unreadable",
        "--yes",
        "--reason",
        "poison",
    ];
    let dropped = operator.runs(&drop).await;
    assert_eq!(
        (dropped.code, &dropped.summary()["dropped"]),
        (0, &json!(left))
    );
    assert!(!format!("{dropped:?}").contains(MARK), "{dropped:?}");
    assert_eq!(letters(operator).await, 0);
}

/// How many dead letters there are.
async fn letters(operator: &Operator) -> u64 {
    let reasons = operator.reasons().await;
    reasons.iter().map(|(_, count)| count).sum()
}
