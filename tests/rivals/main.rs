//! Duplicates, rivals, stalled workers, poison and settings that are wrong: each ends well.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::time::Duration;

use cvm_maria::ground::Ground;
use cvm_shared::api::Status;
use cvm_shared::failure::FailureCode;
use cvm_shared::message::Order;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::queue::DeadLetter;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::poll;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use futures_util::future::join_all;
use futures_util::join;
use http::StatusCode;

cvm_maria::on_both_grounds! {
    fifty_submissions_at_once_are_one_request
    another_key_while_a_request_is_open_or_done_is_a_conflict
    two_keys_at_once_end_with_one_of_them
    ten_copies_delivered_to_two_workers_at_once_make_one_certificate
    a_replayed_message_changes_nothing
    a_stalled_worker_never_leaves_a_second_certificate
    a_commit_whose_answer_was_lost_deletes_nothing_that_a_rival_went_on_from
    throttles_never_end_in_the_dead_letters
    a_message_that_is_sent_anew_stays_its_batch_s
    a_fault_that_stays_ends_visibly_and_asking_again_helps
    a_missing_policy_fails_visibly_and_the_dead_letter_works_once_it_is_there
    poison_is_parked_and_its_neighbours_are_served
    a_panic_harms_no_neighbour_and_its_message_comes_back
    an_order_of_an_earlier_generation_is_dropped
    an_order_whose_row_was_never_marked_is_carried_out
}

fn row(site: &Site) -> Record {
    site.world.registry.row(&sample::serial("SN-1")).unwrap()
}

/// Exactly one certificate in the whole account, and it is the row's.
fn assert_one_certificate(site: &Site) {
    let certificates = site.world.issuer.certificates();
    let row = row(site);
    assert!(matches!(row.state, State::Vended { .. }), "{:?}", row.state);
    assert_eq!(certificates.len(), 1);
    assert!(certificates[&row.state.issued().unwrap().certificate_id].active);
    assert_eq!(site.world.issuer.most_active_of_a_thing(), 1);
}

async fn submit(site: &Site, csr: &str) -> String {
    let answer = site
        .ask(submission("SN-1", sample::TOKEN, Some(csr)))
        .await
        .unwrap();
    assert!(answer.status.is_success(), "{answer:?}");
    view(&answer).request_id.to_string()
}

async fn fifty_submissions_at_once_are_one_request(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    let csr = sample::csr_pem();
    let ids = join_all((0..50).map(|_| submit(&site, &csr))).await;
    assert!(ids.iter().all(|id| *id == ids[0]));
    site.settle(30).await;
    assert_one_certificate(&site);
    assert_eq!(site.world.issuer.created(), 1);
}

async fn another_key_while_a_request_is_open_or_done_is_a_conflict(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    let first = sample::csr_pem();
    submit(&site, &first).await;
    let second = sample::csr_pem();
    let other = || site.ask(submission("SN-1", sample::TOKEN, Some(&second)));
    assert_eq!(other().await.unwrap().status, StatusCode::CONFLICT);
    site.settle(30).await;
    assert_eq!(other().await.unwrap().status, StatusCode::CONFLICT);
    assert_one_certificate(&site);
}

async fn two_keys_at_once_end_with_one_of_them(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    let (one, two) = (sample::csr_pem(), sample::csr_pem());
    let ask = |csr| site.ask(submission("SN-1", sample::TOKEN, Some(csr)));
    let (one, two) = join!(ask(&one), ask(&two));
    let mut answers = [one.unwrap().status, two.unwrap().status];
    answers.sort();
    assert_eq!(answers, [StatusCode::ACCEPTED, StatusCode::CONFLICT]);
    site.settle(30).await;
    assert_one_certificate(&site);
}

async fn ten_copies_delivered_to_two_workers_at_once_make_one_certificate(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    submit(&site, &sample::csr_pem()).await;
    let order = site.world.queue.receive(1).remove(0);
    for _ in 0..10 {
        site.world.queue.push(&order.body, Duration::ZERO);
    }
    let (one, two) = (site.worker(), site.worker());
    let (first, second) = (site.world.queue.receive(5), site.world.queue.receive(5));
    join!(site.deliver(&one, &first), site.deliver(&two, &second));
    site.settle(30).await;
    assert_one_certificate(&site);
    assert_eq!(site.world.issuer.created(), 1);
}

async fn a_replayed_message_changes_nothing(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    submit(&site, &sample::csr_pem()).await;
    let order = site.world.queue.receive(1).remove(0);
    site.world.clock.advance(Duration::from_mins(5));
    site.settle(30).await;
    let before = row(&site);
    for _ in 0..3 {
        site.world.queue.push(&order.body, Duration::ZERO);
        site.settle(30).await;
    }
    assert_eq!(row(&site), before);
    assert_one_certificate(&site);
    assert_eq!(site.world.queue.dead_letters(), []);
}

/// A worker stalls past its lease just before `step`; another one finishes; then the first wakes.
async fn a_worker_stalls_before(ground: &Ground, step: &'static str) -> Site {
    let site = Site::on(ground.world(), Faults::default());
    submit(&site, &sample::csr_pem()).await;
    let slow = Site {
        faults: Faults::stall_before(step),
        ..site.clone()
    };
    let held = site.world.queue.receive(1);
    let worker = slow.worker();
    let stalled = slow.deliver(&worker, &held);
    let rival = async {
        slow.faults.stalled().await;
        site.world.clock.advance(Duration::from_mins(5));
        site.settle(30).await;
        assert!(matches!(row(&site).state, State::Vended { .. }));
        slow.faults.wake();
    };
    join!(stalled, rival);
    site
}

async fn a_stalled_worker_never_leaves_a_second_certificate(ground: &Ground) {
    for step in [
        "issuer.create_from_csr",
        "vault.stage",
        "registry.swap",
        "issuer.attach",
        "issuer.activate",
    ] {
        let site = a_worker_stalls_before(ground, step).await;
        assert_one_certificate(&site);
    }
}

/// The answer to its commit is lost, it stalls; a rival adopts the certificate and vends it; then the
/// repeated commit is refused. The certificate is the row's by now and not the loser's to delete.
async fn a_commit_whose_answer_was_lost_deletes_nothing_that_a_rival_went_on_from(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    submit(&site, &sample::csr_pem()).await;
    let slow = Site {
        faults: Faults::stall_inside("registry.swap"),
        ..site.clone()
    };
    let held = site.world.queue.receive(1);
    let worker = slow.worker();
    let stalled = slow.deliver(&worker, &held);
    let rival = async {
        slow.faults.stalled().await;
        assert!(row(&site).state.issued().is_some(), "it was committed");
        site.world.clock.advance(Duration::from_mins(5));
        site.settle(30).await;
        assert!(matches!(row(&site).state, State::Vended { .. }));
        slow.faults.wake();
    };
    join!(stalled, rival);
    assert_one_certificate(&site);
}

async fn throttles_never_end_in_the_dead_letters(ground: &Ground) {
    for call in [
        "issuer.create_from_csr",
        "issuer.attach",
        "registry.swap",
        "vault.stage",
    ] {
        let site = Site::on(ground.world(), Faults::default());
        let id = submit(&site, &sample::csr_pem()).await;
        let busy = Site {
            faults: Faults::first(call, 40, Fault::Throttle),
            ..site.clone()
        };
        busy.settle(600).await;
        assert_eq!(site.world.queue.dead_letters(), [], "{call}");
        assert_one_certificate(&site);
        let answer = site.ask(poll(&id)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{call}");
    }
}

/// A batch is one tenant of the queue. Were each of its messages nobody's once it has waited out a throttle, it would
/// stand before the devices that ask by themselves.
async fn a_message_that_is_sent_anew_stays_its_batch_s(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    submit(&site, &sample::csr_pem()).await;
    let queue = &site.world.queue;
    let own = queue.receive(1).remove(0);
    assert_eq!(own.tenant.as_deref(), Some("SN-1"));
    queue.delete(&own.receipt);
    queue.push_of(&own.body, Some("batch-7"), Duration::ZERO);
    let sent = queue.messages()[0].id.clone();
    let busy = Site {
        faults: Faults::first("issuer.create_from_csr", 1000, Fault::Throttle),
        ..site.clone()
    };
    for _ in 0..100 {
        busy.work().await;
        if queue.messages()[0].id != sent {
            break;
        }
        site.world.clock.advance(Duration::from_mins(2));
    }
    let renewed = queue.messages().remove(0);
    assert_ne!(renewed.id, sent, "it was never sent anew");
    assert_eq!(renewed.tenant.as_deref(), Some("batch-7"));
}

async fn a_fault_that_stays_ends_visibly_and_asking_again_helps(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    let csr = sample::csr_pem();
    let id = submit(&site, &csr).await;
    let down = Site {
        faults: Faults::first("vault.stage", 5, Fault::Before),
        ..site.clone()
    };
    down.settle(120).await;
    let answer = site.ask(poll(&id)).await.unwrap();
    let Status::Failed {
        code, retryable, ..
    } = view(&answer).status
    else {
        panic!("{answer:?}")
    };
    assert_eq!((code.as_str(), retryable), ("unavailable", true));
    let letters = site.world.queue.dead_letters();
    assert_eq!(
        letters
            .iter()
            .map(|letter| letter.reason)
            .collect::<Vec<_>>(),
        [Some("unavailable")]
    );
    assert_eq!(submit(&site, &csr).await, id);
    site.settle(30).await;
    assert_one_certificate(&site);
    assert_eq!(
        site.world.issuer.created(),
        6,
        "each failed attempt took its own with it"
    );
}

async fn a_missing_policy_fails_visibly_and_the_dead_letter_works_once_it_is_there(
    ground: &Ground,
) {
    let site = Site::on(ground.world(), Faults::default());
    let mut device = sample::device("SN-1");
    device.binding.policy = sample::policy("later");
    site.world.registry.put(device);
    let id = submit(&site, &sample::csr_pem()).await;
    site.settle(30).await;
    let State::Failed {
        failure, issued, ..
    } = row(&site).state
    else {
        panic!()
    };
    assert_eq!(failure, FailureCode::PolicyMissing);
    assert_eq!(
        site.world.issuer.active(),
        0,
        "never active with nothing bound to it"
    );
    site.world.issuer.add_policy("later");
    let letter = site.world.queue.dead_letters().remove(0);
    assert_eq!(letter.reason, Some("policy_missing"));
    site.world.queue.push(&letter.body, Duration::ZERO);
    site.settle(30).await;
    assert_one_certificate(&site);
    assert_eq!(
        row(&site).state.issued(),
        issued.as_ref(),
        "the committed one is resumed"
    );
    assert_eq!(site.ask(poll(&id)).await.unwrap().status, StatusCode::OK);
}

async fn poison_is_parked_and_its_neighbours_are_served(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    let mut gone = None;
    for name in ["SN-1", "SN-2", "SN-3"] {
        site.world.registry.put(sample::device(name));
        let asked = submission(name, sample::TOKEN, Some(&sample::csr_pem_of(name)));
        assert_eq!(site.ask(asked).await.unwrap().status, StatusCode::ACCEPTED);
    }
    for poison in ["", "not json", "[]", "{\"v\":2}", "\0"] {
        site.world.queue.push(poison, Duration::ZERO);
    }
    let unknown = Order {
        serial: sample::serial("SN-9"),
        ..an_order("SN-9")
    };
    gone.replace(unknown.encode());
    site.world
        .queue
        .push(gone.as_deref().unwrap(), Duration::ZERO);
    site.work().await;
    assert_eq!(site.world.issuer.active(), 3);
    assert!(site.world.queue.is_empty());
    let reasons = |letter: &DeadLetter| letter.reason.unwrap();
    let reasons: Vec<&str> = site
        .world
        .queue
        .dead_letters()
        .iter()
        .map(reasons)
        .collect();
    assert_eq!(
        reasons,
        ["unreadable"; 5]
            .into_iter()
            .chain(["unknown_device"])
            .collect::<Vec<_>>()
    );
}

async fn a_panic_harms_no_neighbour_and_its_message_comes_back(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    for name in ["SN-1", "SN-2", "SN-3"] {
        site.world.registry.put(sample::device(name));
        let asked = submission(name, sample::TOKEN, Some(&sample::csr_pem_of(name)));
        assert_eq!(site.ask(asked).await.unwrap().status, StatusCode::ACCEPTED);
    }
    let struck = Site {
        faults: Faults::first("vault.stage", 1, Fault::Panic),
        ..site.clone()
    };
    struck.work().await;
    assert_eq!(site.world.issuer.active(), 2);
    assert_eq!(site.world.queue.len(), 1);
    site.settle(30).await;
    assert_eq!(site.world.issuer.active(), 3);
    assert_eq!(site.world.queue.dead_letters(), []);
}

fn an_order(serial: &str) -> Order {
    let device = sample::device(serial);
    let key = cvm_shared::request::KeySource::Service;
    let request = cvm_shared::request::Request::new(&device.serial, device.generation, key);
    Order {
        serial: device.serial,
        generation: device.generation,
        request,
    }
}

async fn an_order_of_an_earlier_generation_is_dropped(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::default());
    submit(&site, &sample::csr_pem()).await;
    let mut device = row(&site);
    device.generation.0 += 1;
    device.state = State::Registered;
    site.world.registry.put(device);
    site.settle(5).await;
    assert_eq!(site.world.issuer.created(), 0);
    assert_eq!(site.world.queue.dead_letters(), []);
}

async fn an_order_whose_row_was_never_marked_is_carried_out(ground: &Ground) {
    let site = Site::on(ground.world(), Faults::at(3, Fault::KillBefore));
    let csr = sample::csr_pem();
    assert_eq!(
        site.ask(submission("SN-1", sample::TOKEN, Some(&csr)))
            .await,
        None
    );
    assert_eq!(
        site.faults.calls(),
        [
            "registry.load",
            "guard.bind_key",
            "queue.send",
            "registry.swap"
        ]
    );
    assert_eq!(row(&site).state, State::Registered);
    site.settle(30).await;
    assert_one_certificate(&site);
    let answer = site
        .ask(submission("SN-1", sample::TOKEN, Some(&csr)))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK, "asking again finds it done");
}
