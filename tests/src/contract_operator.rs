//! What an operator's ports must do. Every store's adapters face the same functions.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cvm_shared::entry::Entry;
use cvm_shared::entry::check;
use cvm_shared::entry::fact;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::operate::moving::Keys;
use cvm_shared::operate::moving::Stock;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Listing;
use cvm_shared::operate::rows::ROWS;
use cvm_shared::operate::rows::Roster;
use cvm_shared::operate::rows::Rows;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::operate::trails::LETTERS;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails;
use cvm_shared::operate::work::Batches;
use cvm_shared::operate::work::Orders;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Intake;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::begun;

use crate::sample;

/// This device as it is imported, with the beginning of its trail.
fn imported(name: &str) -> Record {
    begun(
        sample::device(name),
        Hand::new(Author::Janitor, UnixMillis(60_000)),
    )
}

fn many(prefix: &str, count: usize) -> Vec<Record> {
    (0..count)
        .map(|n| imported(&format!("{prefix}{n:04}")))
        .collect()
}

fn serials(rows: &[Record]) -> Vec<SerialNumber> {
    rows.iter().map(|row| row.serial.clone()).collect()
}

/// A table that may hold other rows.
pub async fn rows<S: Rows + Roster>(store: &S) {
    assert_eq!(
        store.load_many(&[]).await.len(),
        0,
        "no question, no answer"
    );
    let some = many("rows-", ROWS);
    let new = store.insert_batch(&some).await;
    assert!(
        new.iter().all(|answer| *answer == Ok(Inserted::New)),
        "{new:?}"
    );
    let mut asked = serials(&some);
    asked.reverse();
    asked[7] = sample::serial("rows-none");
    let found = store.load_many(&asked).await;
    for (place, (found, serial)) in found.into_iter().zip(&asked).enumerate() {
        let due = some.iter().find(|row| row.serial == *serial).cloned();
        assert_eq!(found, Ok(due), "{place}");
    }
    rows_are_never_changed(store, &some).await;
}

async fn rows_are_never_changed<S: Rows + Roster>(store: &S, there: &[Record]) {
    let mut other = there[1].clone();
    other.proof_only = true;
    let mut moved_on = there[2].clone();
    moved_on.state = State::Disabled;
    let fresh = imported("rows-fresh");
    let offered = [there[0].clone(), other, moved_on, fresh.clone()];
    let answers = store.insert_batch(&offered).await;
    assert_eq!(answers[0], Ok(Inserted::Same));
    assert_eq!(
        answers[1],
        Ok(Inserted::Conflict(Box::new(there[1].clone())))
    );
    assert_eq!(
        answers[2],
        Ok(Inserted::Same),
        "an import does not ask how far a device has come"
    );
    assert_eq!(
        answers[3],
        Ok(Inserted::New),
        "what is there does not hold up what is not"
    );
    let asked = serials(&offered);
    let found = store.load_many(&asked).await;
    let due = there[..3]
        .iter()
        .chain([&fresh])
        .cloned()
        .map(|row| Ok(Some(row)));
    assert_eq!(found, due.collect::<Vec<_>>());
    let again = store.insert_batch(&[fresh]).await;
    assert_eq!(again, [Ok(Inserted::Same)]);
}

/// More rows than one call of the store takes, in a table that may hold others.
pub async fn a_roster_takes_any_number<S: Rows + Roster>(store: &S) {
    let rows = many("many-", store.at_once() * 2 + 1);
    for due in [Inserted::New, Inserted::Same] {
        let answers = store.insert_batch(&rows).await;
        assert_eq!(answers.len(), rows.len());
        assert!(
            answers.iter().all(|answer| *answer == Ok(due.clone())),
            "{answers:?}"
        );
    }
}

/// An empty table, which `roster` fills and `listing` reads.
pub async fn listing<S: Roster, L: Listing>(roster: &S, listing: impl Fn(&Wanted) -> L) {
    let at = |name: &str, at: u64| {
        let mut row = imported(name);
        row.requested_at = Some(UnixMillis(at));
        let request = Request::new(&row.serial, row.generation, KeySource::Service);
        row.state = State::Requested {
            request,
            issued: None,
        };
        row
    };
    let mut all = many("list-", 1200);
    all.extend([
        at("SN_1", 1_000),
        at("SN_2", 2_000),
        at("SN-3", 3_000),
        imported("SNx1"),
    ]);
    let added = roster.insert_batch(&all).await;
    assert!(added.iter().all(|answer| *answer == Ok(Inserted::New)));
    let read = async |wanted: Wanted| names(listing(&wanted)).await;
    let due: BTreeSet<String> = all.iter().map(|row| row.serial.to_string()).collect();
    assert_eq!(
        read(Wanted::default()).await,
        due,
        "each device, and each once"
    );
    let prefix = |text: &str| Wanted {
        prefix: Some(text.to_owned()),
        ..Wanted::default()
    };
    // An underscore is no wildcard.
    assert_eq!(read(prefix("SN_")).await, set(&["SN_1", "SN_2"]));
    assert_eq!(read(prefix("SN' OR")).await, set(&[]));
    assert_eq!(read(prefix("SNÄ")).await, set(&[]));
    assert_eq!(read(prefix("list-")).await.len(), 1200);
    let wanted = Wanted {
        states: vec![2, -1],
        since: Some(UnixMillis(1_000)),
        before: Some(UnixMillis(3_000)),
        ..Wanted::default()
    };
    assert_eq!(read(wanted).await, set(&["SN_1", "SN_2"]));
    let states = |states: &[i32]| Wanted {
        states: states.to_vec(),
        ..Wanted::default()
    };
    assert_eq!(read(states(&[2])).await.len(), 3);
    assert_eq!(read(states(&[0, -2])).await, set(&[]));
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn names<L: Listing>(mut listing: L) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    while let Some(page) = listing.page().await.unwrap() {
        for row in page {
            assert!(names.insert(row.unwrap().serial.to_string()), "twice");
        }
    }
    assert_eq!(listing.page().await.unwrap(), None, "the end is the end");
    names
}

/// Everything that stands in the rows, of an empty table which `roster` fills.
pub async fn stock<S: Roster, K: Stock>(roster: &S, stock: impl Fn() -> K) {
    let all = many("stock-", 1100);
    roster.insert_batch(&all).await;
    let (mut found, mut reading) = (BTreeMap::new(), stock());
    while let Some(page) = reading.page().await.unwrap() {
        for row in page {
            assert_eq!(row.unknown, Vec::<String>::new());
            let before = found.insert(row.name.clone(), row.record.unwrap());
            assert_eq!(before, None, "{} comes twice", row.name);
        }
    }
    assert_eq!(found.into_values().collect::<Vec<_>>(), all);
}

/// Trails, among which there may be others.
pub async fn trails<T: Trails>(trails: &T) {
    let serial = sample::serial("trail-1");
    assert_eq!(trails.read(serial.as_str()).await, Ok(Vec::new()));
    assert_eq!(trails.add(&[]).await, Ok(Vec::new()));
    let entries: Vec<Placed> = (1..=20).rev().map(|n| entry(serial.as_str(), n)).collect();
    assert_eq!(trails.add(&entries).await, Ok(vec![true; 20]));
    let mixed = [entry("trail-1", 3), entry("trail-2", 1)];
    assert_eq!(trails.add(&mixed).await, Ok(vec![false, true]));
    let forged = Placed {
        facts: BTreeMap::from([("deed".to_owned(), "forged".to_owned())])
            .into_iter()
            .chain([(fact::SERIAL.to_owned(), "trail-1".to_owned())])
            .collect(),
        ..entry("trail-1", 3)
    };
    assert_eq!(
        trails.add(&[forged]).await,
        Ok(vec![false]),
        "none is ever changed"
    );
    let read = trails.read("trail-1").await.unwrap();
    let due: Vec<Placed> = (1..=20).map(|n| entry("trail-1", n)).collect();
    assert_eq!(
        read, due,
        "in the order of their places, as they were written"
    );
    let note = entry(LETTERS, 7);
    trails.add(std::slice::from_ref(&note)).await.unwrap();
    assert_eq!(trails.read(LETTERS).await, Ok(vec![note.clone()]));
    let all = pages(trails).await;
    assert!(all.contains(&note) && due.iter().all(|entry| all.contains(entry)));
    assert_eq!(all.len(), 22, "each once, and nothing else");
}

/// An entry that nobody signed, with a quote and a letter beyond ASCII in it.
fn entry(name: &str, revision: u64) -> Placed {
    let facts = [
        (fact::SERIAL, name.to_owned()),
        (fact::REVISION, revision.to_string()),
        (fact::AT, (revision * 1000).to_string()),
        (fact::REASON, "it's \"über\" \\ done".to_owned()),
    ];
    let facts = facts.map(|(name, value)| (name.to_owned(), value));
    Placed {
        place: format!("{revision:020}"),
        facts: BTreeMap::from(facts),
        head: None,
    }
}

async fn pages<T: Trails>(trails: &T) -> Vec<Placed> {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let page = trails.page(next).await.unwrap();
        all.extend(page.entries);
        next = page.next;
        if next.is_none() {
            return all;
        }
    }
}

/// A device that was imported has a trail that leads to its row.
pub async fn an_import_begins_a_trail<S: Rows + Roster, T: Trails>(store: &S, trails: &T) {
    let row = imported("begun-1");
    store.insert_batch(std::slice::from_ref(&row)).await;
    let placed = trails.read("begun-1").await.unwrap();
    let entries: Vec<Entry> = placed.iter().filter_map(Placed::entry).collect();
    assert_eq!(check(&entries, &row), Ok(()));
    assert_eq!(entries.len(), 1);
}

/// Public keys that were bound, among which there may be no others.
pub async fn keys<G: Guard + Keys>(guard: &G) {
    let pairs = ["keys-1", "keys-2", "keys-3"].map(|name| {
        let csr = cvm_shared::csr::Csr::parse(&sample::csr_pem_of(name)).unwrap();
        (csr.public_key(), sample::serial(name))
    });
    guard.nonce_key().await.unwrap();
    guard
        .consume("used", UnixMillis(9_000_000_000_000))
        .await
        .unwrap();
    assert_eq!(guard.holder(pairs[0].0).await, Ok(None));
    for (key, serial) in &pairs {
        assert_eq!(guard.bind_key(*key, serial).await, Ok(true));
    }
    for (key, serial) in &pairs {
        assert_eq!(guard.holder(*key).await, Ok(Some(serial.clone())));
    }
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let (page, after) = guard.bound(next).await.unwrap();
        found.extend(page);
        next = after;
        if next.is_none() {
            break;
        }
    }
    let sorted = |mut pairs: Vec<(String, SerialNumber)>| {
        pairs.sort();
        pairs
    };
    let hex = |pairs: &[(cvm_shared::csr::PublicKeyDigest, SerialNumber)]| {
        sorted(
            pairs
                .iter()
                .map(|(key, serial)| (key.to_hex(), serial.clone()))
                .collect(),
        )
    };
    assert_eq!(
        hex(&found),
        hex(&pairs),
        "keys, and neither nonces nor secrets"
    );
}

/// Many orders of one tenant, into an empty queue.
pub async fn orders<O: Orders, I: Intake>(orders: &O, intake: &I, tenant: &str) {
    assert_eq!(orders.send_many(&[]).await.len(), 0);
    let sent: Vec<Order> = many("order-", 215).iter().map(order).collect();
    let answers = orders.send_many(&sent).await;
    assert_eq!(answers, vec![Ok(()); 215]);
    let mut found = BTreeSet::new();
    loop {
        let messages = intake
            .receive(10, Duration::from_mins(5), Duration::ZERO)
            .await;
        let messages = messages.unwrap();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            assert_eq!(message.tenant.as_deref(), Some(tenant));
            assert!(
                found.insert(message.body.clone()),
                "delivered twice while hidden"
            );
            intake.remove(&message.receipt).await.unwrap();
        }
    }
    let due: BTreeSet<String> = sent.iter().map(Order::encode).collect();
    assert_eq!(found, due);
}

fn order(row: &Record) -> Order {
    Order {
        serial: row.serial.clone(),
        generation: row.generation,
        request: Request::new(&row.serial, row.generation, KeySource::Service),
    }
}

/// What is kept of batches, among which there may be no others; `folder` is for files.
pub async fn batches<B: Batches>(batches: &B, folder: &Path) {
    let file = folder.join("rows");
    // More than one piece, and not a whole number of them.
    let content = "{\"productid\":\"SN-ü\"}\n".repeat(140_000);
    std::fs::write(&file, &content).unwrap();
    assert_eq!(batches.about("b-1").await, Ok(None));
    batches.put_rows("b-1", &file).await.unwrap();
    assert_eq!(
        batches.about("b-1").await,
        Ok(None),
        "rows alone are no batch"
    );
    // Somebody died half-way, and begins anew.
    batches.put_rows("b-1", &file).await.unwrap();
    let page = "{\"by\":\"mysql:ü@h\"}".as_bytes().to_vec();
    assert_eq!(batches.begin("b-1", page.clone()).await, Ok(true));
    assert_eq!(batches.begin("b-1", b"{}".to_vec()).await, Ok(false));
    assert_eq!(batches.about("b-1").await, Ok(Some(page)));
    let mut rows = Vec::new();
    batches.rows("b-1", &mut rows).await.unwrap();
    assert!(rows == content.as_bytes(), "as they were put");
    std::fs::write(&file, "other\n").unwrap();
    batches.put_rows("b-0", &file).await.unwrap();
    batches.begin("b-0", b"{}".to_vec()).await.unwrap();
    let mut rows = Vec::new();
    batches.rows("b-0", &mut rows).await.unwrap();
    assert_eq!(rows, b"other\n");
    assert_eq!(
        batches.ids().await,
        Ok(vec!["b-0".to_owned(), "b-1".to_owned()])
    );
}
