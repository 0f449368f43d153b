//! Whatever happens is counted once, and nothing else is: one story, for a process keeps its metrics once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use cvm_aws::meters::Meters;
use cvm_shared::record::Record;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::poll;
use cvm_testkit::site::submission;
use cvm_worker::rates::Api;
use cvm_worker::tally::throttled;
use serde_json::Value;
use serde_json::json;
use tracing::Level;

/// What was told since the last time, without the envelope.
fn told(meters: Meters) -> BTreeMap<String, Value> {
    let mut page = Vec::new();
    meters.tell_to(&mut page);
    let text = String::from_utf8(page).unwrap();
    let told: Option<BTreeMap<String, Value>> = text
        .lines()
        .next()
        .map(|line| serde_json::from_str(line).unwrap());
    assert!(text.lines().count() <= 1, "{text}");
    let told = told.into_iter().flatten();
    told.filter(|(name, _)| name != "_aws").collect()
}

fn only(pairs: &[(&str, Value)]) -> BTreeMap<String, Value> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn put(site: &Site, serial: &str, change: impl FnOnce(&mut Record)) {
    let mut device = sample::device(serial);
    change(&mut device);
    site.world.registry.put(device);
}

async fn submit(site: &Site, serial: &str, token: &str) -> u16 {
    let csr = sample::csr_pem_of(serial);
    let answer = site.ask(submission(serial, token, Some(&csr))).await;
    answer.unwrap().status.as_u16()
}

fn with(site: &Site, faults: Faults) -> Site {
    Site {
        faults,
        ..site.clone()
    }
}

#[tokio::test]
async fn what_happens_is_counted_once() {
    let meters = Meters::start("stack".to_owned(), Level::INFO).unwrap();
    let site = Site::new(Faults::default());
    the_door_counts(&site, meters).await;
    the_worker_counts(&site, meters).await;
    throttles_are_counted_by_api(meters);
}

async fn the_door_counts(site: &Site, meters: Meters) {
    let csr = sample::csr_pem();
    for (expected, again) in [("Accepted", false), ("Repeated", true)] {
        let answer = site.ask(submission("SN-1", sample::TOKEN, Some(&csr)));
        assert_eq!(answer.await.unwrap().status, 202);
        assert_eq!(
            told(meters),
            only(&[(expected, json!(1))]),
            "again: {again}"
        );
    }
    site.ask(poll("0")).await;
    assert_eq!(told(meters), only(&[]), "a poll is not counted");
    assert_eq!(submit(site, "SN-1", &"z".repeat(40)).await, 401);
    assert_eq!(submit(site, "nobody", sample::TOKEN).await, 401);
    assert_eq!(told(meters), only(&[("Unauthorized", json!(2))]));
    let busy = with(site, Faults::first("registry.load", 1, Fault::Throttle));
    assert_eq!(submit(&busy, "SN-1", sample::TOKEN).await, 503);
    assert_eq!(told(meters), only(&[("ServerErrors", json!(1))]));
    let mut statuses = Vec::new();
    let door = site.door();
    for _ in 0..70 {
        let answer = door.answer(Ok(submission("SN-1", sample::TOKEN, Some(&csr))));
        statuses.push(answer.await.status.as_u16());
    }
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused > 0);
    assert_eq!(told(meters)["TooManyRequests"], json!(refused));
}

async fn the_worker_counts(site: &Site, meters: Meters) {
    site.world.clock.advance(Duration::from_secs(9));
    let busy = with(site, Faults::first("registry.load", 1, Fault::Throttle));
    busy.work().await;
    assert_eq!(told(meters), only(&[("PutBack", json!(1))]));
    site.world.clock.advance(Duration::from_secs(291));
    site.work().await;
    let issued = told(meters);
    assert_eq!(issued["Issued"], json!(1));
    assert_eq!(issued["WaitSeconds"], json!([300.0]));
    assert_eq!(issued["IssueSeconds"].as_array().unwrap().len(), 1);
    assert_eq!(issued.len(), 3, "{issued:?}");
    let policy = sample::policy("no-such-policy");
    put(site, "SN-2", |device| device.binding.policy = policy);
    assert_eq!(submit(site, "SN-2", sample::TOKEN).await, 202);
    told(meters);
    site.work().await;
    let failed = [("Failed", json!(1)), ("NotActivated", json!(1))];
    assert_eq!(told(meters), only(&failed));
    site.world.queue.push("poison", Duration::ZERO);
    site.work().await;
    assert_eq!(told(meters), only(&[("Failed", json!(1))]));
}

fn throttles_are_counted_by_api(meters: Meters) {
    assert_eq!(throttled(&[]), None);
    assert_eq!(told(meters), only(&[]));
    let note = throttled(&[(Api::CreateFromCsr, 2), (Api::AttachPolicy, 1)]);
    let expected = json!({ "CreateFromCsr": 2, "AttachPolicy": 1 });
    assert_eq!(note, Some(expected));
    assert_eq!(told(meters), only(&[("IotThrottles", json!(3))]));
}
