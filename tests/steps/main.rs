//! Every call of whole lives, failed, repeated, throttled and killed in turn, on the fakes and on MariaDB.
//!
//! The calls are taken from a recording of a life without faults, so a new call is covered by
//! itself: the door's, the worker's and the janitor's. After each fault the device asks again, the
//! queue delivers again and the janitor goes round again, as they do; then the device has exactly one
//! certificate, it is the one in its row, and nothing is lost or left behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod fakes;
mod lives;
mod mariadb;
mod matrix;

use std::time::Duration;

use cvm_maria::ground::Ground;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::BundleKey;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::sample::Lean;
use cvm_testkit::site::Site;
use lives::Life;
use lives::accepted;
use lives::fetched;

#[tokio::test]
async fn a_bundle_lost_before_the_resume_is_made_anew_and_its_certificate_is_gone() {
    let activate = position_of("issuer.activate", Life::Csr).await;
    let site = lives::site(&Ground::Memory, Faults::at(activate, Fault::KillBefore)).await;
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
    let site = lives::site(&Ground::Memory, Faults::at(attach, Fault::KillBefore)).await;
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
    let quiet = lives::site(&Ground::Memory, Faults::default()).await;
    life.live(&quiet).await;
    let calls = quiet.faults.calls();
    calls.iter().position(|call| *call == name).unwrap()
}

/// Another sweep changes nothing: the first one has done all there was to do.
#[tokio::test]
async fn a_sweep_after_a_sweep_finds_nothing_to_do() {
    let site = lives::site(&Ground::Memory, Faults::default()).await;
    Life::Replaced.live(&site).await;
    site.world.clock.advance(Duration::from_hours(3));
    let summary = site.sweep().await.unwrap();
    let did = (summary.resent, summary.abandoned, summary.expired);
    assert_eq!(did, (0, 0, 0));
    let gone = (summary.deactivated, summary.removed, summary.orphans);
    assert_eq!(gone, (0, 0, 0));
    assert!(summary.complete);
}

/// The calls to AWS IoT of one device, served.
async fn issuing_calls(lean: Lean) -> Vec<&'static str> {
    let site = lives::site(&Ground::Memory, Faults::default()).await;
    Life::Lean(lean).live(&site).await;
    assert_eq!(site.world.issuer.created(), 1, "{lean:?}");
    let calls = site.faults.calls().into_iter();
    let wanted = ["issuer.ensure_thing", "issuer.attach"];
    calls.filter(|call| wanted.contains(call)).collect()
}

/// A row that says so wrongly costs another run, and no other certificate.
#[tokio::test]
async fn a_thing_is_ensured_unless_its_row_says_that_it_is_there() {
    let (ensure, attach) = ("issuer.ensure_thing", "issuer.attach");
    for (lean, expected) in [
        (Lean::No, vec![ensure, attach]),
        (Lean::Group, vec![ensure, attach]),
        (Lean::Thing, vec![attach]),
        (Lean::Both, vec![attach]),
        (Lean::Operators, vec![attach]),
        (Lean::NoThing, vec![attach, ensure, attach]),
        (Lean::NeitherOfBoth, vec![attach, ensure, attach]),
    ] {
        assert_eq!(issuing_calls(lean).await, expected, "{lean:?}");
    }
}

/// The worker does not know the group: a Thing that it made would be in none, and its certificate good for nothing.
#[tokio::test]
async fn a_missing_thing_in_a_group_that_only_the_operator_knows_fails_visibly_and_asking_again_helps()
 {
    let site = lives::site(&Ground::Memory, Faults::default()).await;
    let serial = sample::serial("SN-1");
    let mut device = site.world.registry.row(&serial).unwrap();
    Lean::Operators.bind(&mut device);
    site.world.registry.put(device);
    let csr = sample::csr_pem();
    // The second time, there is a certificate to adopt, whose Thing may not be made either.
    for _ in 0..2 {
        accepted(&site, Some(&csr)).await;
        site.settle(60).await;
        let row = site.world.registry.row(&serial).unwrap();
        assert_eq!(row.state.failure(), Some(FailureCode::ThingConfigMissing));
    }
    assert_eq!(site.world.issuer.active(), 0);
    assert!(!site.faults.calls().contains(&"issuer.ensure_thing"));
    site.world.issuer.add_thing("SN-1");
    let id = accepted(&site, Some(&csr)).await;
    site.settle(60).await;
    fetched(&site, &id).await;
    assert_eq!(
        (site.world.issuer.created(), site.world.issuer.active()),
        (1, 1)
    );
}
