//! A batch that is cut off anywhere and submitted again: as many rows come out as went in, and no device is asked for
//! more often than it was cut off.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod run;

use std::collections::BTreeMap;

use cvm_shared::message::Order;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use run::Batch;
use run::DEVICES;

/// More calls than a run makes: three for each device that is sent, and the look.
const CALLS: usize = 3 * DEVICES + DEVICES + 2;

#[tokio::test]
async fn an_undisturbed_batch_sends_each_device_once() {
    let batch = Batch::new(Faults::default());
    let counts = batch.submit().await.unwrap();
    assert_eq!(counts["sent"], DEVICES);
    // Again: nothing is sent twice.
    let counts = batch.submit().await.unwrap();
    assert_eq!(counts["on their way"], DEVICES);
    let once: BTreeMap<_, _> = batch.serials().map(|serial| (serial, 1)).collect();
    assert_eq!(orders(&batch), once);
    all_are_vended(&batch).await;
    assert_eq!(batch.submit().await.unwrap()["vended"], DEVICES);
}

#[tokio::test]
async fn a_batch_that_is_struck_anywhere_comes_to_the_same_end() {
    for fault in Fault::ALL {
        for place in 0..CALLS {
            let batch = Batch::new(Faults::at(place, fault));
            let cut = batch.submit().await;
            // Cut off once more, at another place.
            let again = batch.with(Faults::at(place / 2, Fault::KillAfter));
            let cut_again = again.submit().await;
            let last = again.with(Faults::default());
            let counts = last.submit().await.unwrap();
            let all: usize = counts.values().sum();
            assert_eq!(all, DEVICES, "{fault:?} at {place}: {counts:?}");
            assert_eq!(counts.get("refused"), None, "{fault:?} at {place}");
            // One order each, and one more for each time that it may have been cut off between its two steps or
            // that the answer of the queue was lost.
            let cuts = 1 + usize::from(cut.is_none()) + usize::from(cut_again.is_none());
            let most = cuts + usize::from(matches!(fault, Fault::After | Fault::Twice));
            for (serial, count) in orders(&last) {
                assert!(
                    (1..=most).contains(&count),
                    "{fault:?} at {place}: {serial} {count}"
                );
            }
            all_are_vended(&last).await;
        }
    }
}

#[tokio::test]
async fn what_has_its_certificate_is_left_alone_whoever_asked_for_it() {
    let batch = Batch::new(Faults::default());
    let first = batch.serials().next().unwrap();
    let asked = cvm_testkit::site::submission(&first, sample::TOKEN, None);
    batch.site.ask(asked).await.unwrap();
    let counts = batch.submit().await.unwrap();
    assert_eq!(
        counts["on their way"], 1,
        "the device was faster: {counts:?}"
    );
    all_are_vended(&batch).await;
    assert_eq!(batch.site.world.issuer.certificates().len(), DEVICES);
}

#[tokio::test]
async fn a_copied_key_is_refused_before_anything_is_sent() {
    let batch = Batch::new(Faults::default());
    let other = batch.with_copied_key();
    assert_eq!(batch.submit().await.unwrap()["sent"], DEVICES);
    let counts = other.submit().await.unwrap();
    assert_eq!(counts["refused"], 1, "{counts:?}");
    assert_eq!(orders(&other).get("SN-copy"), None);
}

/// How many orders there are in the queue for each device.
fn orders(batch: &Batch) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for body in batch.site.world.queue.bodies() {
        let order = Order::decode(&body).unwrap();
        *counts.entry(order.serial.to_string()).or_default() += 1;
    }
    counts
}

async fn all_are_vended(batch: &Batch) {
    batch.site.settle(30).await;
    for serial in batch.serials() {
        let row = batch
            .site
            .world
            .registry
            .row(&sample::serial(&serial))
            .unwrap();
        assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
    }
    let active = batch.site.world.issuer.most_active_of_a_thing();
    assert_eq!(active, 1);
    assert_eq!(batch.site.world.issuer.certificates().len(), DEVICES);
}
