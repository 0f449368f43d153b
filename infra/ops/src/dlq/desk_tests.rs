//! Replays and drops on queues and a table in memory: what is done, in which order, and what a crash leaves.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use cvm_shared::failure::FailureCode;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::state::Delivery as Bundle;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Deed;

use super::*;
use crate::dlq::fate::Tally;
use crate::dlq::filter::Filter;
use crate::dlq::sample;
use crate::dlq::sample::Log;
use crate::dlq::sample::Pad;
use crate::dlq::sample::Sent;
use crate::dlq::sample::Shelf;
use crate::dlq::sample::Still;
use crate::dlq::sample::Table;
use crate::dlq::verdict::Moot;
use crate::dlq::walk::End;
use crate::dlq::walk::Walk;
use crate::dlq::walk::Witness;

/// Everything outside.
#[derive(Default)]
struct World {
    shelf: Shelf,
    sent: Sent,
    table: Arc<Table>,
    pad: Pad,
    log: Log,
    stop: AtomicBool,
}

/// Remembers what it is told.
#[derive(Default)]
struct Told {
    fates: Vec<(String, Fate)>,
    seen: usize,
}

impl Witness for Told {
    fn told(&mut self, letter: &Letter, fate: Fate) {
        self.fates.push((letter.id.clone(), fate));
    }
    fn paused(&mut self, seen: usize) {
        self.seen = seen;
    }
}

impl World {
    fn new() -> Self {
        let log = Log::default();
        Self {
            shelf: Shelf::logged(&log),
            sent: Sent {
                log: log.clone(),
                ..Sent::default()
            },
            table: Arc::new(Table::logged(&log)),
            pad: Pad { log: log.clone() },
            log,
            stop: AtomicBool::new(false),
        }
    }

    fn letter_of(&self, id: &str, device: &str) {
        let body = sample::order(device).encode();
        self.shelf.put(id, &body, Some("policy_missing"));
    }

    fn desk(&self) -> Desk<'_, Shelf, Table, Pad, Still> {
        Desk {
            post: &self.shelf,
            registry: &self.table,
            notes: &self.pad,
            clock: &Still,
            hand: sample::hand(),
        }
    }

    fn walk<'a>(&'a self, filter: &'a Filter) -> Walk<'a, Shelf, Still> {
        Walk {
            post: &self.shelf,
            filter,
            clock: &Still,
            stop: &self.stop,
        }
    }

    async fn replay(&self) -> (Told, End) {
        let mut outgoing = Outgoing {
            desk: self.desk(),
            delivery: &self.sent,
            pace: Pace::new(NonZeroU32::new(500).unwrap()),
            sent: HashSet::new(),
        };
        let (mut told, filter) = (Told::default(), Filter::default());
        let handle = async |letter: &Letter| outgoing.replay(letter).await;
        let (end, all_shown) = self.walk(&filter).run(&mut told, handle).await;
        assert!(all_shown);
        (told, end)
    }

    async fn drop_all(&self) -> (Told, End) {
        let (desk, filter) = (self.desk(), Filter::default());
        let mut told = Told::default();
        let handle = async |letter: &Letter| {
            let standing = Standing::of(desk.registry, letter).await?;
            desk.discard(letter, standing.row()).await?;
            Ok(Fate::Dropped)
        };
        let (end, _) = self.walk(&filter).run(&mut told, handle).await;
        (told, end)
    }

    fn done(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn failed(device: &str, failure: FailureCode) -> Record {
    let state = State::Failed {
        request: sample::order(device).request.id,
        issued: None,
        failure,
        failed_at: UnixMillis(0),
        retry_at: None,
    };
    sample::row(device, state)
}

fn vended(device: &str) -> Record {
    let issued = Issued {
        certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
        certificate_arn: "arn:aws:iot:eu-west-1:1:cert/a".to_owned(),
        endpoint: "host".to_owned(),
        bundle: BundleRef {
            key: BundleKey::parse("b/x").unwrap(),
            sha256: "b".repeat(64),
        },
    };
    let state = State::Vended {
        request: sample::order(device).request.id,
        issued,
        delivery: Bundle::Confirmed { at: UnixMillis(0) },
    };
    sample::row(device, state)
}

#[tokio::test]
async fn a_letter_is_sent_then_its_row_written_then_removed() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.table.put(failed("SN-1", FailureCode::PolicyMissing));
    let (told, end) = world.replay().await;
    assert_eq!(end, End::Complete);
    assert_eq!(told.fates, [("m-1".to_owned(), Fate::Sent)]);
    let order = ["send", "write replay", "remove receipt of m-1"];
    assert_eq!(world.done(), order);
    let row = world.table.get("SN-1");
    assert!(matches!(row.state, State::Requested { .. }), "{row:?}");
    let trail = row.trail.unwrap();
    assert_eq!(trail.deed, Deed::Replay);
    assert_eq!(trail.hand.at, sample::NOW, "not when the command began");
    assert_eq!(trail.hand.reason, sample::hand().reason);
    let sent = world.sent.bodies.lock().unwrap().clone();
    assert_eq!(sent, [sample::order("SN-1").encode()]);
}

#[tokio::test]
async fn what_is_moot_is_dropped_with_a_word_in_the_trail() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.letter_of("m-2", "SN-2");
    world.table.put(vended("SN-1"));
    let mut moved_on = sample::row("SN-2", State::Registered);
    moved_on.generation = moved_on.generation.next();
    world.table.put(moved_on);
    let (told, _) = world.replay().await;
    let fates: Vec<Fate> = told.fates.into_iter().map(|(_, fate)| fate).collect();
    let moot = [Moot::AlreadyVended, Moot::Superseded].map(Fate::Moot);
    assert_eq!(fates, moot);
    assert_eq!(
        world.done()[..2],
        ["write discard", "remove receipt of m-1"]
    );
    assert_eq!(world.table.get("SN-1").state, vended("SN-1").state);
    assert!(world.shelf.shown().is_empty());
}

#[tokio::test]
async fn what_would_fail_again_is_left_and_shown_again() {
    let world = World::new();
    world.shelf.put("poison", "{}", Some("unreadable"));
    world.letter_of("stranger", "SN-9");
    world.letter_of("barred", "SN-1");
    world.letter_of("never", "SN-2");
    world.table.put(sample::row("SN-1", State::Disabled));
    world.table.put(failed("SN-2", FailureCode::CsrRefused));
    let (told, end) = world.replay().await;
    assert_eq!((end, told.seen), (End::Complete, 4));
    let fates: Vec<Fate> = told.fates.into_iter().map(|(_, fate)| fate).collect();
    let left = [
        Obstacle::Unreadable,
        Obstacle::UnknownDevice,
        Obstacle::DeviceDisabled,
        Obstacle::FailedForGood(FailureCode::CsrRefused),
    ];
    assert_eq!(fates, left.map(Fate::Left));
    assert_eq!(world.done(), Vec::<String>::new());
    assert_eq!(world.shelf.shown().len(), 4);
}

/// I5: a second copy of an order is none, and so a run that broke off is run again.
#[tokio::test]
async fn a_run_that_breaks_off_keeps_its_letter() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.table.put(failed("SN-1", FailureCode::PolicyMissing));
    let outage = Failure::Unavailable {
        service: "dynamodb",
        detail: "timeout".to_owned(),
    };
    *world.table.failure.lock().unwrap() = Some(outage.clone());
    let (told, end) = world.replay().await;
    assert_eq!(end, End::Failed(outage));
    assert!(told.fates.is_empty());
    assert_eq!(world.shelf.shown(), ["m-1"], "given back");
    *world.table.failure.lock().unwrap() = None;
    let (told, end) = world.replay().await;
    assert_eq!((end, told.fates.len()), (End::Complete, 1));
    assert_eq!(world.sent.bodies.lock().unwrap().len(), 2, "one too many");
    assert!(world.shelf.shown().is_empty());
}

#[tokio::test]
async fn a_row_that_changes_too_often_fails_alone() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.letter_of("m-2", "SN-2");
    world.table.put(failed("SN-1", FailureCode::PolicyMissing));
    world.table.put(vended("SN-2"));
    *world.table.failure.lock().unwrap() = Some(Failure::Contended);
    let (told, end) = world.replay().await;
    assert_eq!(end, End::Complete);
    let fates = told.fates.iter().map(|(_, fate)| fate);
    let failed = fates.filter(|fate| **fate == Fate::Failed(Failure::Contended));
    assert_eq!(failed.count(), 2);
    assert_eq!(world.shelf.shown().len(), 2);
}

/// The copy may be worked off before the row is written: then there is nothing left to write but that the letter went.
#[tokio::test]
async fn a_row_that_was_faster_than_the_write_stays_as_it_is() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.table.put(failed("SN-1", FailureCode::PolicyMissing));
    let faster = (world.table.clone(), vended("SN-1"));
    *world.sent.then.lock().unwrap() = Some(faster);
    let (told, _) = world.replay().await;
    assert_eq!(told.fates, [("m-1".to_owned(), Fate::Sent)]);
    assert_eq!(world.table.get("SN-1").state, vended("SN-1").state);
    assert_eq!(world.done()[1], "write discard");
    // One that was disabled meanwhile keeps its letter.
    world.letter_of("m-2", "SN-2");
    world.table.put(failed("SN-2", FailureCode::PolicyMissing));
    let barred = (world.table.clone(), sample::row("SN-2", State::Disabled));
    *world.sent.then.lock().unwrap() = Some(barred);
    let (told, _) = world.replay().await;
    let left = Fate::Left(Obstacle::DeviceDisabled);
    assert_eq!(told.fates, [("m-2".to_owned(), left)]);
    assert_eq!(world.shelf.shown(), ["m-2"]);
}

/// A policy that is still missing: the order fails at once and is parked anew, under another id.
#[tokio::test]
async fn a_request_that_fails_again_does_not_keep_the_run_going() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.table.put(failed("SN-1", FailureCode::PolicyMissing));
    let mut outgoing = Outgoing {
        desk: world.desk(),
        delivery: &world.sent,
        pace: Pace::new(NonZeroU32::new(500).unwrap()),
        sent: HashSet::new(),
    };
    let (mut told, filter) = (Told::default(), Filter::default());
    let handle = async |letter: &Letter| {
        let fate = outgoing.replay(letter).await?;
        if fate == Fate::Sent {
            world.table.put(failed("SN-1", FailureCode::PolicyMissing));
            let number = world.sent.bodies.lock().unwrap().len();
            world.letter_of(&format!("again-{number}"), "SN-1");
        }
        Ok(fate)
    };
    let (end, _) = world.walk(&filter).run(&mut told, handle).await;
    assert_eq!(end, End::Complete);
    let again = ("again-1".to_owned(), Fate::Left(Obstacle::FailedAgain));
    assert_eq!(told.fates, [("m-1".to_owned(), Fate::Sent), again]);
}

#[tokio::test]
async fn a_walk_ends_though_letters_come_back_and_at_once_if_it_is_to() {
    let world = World::new();
    for number in 0..25 {
        world.letter_of(&format!("m-{number}"), "SN-9");
    }
    let (mut told, filter) = (Told::default(), Filter::default());
    let handle = async |_: &Letter| {
        // As if the walk took longer than letters stay hidden.
        world.shelf.show_all();
        Ok(Fate::WouldDrop)
    };
    let (end, _) = world.walk(&filter).run(&mut told, handle).await;
    assert_eq!(end, End::Complete);
    let ids: HashSet<_> = told.fates.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids.len(), told.fates.len(), "none twice");
    let mut told = Told::default();
    let handle = async |_: &Letter| {
        world.stop.store(true, Ordering::Relaxed);
        Ok(Fate::WouldDrop)
    };
    let (end, _) = world.walk(&filter).run(&mut told, handle).await;
    assert_eq!((end, told.fates.len()), (End::Stopped, 1));
    assert_eq!(world.shelf.shown().len(), 25, "all are given back");
}

#[tokio::test]
async fn what_is_dropped_is_written_down_first() {
    let world = World::new();
    world.letter_of("m-1", "SN-1");
    world.letter_of("m-2", "SN-9");
    world.shelf.put("m-3", "poison", None);
    let before = failed("SN-1", FailureCode::CsrRefused);
    world.table.put(before.clone());
    let (told, end) = world.drop_all().await;
    assert_eq!((end, told.fates.len()), (End::Complete, 3));
    let done = [
        "write discard",
        "remove receipt of m-1",
        "note m-2",
        "remove receipt of m-2",
        "note m-3",
        "remove receipt of m-3",
    ];
    assert_eq!(world.done(), done);
    let row = world.table.get("SN-1");
    assert_eq!(row.state, before.state);
    assert_eq!(row.trail.unwrap().deed, Deed::Discard);
}

#[test]
fn each_fate_is_counted_once() {
    let mut tally = Tally::default();
    for fate in [
        Fate::Sent,
        Fate::Would(Verdict::Send),
        Fate::Moot(Moot::Superseded),
        Fate::Dropped,
        Fate::WouldDrop,
    ] {
        tally.count(&fate);
    }
    assert!(tally.is_clean());
    assert_eq!(tally.to_string(), "2 sent, 3 dropped, 0 left, 0 failed");
    tally.count(&Fate::Left(Obstacle::Unreadable));
    assert!(!tally.is_clean());
}
