//! Messages that come twice, are poison, or come back from the dead letters.

use std::sync::Arc;
use std::time::Duration;

use cvm_aws::queue::REASON;
use cvm_local::watch::queue_depth;
use cvm_shared::csr::Csr;
use cvm_shared::message::Order;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::State;
use cvm_testkit::sample;

use crate::lab::Lab;
use crate::lab::until;

pub(crate) fn order(device: &Record, key: KeySource) -> String {
    let request = Request::new(&device.serial, device.generation, key);
    let order = Order {
        serial: device.serial.clone(),
        generation: device.generation,
        request,
    };
    order.encode()
}

async fn parked(lab: &Lab, body: &str) -> String {
    let letter = lab.dead_letter(body).await;
    let reason = letter.message_attributes().unwrap()[REASON].string_value();
    reason.unwrap().to_owned()
}

pub(crate) async fn a_message_delivered_twice_changes_nothing(lab: Arc<Lab>) {
    let device = lab.device("E2E-twice");
    lab.put(&device).await;
    let text = order(
        &device,
        KeySource::Device(Csr::parse(&sample::csr_pem()).unwrap()),
    );
    for _ in 0..2 {
        lab.enqueue(&text).await;
    }
    let row = lab.vended("E2E-twice", Duration::from_mins(1)).await;
    for _ in 0..2 {
        lab.enqueue(&text).await;
    }
    let (sdk, url) = (lab.site.emulator.sdk(), &lab.site.outputs.queue_url);
    let empty = until(Duration::from_mins(2), async || {
        (queue_depth(&sdk, url).await.unwrap() == 0).then_some(())
    });
    assert!(empty.await.is_some(), "the copies were never done with");
    assert_eq!(lab.row("E2E-twice").await, row);
    lab.assert_one_certificate("E2E-twice").await;
}

pub(crate) async fn poison_is_parked_with_its_reason(lab: Arc<Lab>) {
    let (device, stranger) = (lab.device("E2E-neighbour"), sample::device("E2E-stranger"));
    lab.put(&device).await;
    let unknown = order(&stranger, KeySource::Service);
    let texts = [
        "poison",
        "{\"v\":99}",
        unknown.as_str(),
        &order(&device, KeySource::Service),
    ];
    for text in texts {
        lab.enqueue(text).await;
    }
    lab.vended("E2E-neighbour", Duration::from_mins(1)).await;
    lab.assert_one_certificate("E2E-neighbour").await;
    for (text, reason) in texts
        .into_iter()
        .zip(["unreadable", "unreadable", "unknown_device"])
    {
        assert_eq!(parked(&lab, text).await, reason);
    }
}

pub(crate) async fn a_dead_letter_is_replayed_once_its_cause_is_mended(lab: Arc<Lab>) {
    let mut device = lab.device("E2E-policy");
    device.binding.policy = sample::policy("no-such-policy");
    lab.put(&device).await;
    let text = order(&device, KeySource::Service);
    lab.enqueue(&text).await;
    assert_eq!(parked(&lab, &text).await, "policy_missing");
    let mut row = lab.row("E2E-policy").await;
    let State::Failed {
        issued: Some(issued),
        ..
    } = row.state.clone()
    else {
        panic!("{row:?}")
    };
    assert!(
        !lab.active().await.contains(issued.certificate_id.as_str()),
        "never bound, never active"
    );
    row.binding.policy = lab.device("E2E-policy").binding.policy;
    lab.put(&row).await;
    lab.enqueue(&text).await;
    let row = lab.vended("E2E-policy", Duration::from_mins(1)).await;
    assert_eq!(
        row.state.issued(),
        Some(&issued),
        "the committed certificate is resumed"
    );
    lab.assert_one_certificate("E2E-policy").await;
    a_second_replay_changes_nothing(&lab, &text, &row).await;
}

async fn a_second_replay_changes_nothing(lab: &Lab, text: &str, row: &Record) {
    lab.enqueue(text).await;
    let (sdk, url) = (lab.site.emulator.sdk(), &lab.site.outputs.queue_url);
    let empty = until(Duration::from_mins(2), async || {
        (queue_depth(&sdk, url).await.unwrap() == 0).then_some(())
    });
    assert!(empty.await.is_some(), "the replay was never done with");
    assert_eq!(lab.row(row.serial.as_str()).await, *row);
}
