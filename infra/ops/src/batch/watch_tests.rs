//! A watch over rows that come to their end, one look after another.

use std::sync::Mutex;

use cvm_shared::operate::rows::Found;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;

use super::*;
use crate::batch::sample::NOW;
use crate::batch::sample::device;
use crate::batch::sample::issued;

/// Rows of which a few more are Vended at each look; how many were asked for at each.
struct Table {
    vended: Mutex<usize>,
    reads: Mutex<Vec<usize>>,
}

impl Rows for Table {
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        self.reads.lock().unwrap().push(serials.len());
        let vended = *self.vended.lock().unwrap();
        serials
            .iter()
            .map(|serial| Ok(Some(row(serial, vended))))
            .collect()
    }
}

fn number(serial: &SerialNumber) -> usize {
    serial.as_str().parse().unwrap()
}

fn row(serial: &SerialNumber, vended: usize) -> Record {
    let mut row = device();
    row.serial = serial.clone();
    let request = Request::new(serial, row.generation, KeySource::Service);
    row.state = if number(serial) < vended {
        State::Vended {
            request: request.id,
            issued: issued(),
            delivery: Delivery::Waiting { until: NOW },
        }
    } else {
        State::Requested {
            request,
            issued: None,
        }
    };
    row
}

/// Sleeping moves it, and with each look's pause fifty more are vended.
struct Hand<'a>(Mutex<u64>, &'a Table);

impl Clock for Hand<'_> {
    fn now(&self) -> UnixMillis {
        UnixMillis(*self.0.lock().unwrap())
    }

    async fn sleep(&self, span: Duration) {
        *self.0.lock().unwrap() += u64::try_from(span.as_millis()).unwrap();
        *self.1.vended.lock().unwrap() += 1;
    }
}

fn table() -> Table {
    Table {
        vended: Mutex::new(0),
        reads: Mutex::default(),
    }
}

fn open(count: usize) -> (Vec<Watched>, Counts) {
    let watched = |n: usize| Watched {
        serial: SerialNumber::parse(n.to_string()).unwrap(),
        key: None,
        standing: Standing::Requested,
    };
    let mut counts = Counts::default();
    counts.add(Standing::Requested, count as u64);
    ((0..count).map(watched).collect(), counts)
}

#[tokio::test]
async fn all_rows_come_to_their_end_and_few_are_read() {
    let (table, stop) = (table(), AtomicBool::new(false));
    let clock = Hand(Mutex::new(0), &table);
    let watch = Watch::new(&table, &clock, &stop, 10, open(3000));
    let (end, counts) = watch.until_the_end().await;
    assert_eq!(end, End::Over);
    assert_eq!((counts.of(Standing::Vended), counts.all()), (3000, 3000));
    let reads: usize = table.reads.lock().unwrap().iter().sum();
    // Fifty are vended between two looks: sixty looks at a thousand rows each.
    assert!(reads <= 62 * 1000, "{reads}");
    assert!(table.reads.lock().unwrap().iter().all(|read| *read <= ROWS));
}

#[tokio::test]
async fn each_row_has_its_turn_although_the_first_ones_are_stuck() {
    let (table, stop) = (table(), AtomicBool::new(false));
    let clock = Hand(Mutex::new(0), &table);
    let mut watch = Watch::new(&table, &clock, &stop, 10, open(2100));
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        seen.extend(watch.next_places());
    }
    assert_eq!(seen.len(), 2100);
}

#[tokio::test]
async fn a_stop_is_heeded() {
    let (table, stop) = (table(), AtomicBool::new(true));
    let clock = Hand(Mutex::new(0), &table);
    let watch = Watch::new(&table, &clock, &stop, 10, open(3));
    let (end, counts) = watch.until_the_end().await;
    assert_eq!((end, counts.of(Standing::Requested)), (End::Stopped, 3));
}
