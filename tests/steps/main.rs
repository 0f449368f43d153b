//! Every call of a whole life, failed, repeated, throttled and killed in turn.
//!
//! The calls are taken from a recording of a life without faults, so a new call is covered by
//! itself. After each fault the device asks again and the queue delivers again, as they do; then
//! the device has exactly one certificate, it is the one in its row, and nothing is lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../site/mod.rs"]
#[allow(dead_code, reason = "each suite uses its part of the site")]
mod site;

use std::time::Duration;

use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::ids::BundleKey;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use http::StatusCode;
use site::Site;
use site::confirmation;
use site::poll;
use site::submission;
use site::view;

/// Who makes the key in a life.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Csr,
    Keys,
}

#[tokio::test]
async fn every_fault_at_every_call_in_csr_mode() {
    matrix(Mode::Csr).await;
}

#[tokio::test]
async fn every_fault_at_every_call_in_keys_mode() {
    matrix(Mode::Keys).await;
}

async fn matrix(mode: Mode) {
    let quiet = Site::new(Faults::default());
    live(&quiet, mode).await;
    let calls = quiet.faults.calls();
    assert_eq!(
        quiet.world.issuer.created(),
        1,
        "a life without faults makes one certificate"
    );
    assert!(calls.len() >= 12, "{calls:?}");
    for (number, name) in calls.iter().enumerate() {
        for fault in Fault::ALL {
            let site = Site::new(Faults::at(number, fault));
            live(&site, mode).await;
            check(
                &site,
                &format!("{mode:?}: {fault:?} at call {number} ({name})"),
            );
        }
    }
}

/// From the first submission to the confirmation, with a device that asks again until it is served.
async fn live(site: &Site, mode: Mode) {
    let csr = match mode {
        Mode::Csr => Some(sample::csr_pem()),
        Mode::Keys => None,
    };
    let id = accepted(site, csr.as_deref()).await;
    site.settle(30).await;
    let bundle = fetched(site, &id).await;
    assert_eq!(bundle.private_key.is_some(), csr.is_none());
    for _ in 0..5 {
        let answer = site.ask(confirmation(&id)).await;
        if answer.is_some_and(|answer| answer.status == StatusCode::NO_CONTENT) {
            return;
        }
        site.world.clock.advance(Duration::from_secs(5));
    }
    panic!("never confirmed");
}

async fn accepted(site: &Site, csr: Option<&str>) -> String {
    for _ in 0..5 {
        let answer = site.ask(submission("SN-1", sample::TOKEN, csr)).await;
        let accepted = answer.filter(|answer| answer.status.is_success());
        if let Some(answer) = accepted {
            return view(&answer).request_id.to_string();
        }
        site.world.clock.advance(Duration::from_secs(5));
    }
    panic!("never accepted");
}

async fn fetched(site: &Site, id: &str) -> Bundle {
    for _ in 0..5 {
        let answer = site.ask(poll(id)).await;
        if answer.is_some_and(|answer| answer.status == StatusCode::OK) {
            let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
            let staged = &row.state.issued().unwrap().bundle;
            let bytes = site.world.vault.open(&staged.key).unwrap();
            assert_eq!(digest(&bytes), staged.sha256);
            return Bundle::decode(&bytes).unwrap();
        }
        site.world.clock.advance(Duration::from_secs(5));
    }
    panic!("never ready");
}

/// What must hold after every life, whatever struck it.
fn check(site: &Site, what: &str) {
    let world = &site.world;
    let row = world.registry.row(&sample::serial("SN-1")).unwrap();
    let State::Vended {
        issued,
        confirmed_at: Some(_),
        ..
    } = &row.state
    else {
        panic!("{what}: {:?}", row.state);
    };
    assert_eq!(world.issuer.most_active_of_a_thing(), 1, "{what}");
    for (id, known) in world.issuer.certificates() {
        let ours = id == issued.certificate_id;
        assert_eq!(
            known.active, ours,
            "{what}: only the recorded one is active"
        );
        assert_eq!(
            known.things.contains("SN-1"),
            ours,
            "{what}: orphans are bound to nothing"
        );
    }
    assert_eq!(
        world.vault.open(&issued.bundle.key),
        None,
        "{what}: shredded"
    );
    assert_eq!(world.queue.dead_letters(), [], "{what}");
    assert!(world.queue.is_empty(), "{what}");
    assert!(
        world.issuer.created() <= 2,
        "{what}: at most one spare certificate"
    );
}

#[tokio::test]
async fn a_bundle_lost_before_the_resume_is_made_anew_and_its_certificate_is_gone() {
    let site = Site::new(Faults::default());
    let activate = calls_of_a_life(Mode::Csr).await.position("issuer.activate");
    let site = Site {
        faults: Faults::at(activate, Fault::KillBefore),
        ..site
    };
    let id = accepted(&site, Some(&sample::csr_pem())).await;
    site.work().await;
    let key = committed(&site);
    site.world.vault.lose(&key);
    site.settle(30).await;
    fetched(&site, &id).await;
    assert_eq!(site.world.issuer.created(), 2);
    assert_eq!(
        site.world.issuer.certificates().len(),
        1,
        "the first one was retired"
    );
    assert_eq!(site.world.issuer.active(), 1);
}

#[tokio::test]
async fn a_certificate_lost_before_it_was_bound_is_made_anew() {
    let attach = calls_of_a_life(Mode::Keys).await.position("issuer.attach");
    let site = Site::new(Faults::at(attach, Fault::KillBefore));
    let id = accepted(&site, None).await;
    site.work().await;
    let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    site.world
        .issuer
        .lose(&row.state.issued().unwrap().certificate_id);
    site.settle(30).await;
    fetched(&site, &id).await;
    assert_eq!(site.world.issuer.active(), 1);
}

fn committed(site: &Site) -> BundleKey {
    let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    row.state.issued().unwrap().bundle.key.clone()
}

struct Calls(Vec<&'static str>);

impl Calls {
    fn position(&self, name: &str) -> usize {
        self.0.iter().position(|call| *call == name).unwrap()
    }
}

async fn calls_of_a_life(mode: Mode) -> Calls {
    let quiet = Site::new(Faults::default());
    live(&quiet, mode).await;
    Calls(quiet.faults.calls())
}
