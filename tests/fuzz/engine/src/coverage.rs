//! The counters on the edges of the code under test, and what of them was ever reached.
//!
//! LLVM's `SanitizerCoverage` keeps one byte for every edge of the control flow and tells where they lie
//! before `main` begins. An edge that ran once and one that ran a hundred times are different news, so
//! counts are told apart in eight classes, as AFL and libFuzzer do.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Where the counters lie. Every module under test tells it, mostly the same place.
static PLACES: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Called by each module under test before `main`.
#[expect(
    unsafe_code,
    reason = "LLVM calls it by this name; it does nothing but note two addresses"
)]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let place = (start.addr(), stop.addr());
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    if place.0 < place.1 && !places.contains(&place) {
        start.expose_provenance();
        places.push(place);
    }
}

fn counters((start, stop): (usize, usize)) -> &'static [AtomicU8] {
    #[expect(
        unsafe_code,
        reason = "LLVM's counters are bytes that lie there for as long as the program runs, and are \
                  written by this thread only, between two looks at them"
    )]
    unsafe {
        std::slice::from_raw_parts(std::ptr::with_exposed_provenance(start), stop - start)
    }
}

/// What one run reached that none had before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Edges.
    pub edges: usize,
    /// Edges, or other counts of known ones.
    pub features: usize,
}

/// All counters, and what was seen of them.
#[derive(Debug)]
pub struct Coverage {
    areas: Vec<Area>,
    /// What was reached so far.
    pub reached: News,
}

#[derive(Debug)]
struct Area {
    counters: &'static [AtomicU8],
    /// For each counter, the classes that were seen, a bit each.
    seen: Vec<u8>,
}

impl Coverage {
    /// The counters of this program; there are none if it was built without.
    #[expect(
        clippy::new_without_default,
        reason = "there is one set of counters, whoever asks for it"
    )]
    pub fn new() -> Self {
        let places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let area = |place: &(usize, usize)| Area {
            counters: counters(*place),
            seen: vec![0; place.1 - place.0],
        };
        Self {
            areas: places.iter().map(area).collect(),
            reached: News::default(),
        }
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.areas.iter().map(|area| area.counters.len()).sum()
    }

    /// Sets all counters to zero.
    pub fn reset(&self) {
        for area in &self.areas {
            each_counted(area.counters, |_, _| {});
        }
    }

    /// Takes the counts of a run and leaves zeros; what was new in them.
    pub fn take(&mut self) -> News {
        let mut news = News::default();
        for Area { counters, seen } in &mut self.areas {
            each_counted(counters, |place, count| {
                let class = class(count);
                news.edges += usize::from(seen[place] == 0);
                news.features += usize::from(seen[place] & class == 0);
                seen[place] |= class;
            });
        }
        self.reached.edges += news.edges;
        self.reached.features += news.features;
        news
    }
}

/// Tells every counter that is not zero, and sets it to zero. Most are zero: eight are looked at at once.
fn each_counted(counters: &[AtomicU8], mut told: impl FnMut(usize, u8)) {
    let mut take = |place: usize| match counters[place].swap(0, Ordering::Relaxed) {
        0 => {}
        count => told(place, count),
    };
    let (head, words) = words(counters);
    (0..head).for_each(&mut take);
    for (number, word) in words.iter().enumerate() {
        if word.load(Ordering::Relaxed) != 0 {
            let first = head + number * 8;
            (first..first + 8).for_each(&mut take);
        }
    }
    (head + words.len() * 8..counters.len()).for_each(&mut take);
}

/// How many counters lie before the first whole word, and the words.
fn words(counters: &[AtomicU8]) -> (usize, &[AtomicU64]) {
    #[expect(
        unsafe_code,
        reason = "an aligned run of eight atomic bytes has the layout of an atomic word"
    )]
    let (head, words, _) = unsafe { counters.align_to::<AtomicU64>() };
    (head.len(), words)
}

/// The class of a count, as one bit.
fn class(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128..=255 => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_once_and_taken_away() {
        let counters: Vec<AtomicU8> = (0..61).map(|_| AtomicU8::new(0)).collect();
        for (place, count) in [(0, 1), (9, 2), (33, 255), (60, 7)] {
            counters[place].store(count, Ordering::Relaxed);
        }
        let mut told = Vec::new();
        each_counted(&counters, |place, count| told.push((place, count)));
        assert_eq!(told, [(0, 1), (9, 2), (33, 255), (60, 7)]);
        each_counted(&counters, |_, _| panic!("there is nothing left"));
    }

    #[test]
    fn every_count_has_one_class() {
        assert_eq!(class(0), 0);
        assert!((1..=255).all(|count| class(count).is_power_of_two()));
    }
}
