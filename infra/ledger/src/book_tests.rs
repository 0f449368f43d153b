//! Whatever the stream brings twice, and wherever a call fails: an entry is there once and counted once.

use std::sync::Mutex;

use futures_util::FutureExt as _;

use super::*;

/// Trails in memory; the calls whose numbers are in `failing` fail, after they were carried out or before.
#[derive(Default)]
struct Memory {
    entries: Mutex<BTreeMap<String, Placed>>,
    sums: Mutex<Counts>,
    ticks: Mutex<BTreeMap<(u64, String), i64>>,
    calls: Mutex<u32>,
    failing: Option<(u32, bool)>,
}

impl Memory {
    /// Whether this call fails, and if so, whether it is carried out all the same.
    fn fault(&self) -> Option<bool> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        self.failing
            .filter(|(at, _)| at == &*calls)
            .map(|(_, done)| done)
    }

    fn lost() -> Failure {
        Failure::Unavailable {
            service: "memory",
            detail: String::new(),
        }
    }
}

impl Trails for Memory {
    async fn add(&self, entries: &[Placed]) -> Result<Vec<bool>, Failure> {
        let fault = self.fault();
        if fault == Some(false) {
            return Err(Self::lost());
        }
        let mut known = self.entries.lock().unwrap();
        let add = |entry: &Placed| known.insert(entry.place.clone(), entry.clone()).is_none();
        let new = entries.iter().map(add).collect();
        fault.map_or(Ok(new), |_| Err(Self::lost()))
    }

    async fn tick(&self, minute: u64, deeds: &Counts) -> Result<(), Failure> {
        let mut ticks = self.ticks.lock().unwrap();
        for (deed, count) in deeds {
            *ticks.entry((minute, deed.clone())).or_default() += count;
        }
        Ok(())
    }

    async fn count(&self, changes: &Counts) -> Result<(), Failure> {
        if self.fault() == Some(false) {
            return Err(Self::lost());
        }
        let mut sums = self.sums.lock().unwrap();
        for (state, step) in changes {
            *sums.entry(state.clone()).or_default() += step;
        }
        Ok(())
    }
}

/// So many devices that were imported and then asked.
fn lives(devices: usize) -> Vec<Change> {
    let change = |place: String, left: Option<&str>, entered: &str| Change {
        entry: Placed {
            place,
            facts: BTreeMap::from([
                (fact::AT.to_owned(), "120001".to_owned()),
                (fact::DEED.to_owned(), "apply".to_owned()),
            ]),
            head: None,
        },
        left: left.map(str::to_owned),
        entered: Some(entered.to_owned()),
    };
    let life = |device| {
        [
            change(format!("{device}-1"), None, "Registered"),
            change(format!("{device}-2"), Some("Registered"), "Requested"),
        ]
    };
    (0..devices).flat_map(life).collect()
}

fn enter_all(trails: &Memory, changes: &[Change]) -> Result<u64, Failure> {
    enter(trails, changes).now_or_never().unwrap()
}

#[test]
fn what_is_brought_twice_is_counted_once() {
    let trails = Memory::default();
    let changes = lives(40);
    assert_eq!(enter_all(&trails, &changes), Ok(80));
    assert_eq!(enter_all(&trails, &changes), Ok(0));
    // A later batch that overlaps with it.
    assert_eq!(enter_all(&trails, &lives(41)), Ok(2));
    let sums = trails.sums.lock().unwrap();
    assert_eq!(sums["Requested"], 41);
    assert_eq!(sums["Registered"], 0);
    let ticks = trails.ticks.lock().unwrap();
    assert_eq!(*ticks, BTreeMap::from([((2, "apply".to_owned()), 82)]));
}

#[test]
fn a_page_that_failed_is_brought_again_and_every_entry_is_there_once() {
    let changes = lives(40);
    let calls = 1 + changes.len().div_ceil(BATCH);
    for at in 1..calls {
        for done in [false, true] {
            let trails = Memory {
                failing: Some((u32::try_from(at).unwrap(), done)),
                ..Memory::default()
            };
            assert!(enter_all(&trails, &changes).is_err(), "call {at}");
            enter_all(&trails, &changes).unwrap();
            assert_eq!(trails.entries.lock().unwrap().len(), 80);
            if !done {
                assert_eq!(trails.sums.lock().unwrap()["Requested"], 40, "call {at}");
            }
        }
    }
}
