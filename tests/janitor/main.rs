//! The janitor's round: what it mends, what it deletes, and above all what it leaves alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::time::Duration;

use cvm_maria::ground::Ground;
use cvm_shared::csr::Csr;
use cvm_shared::event::Event;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Issuer as _;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::state::State;
use cvm_shared::transition::next;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::SWEEP_TERMS;
use cvm_testkit::site::Site;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use cvm_worker::errand::Errand;
use cvm_worker::sweep::Summary;
use cvm_worker::sweep::SweepTerms;

cvm_maria::on_both_grounds! {
    in_a_shared_account_only_what_our_devices_asked_for_is_an_orphan
    in_an_account_of_our_own_everything_unused_goes_and_nothing_else
    what_is_younger_than_an_hour_may_still_be_committed
    a_certificate_that_a_failed_row_still_names_is_kept
    a_report_changes_nothing
    a_report_that_is_asked_for_changes_nothing_and_lifts_no_terms
    a_sweep_costs_what_was_issued_since_the_last_one
    a_suspect_that_could_not_be_judged_is_looked_at_by_the_next_sweep
    a_lost_order_is_sent_again_and_carried_out
    what_is_sent_again_in_vain_fails_visibly
    a_worker_at_work_is_not_disturbed
    a_revoked_devices_certificate_is_deleted
    a_revoked_certificate_may_be_kept
    without_time_it_stops_and_says_so
    a_kept_certificate_that_wakes_up_is_set_inactive_again
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// An account that others use as well.
const SHARED: SweepTerms = SweepTerms {
    account_is_ours: false,
    ..SWEEP_TERMS
};

fn quiet(ground: &Ground) -> Site {
    Site::on(ground.world(), Faults::default())
}

async fn sweep(site: &Site, terms: SweepTerms) -> Summary {
    let mut janitor = site.janitor();
    janitor.terms = terms;
    let deadline = site.world.clock.now().plus(5 * MINUTE);
    let summary = janitor.sweep(deadline).await;
    assert_eq!(summary.failed, 0, "{summary:?}");
    summary
}

fn row(site: &Site) -> Record {
    site.world.registry.row(&sample::serial("SN-1")).unwrap()
}

async fn submit(site: &Site, csr: &str) -> String {
    let answer = site.ask(submission("SN-1", sample::TOKEN, Some(csr))).await;
    view(&answer.unwrap()).request_id.to_string()
}

/// A certificate made from a request that names this device, in no row.
async fn stray(site: &Site, csr_pem: &str) -> CertificateId {
    let csr = Csr::parse(csr_pem).unwrap();
    let made = site.world.issuer.create_from_csr(&csr).await.unwrap();
    made.names.id
}

fn exists(site: &Site, id: &CertificateId) -> bool {
    site.world.issuer.certificates().contains_key(id)
}

async fn in_a_shared_account_only_what_our_devices_asked_for_is_an_orphan(ground: &Ground) {
    let site = quiet(ground);
    let csr = sample::csr_pem();
    submit(&site, &csr).await;
    let orphan = stray(&site, &csr).await;
    let other_key = stray(&site, &sample::csr_pem()).await;
    let unknown = stray(&site, &sample::csr_pem_of("SN-9")).await;
    let keys_mode = site.world.issuer.create_with_keys().await.unwrap().0;
    site.settle(5).await;
    site.world.clock.advance(2 * HOUR);
    let summary = sweep(&site, SHARED).await;
    assert_eq!((summary.orphans, summary.unattributed), (1, 3));
    assert!(!exists(&site, &orphan));
    for left in [&other_key, &unknown, &keys_mode.names.id] {
        assert!(exists(&site, left));
    }
    assert_eq!(site.world.issuer.active(), 1, "the device's own stays");
}

async fn in_an_account_of_our_own_everything_unused_goes_and_nothing_else(ground: &Ground) {
    let site = quiet(ground);
    let unused = site.world.issuer.create_with_keys().await.unwrap().0;
    let attached = site.world.issuer.create_with_keys().await.unwrap().0;
    let active = site.world.issuer.create_with_keys().await.unwrap().0;
    let binding = sample::device("SN-7").binding;
    let issued = sample::issued(&attached.names);
    site.world.issuer.ensure_thing(&binding).await.unwrap();
    site.world.issuer.attach(&issued, &binding).await.unwrap();
    site.world.issuer.activate(&active.names.id).await.unwrap();
    site.world.clock.advance(2 * HOUR);
    let summary = sweep(&site, SWEEP_TERMS).await;
    assert_eq!((summary.orphans, summary.unattributed), (1, 0));
    assert!(!exists(&site, &unused.names.id));
    assert!(exists(&site, &attached.names.id) && exists(&site, &active.names.id));
}

async fn what_is_younger_than_an_hour_may_still_be_committed(ground: &Ground) {
    let site = quiet(ground);
    let young = site.world.issuer.create_with_keys().await.unwrap().0;
    site.world.clock.advance(59 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.orphans, 0);
    site.world.clock.advance(2 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.orphans, 1);
    assert!(!exists(&site, &young.names.id));
}

async fn a_certificate_that_a_failed_row_still_names_is_kept(ground: &Ground) {
    let site = quiet(ground);
    let csr = sample::csr_pem();
    let mut device = sample::device("SN-1");
    device.binding.policy = sample::policy("missing");
    site.world.registry.put(device);
    submit(&site, &csr).await;
    site.settle(5).await;
    let committed = row(&site).state.issued().unwrap().certificate_id.clone();
    site.world.clock.advance(2 * HOUR);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.orphans, 0);
    assert!(exists(&site, &committed));
}

async fn a_report_changes_nothing(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    site.world.queue.receive(10);
    site.world.issuer.create_with_keys().await.unwrap();
    site.world.clock.advance(2 * HOUR);
    let report_only = SweepTerms {
        report_only: true,
        ..SWEEP_TERMS
    };
    let (before, certificates) = (row(&site), site.world.issuer.certificates());
    let report = sweep(&site, report_only).await;
    assert_eq!((report.resent, report.orphans), (1, 1));
    assert_eq!(row(&site), before);
    assert_eq!(site.world.issuer.certificates(), certificates);
    // A real one then does what was reported.
    let done = sweep(&site, SWEEP_TERMS).await;
    assert_eq!((done.resent, done.orphans), (1, 1));
}

/// An operator may have a round do less than the terms allow, never more.
async fn a_report_that_is_asked_for_changes_nothing_and_lifts_no_terms(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    site.world.queue.receive(10);
    site.world.issuer.create_with_keys().await.unwrap();
    site.world.clock.advance(2 * HOUR);
    let (before, certificates) = (row(&site), site.world.issuer.certificates());
    let depth = site.world.queue.len();
    let mut janitor = site.janitor();
    for (configured, asked) in [(false, true), (true, false), (true, true)] {
        janitor.terms.report_only = configured;
        let errand = Errand { report_only: asked };
        let deadline = site.world.clock.now().plus(5 * MINUTE);
        let report = janitor.round(&errand, deadline).await;
        assert!(report.report_only && report.complete, "{report:?}");
        assert_eq!((report.resent, report.orphans), (1, 1), "{report:?}");
        assert_eq!(row(&site), before);
        assert_eq!(site.world.issuer.certificates(), certificates);
        assert_eq!(site.world.queue.len(), depth, "nothing was sent");
    }
    let done = sweep(&site, SWEEP_TERMS).await;
    assert!(!done.report_only);
    assert_eq!((done.resent, done.orphans), (1, 1));
}

/// The fleet grows, a sweep does not: it lists what was issued since the last one.
async fn a_sweep_costs_what_was_issued_since_the_last_one(ground: &Ground) {
    let site = quiet(ground);
    for _ in 0..200 {
        stray(&site, &sample::csr_pem_of("SN-9")).await;
    }
    site.world.clock.advance(2 * HOUR);
    sweep(&site, SHARED).await;
    site.world.clock.advance(24 * HOUR);
    stray(&site, &sample::csr_pem_of("SN-9")).await;
    site.world.clock.advance(2 * HOUR);
    sweep(&site, SHARED).await;
    site.world.clock.advance(15 * MINUTE);
    let before = site.faults.calls().len();
    let summary = sweep(&site, SHARED).await;
    let calls = site.faults.calls();
    let pages = calls[before..]
        .iter()
        .filter(|name| **name == "inventory.page");
    assert_eq!(pages.count(), 1, "of the nine that the fleet fills");
    assert_eq!(summary.suspects, 0, "nothing is judged twice");
}

async fn a_suspect_that_could_not_be_judged_is_looked_at_by_the_next_sweep(ground: &Ground) {
    for call in ["inventory.pem", "inventory.remove_unused", "backlog.names"] {
        let site = quiet(ground);
        site.world.issuer.create_with_keys().await.unwrap();
        site.world.clock.advance(2 * HOUR);
        sweep(&site, SHARED).await;
        site.world.clock.advance(24 * HOUR);
        let orphan = site.world.issuer.create_with_keys().await.unwrap().0;
        site.world.clock.advance(2 * HOUR);
        let struck = Site {
            faults: Faults::first(call, 1, Fault::Before),
            ..site.clone()
        };
        let summary = struck.sweep().await.unwrap();
        assert!(summary.failed == 1 && !summary.complete, "{call}");
        site.world.clock.advance(24 * HOUR);
        assert_eq!(sweep(&site, SWEEP_TERMS).await.orphans, 1, "{call}");
        assert!(!exists(&site, &orphan.names.id), "{call}");
    }
}

async fn a_lost_order_is_sent_again_and_carried_out(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    let lost = site.world.queue.receive(1).remove(0);
    site.world.queue.delete(&lost.receipt);
    site.world.clock.advance(14 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 0, "not yet");
    site.world.clock.advance(2 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 1);
    let sent = site.world.queue.messages();
    assert_eq!(
        sent[0].tenant.as_deref(),
        Some("SN-1"),
        "it is its device's"
    );
    assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 0, "once");
    site.settle(5).await;
    assert!(matches!(row(&site).state, State::Vended { .. }));
}

async fn what_is_sent_again_in_vain_fails_visibly(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    let lose = || {
        for message in site.world.queue.receive(10) {
            site.world.queue.delete(&message.receipt);
        }
    };
    for _ in 0..3 {
        lose();
        site.world.clock.advance(20 * MINUTE);
        assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 1);
    }
    lose();
    site.world.clock.advance(20 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.abandoned, 1);
    let State::Failed { failure, .. } = row(&site).state else {
        panic!()
    };
    assert_eq!(failure, FailureCode::Abandoned);
}

/// 100,000 orders take hours at ten a second: those at the end of the queue are not lost.
#[tokio::test]
async fn a_row_is_not_stuck_while_the_queue_has_not_come_to_it() {
    // 20,000 messages, one by one: not in a database.
    let site = quiet(&Ground::Memory);
    submit(&site, &sample::csr_pem()).await;
    for number in 0..20_000 {
        site.world.queue.push(&number.to_string(), Duration::ZERO);
    }
    site.world.clock.advance(HOUR);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 0);
    site.world.clock.advance(HOUR);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 1);
}

async fn a_worker_at_work_is_not_disturbed(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    let mut issuing = row(&site);
    let State::Requested { request, .. } = issuing.state.clone() else {
        panic!()
    };
    let now = site.world.clock.now();
    let claim = Event::Claim {
        request,
        generation: issuing.generation,
        lease: cvm_shared::lease::Lease {
            epoch: issuing.epoch.next(),
            owner: cvm_shared::ids::Owner::from_random([7; 16]),
            until: now.plus(30 * MINUTE),
        },
        now,
        budget: 12,
    };
    issuing = next(&issuing, &claim).unwrap();
    site.world.registry.put(issuing);
    site.world.clock.advance(20 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.resent, 0, "its lease lasts");
    site.world.clock.advance(11 * MINUTE);
    assert_eq!(
        sweep(&site, SWEEP_TERMS).await.resent,
        1,
        "its lease is over"
    );
}

async fn a_revoked_devices_certificate_is_deleted(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    site.settle(5).await;
    let id = row(&site).state.issued().unwrap().certificate_id.clone();
    site.world
        .registry
        .put(next(&row(&site), &Event::Revoke { keep: None }).unwrap());
    assert_eq!(sweep(&site, SWEEP_TERMS).await.removed, 1);
    assert!(!exists(&site, &id) && site.world.vault.is_empty());
    let after = row(&site);
    assert_eq!(
        (after.state, after.superseded),
        (State::Disabled, Vec::new())
    );
}

/// Also one that a worker wakes up which had stalled before it activated it.
async fn a_revoked_certificate_may_be_kept(ground: &Ground) {
    for disuse in Disuse::ALL {
        let site = quiet(ground);
        submit(&site, &sample::csr_pem()).await;
        site.settle(5).await;
        let id = row(&site).state.issued().unwrap().certificate_id.clone();
        let revoke = Event::Revoke { keep: Some(disuse) };
        site.world.registry.put(next(&row(&site), &revoke).unwrap());
        let is_kept = || {
            let known = site.world.issuer.certificates()[&id].clone();
            !known.active && known.revoked == (disuse == Disuse::Revoked)
        };
        assert_eq!(sweep(&site, SWEEP_TERMS).await.deactivated, 1);
        assert!(is_kept() && site.world.vault.is_empty());
        site.world.issuer.activate(&id).await.unwrap();
        site.world.clock.advance(15 * MINUTE);
        assert_eq!(sweep(&site, SWEEP_TERMS).await.deactivated, 0, "again");
        assert!(is_kept());
        site.world.clock.advance(HOUR);
        assert_eq!(sweep(&site, SWEEP_TERMS).await.deactivated, 1, "for good");
        assert_eq!(sweep(&site, SWEEP_TERMS).await.rows, 0);
        site.world.clock.advance(24 * HOUR);
        assert_eq!(sweep(&site, SWEEP_TERMS).await.orphans, 0);
        assert!(is_kept() && row(&site).names(&id));

        let enabled = next(&row(&site), &Event::Enable).unwrap();
        site.world.registry.put(enabled);
        assert_eq!(sweep(&site, SWEEP_TERMS).await.removed, 1);
        assert!(!exists(&site, &id));
    }
}

async fn without_time_it_stops_and_says_so(ground: &Ground) {
    let site = quiet(ground);
    submit(&site, &sample::csr_pem()).await;
    site.world.clock.advance(2 * HOUR);
    let deadline = site.world.clock.now().plus(Duration::from_secs(5));
    let summary = site.janitor().sweep(deadline).await;
    assert!(!summary.complete);
    assert_eq!(summary.rows, 0);
}

/// A worker that stalled before it activated the old certificate wakes up in the hour that it is kept.
async fn a_kept_certificate_that_wakes_up_is_set_inactive_again(ground: &Ground) {
    let site = quiet(ground);
    let mut device = sample::device("SN-1");
    device.reprovision = Some(cvm_shared::reprovision::Reprovision::Replace);
    site.world.registry.put(device);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = submit(&site, &sample::csr_pem()).await;
        site.settle(5).await;
        site.ask(cvm_testkit::site::confirmation(&id)).await;
        ids.push(row(&site).state.issued().unwrap().certificate_id.clone());
    }
    assert_eq!(sweep(&site, SWEEP_TERMS).await.deactivated, 1);
    site.world.issuer.activate(&ids[0]).await.unwrap();
    site.world.clock.advance(15 * MINUTE);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.deactivated, 0, "once");
    assert_eq!(site.world.issuer.active(), 1);
    site.world.clock.advance(HOUR);
    assert_eq!(sweep(&site, SWEEP_TERMS).await.removed, 1);
    assert!(!exists(&site, &ids[0]) && exists(&site, &ids[1]));
}
