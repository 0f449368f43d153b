//! Every call of whole lives, failed, repeated, throttled and killed in turn.
//!
//! The calls are taken from a recording of a life without faults, so a new call is covered by
//! itself: the door's, the worker's and the janitor's. After each fault the device asks again, the
//! queue delivers again and the janitor goes round again, as they do; then the device has exactly one
//! certificate, it is the one in its row, and nothing is lost or left behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod lives;

use std::time::Duration;

use cvm_shared::ids::BundleKey;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use lives::Life;
use lives::accepted;
use lives::fetched;

#[tokio::test]
async fn every_fault_at_every_call_in_csr_mode() {
    matrix(Life::Csr, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_in_keys_mode() {
    matrix(Life::Keys, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_a_replacement() {
    matrix(Life::Replaced, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_a_redelivery_after_the_bundle_expired() {
    matrix(Life::Expired, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_reset() {
    matrix(Life::Reset, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_certificate_was_kept() {
    matrix(Life::Kept, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_the_order_was_lost() {
    matrix(Life::LostOrder, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_failure_that_was_mended() {
    matrix(Life::Mended, 1).await;
}

/// Strikes each call of the life with each fault; `certificates` is how many a life without faults
/// has created.
async fn matrix(life: Life, certificates: u64) {
    let quiet = lives::site(Faults::default()).await;
    life.live(&quiet).await;
    let calls = quiet.faults.calls();
    assert_eq!(quiet.world.issuer.created(), certificates, "{life:?}");
    for name in ["registry.load", "queue.send", "vault.stage", "backlog.mark"] {
        assert!(calls.contains(&name), "{life:?} makes no {name}");
    }
    for (number, name) in calls.iter().enumerate() {
        for fault in Fault::ALL {
            let site = lives::site(Faults::at(number, fault)).await;
            life.live(&site).await;
            let what = format!("{life:?}: {fault:?} at call {number} ({name})");
            check(&site, life, certificates, &what);
        }
    }
    println!(
        "{life:?}: {} calls x {} faults",
        calls.len(),
        Fault::ALL.len()
    );
}

/// What must hold after every life, whatever struck it.
fn check(site: &Site, life: Life, certificates: u64, what: &str) {
    let world = &site.world;
    let row = world.registry.row(&sample::serial("SN-1")).unwrap();
    let State::Vended {
        issued,
        delivery: Delivery::Confirmed { .. },
        ..
    } = &row.state
    else {
        panic!("{what}: {:?}", row.state);
    };
    assert_eq!(row.superseded, [], "{what}");
    // Two of one device only in the grace of a replacement.
    let most = if life == Life::Replaced { 2 } else { 1 };
    assert!(world.issuer.most_active_of_a_thing() <= most, "{what}");
    let left = world.issuer.certificates();
    assert_eq!(left.len(), 1, "{what}: orphans are swept");
    let known = &left[&issued.certificate_id];
    assert!(known.active && known.things.contains("SN-1"), "{what}");
    let bundle = world.vault.open(&issued.bundle.key);
    assert_eq!(bundle, None, "{what}: it is shredded");
    // One that was staged and never committed is unknown to all; the bucket's lifecycle takes it.
    assert!(world.vault.len() <= 1, "{what}");
    let letters = world.queue.dead_letters();
    assert_eq!(letters.is_empty(), !life.has_dead_letters(), "{what}");
    assert!(world.queue.is_empty(), "{what}");
    assert!(
        world.issuer.created() <= certificates + 1,
        "{what}: at most one spare certificate"
    );
}

#[tokio::test]
async fn a_bundle_lost_before_the_resume_is_made_anew_and_its_certificate_is_gone() {
    let activate = position_of("issuer.activate", Life::Csr).await;
    let site = lives::site(Faults::at(activate, Fault::KillBefore)).await;
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
    let attach = position_of("issuer.attach", Life::Keys).await;
    let site = lives::site(Faults::at(attach, Fault::KillBefore)).await;
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

async fn position_of(name: &str, life: Life) -> usize {
    let quiet = lives::site(Faults::default()).await;
    life.live(&quiet).await;
    let calls = quiet.faults.calls();
    calls.iter().position(|call| *call == name).unwrap()
}

/// Another sweep changes nothing: the first one has done all there was to do.
#[tokio::test]
async fn a_sweep_after_a_sweep_finds_nothing_to_do() {
    let site = lives::site(Faults::default()).await;
    Life::Replaced.live(&site).await;
    site.world.clock.advance(Duration::from_hours(3));
    let summary = site.sweep().await.unwrap();
    let did = (summary.resent, summary.abandoned, summary.expired);
    assert_eq!(did, (0, 0, 0));
    let gone = (summary.deactivated, summary.removed, summary.orphans);
    assert_eq!(gone, (0, 0, 0));
    assert!(summary.complete);
}
