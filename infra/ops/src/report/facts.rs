//! What a report tells, worked out of the lives of its devices. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use cvm_shared::time::UnixMillis;

/// How many devices are listed by name in each list.
const NAMED: usize = 20;

/// How many bars there are at most along the time.
const BARS: u64 = 120;

/// The ends of the classes of waits, in seconds.
const CLASSES: [(u64, &str); 11] = [
    (2, "2 s"),
    (5, "5 s"),
    (10, "10 s"),
    (30, "30 s"),
    (60, "1 min"),
    (120, "2 min"),
    (300, "5 min"),
    (600, "10 min"),
    (1800, "30 min"),
    (3600, "1 h"),
    (7200, "2 h"),
];

/// One device of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Its serial number, as the file has it.
    pub serial: String,
    /// How it stands, in one word.
    pub state: String,
    /// Why it failed or was never asked for.
    pub error: Option<String>,
    /// When it was asked for.
    pub asked_at: Option<UnixMillis>,
    /// When its certificate was ready.
    pub ready_at: Option<UnixMillis>,
}

impl Life {
    fn wait(&self) -> Option<Duration> {
        Some(self.ready_at?.since(self.asked_at?))
    }
}

/// A count with the words for it.
pub type Bar = (String, u64);

/// All that the page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The batch.
    pub batch: String,
    /// When the report was made.
    pub made_at: UnixMillis,
    /// Rows of the file.
    pub rows: u64,
    /// Rows by state.
    pub states: Vec<Bar>,
    /// Certificates by time; how many minutes a bar is.
    pub issued: Vec<Bar>,
    /// How many minutes one bar of `issued` is.
    pub step_minutes: u64,
    /// How many certificates the account may issue in one step.
    pub quota_per_step: u64,
    /// How long devices waited.
    pub waits: Vec<Bar>,
    /// The wait that half of the devices, 95 % and 99 % of them did not exceed, in seconds.
    pub percentiles: Option<[f64; 3]>,
    /// Failures by reason.
    pub failures: Vec<Bar>,
    /// Those that waited longest, and for how many seconds.
    pub slowest: Vec<(String, f64)>,
    /// Some of those that failed, and why.
    pub failed: Vec<(String, String)>,
}

impl Facts {
    /// Of these devices; `quota` is in certificates a second.
    pub fn of(batch: &str, made_at: UnixMillis, quota: f64, lives: &[Life]) -> Self {
        let step_minutes = step(lives);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a line in a chart"
        )]
        let quota_per_step = (quota * 60.0 * step_minutes as f64).round() as u64;
        let mut waits: Vec<Duration> = lives.iter().filter_map(Life::wait).collect();
        waits.sort_unstable();
        Self {
            batch: batch.to_owned(),
            made_at,
            rows: lives.len() as u64,
            states: counted(lives.iter().map(|life| life.state.as_str())),
            issued: issued(lives, step_minutes),
            step_minutes,
            quota_per_step,
            waits: classed(&waits),
            percentiles: percentiles(&waits),
            failures: counted(lives.iter().filter_map(|life| life.error.as_deref())),
            slowest: slowest(lives),
            failed: failed(lives),
        }
    }
}

/// Counts, the largest first.
fn counted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Bar> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let mut bars: Vec<Bar> = counts
        .into_iter()
        .map(|(word, n)| (word.to_owned(), n))
        .collect();
    bars.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    bars
}

fn minutes(lives: &[Life]) -> impl Iterator<Item = u64> {
    lives
        .iter()
        .filter_map(|life| Some(life.ready_at?.0 / 60_000))
}

/// How many minutes a bar must be for all of them to fit.
fn step(lives: &[Life]) -> u64 {
    let span = minutes(lives).max().zip(minutes(lives).min());
    span.map_or(1, |(last, first)| (last - first + 1).div_ceil(BARS))
}

/// Certificates by time, from the first to the last; also the steps in which there was none.
fn issued(lives: &[Life], step_minutes: u64) -> Vec<Bar> {
    let Some((first, last)) = minutes(lives).min().zip(minutes(lives).max()) else {
        return Vec::new();
    };
    let mut counts = vec![0u64; usize::try_from((last - first) / step_minutes + 1).unwrap_or(1)];
    for minute in minutes(lives) {
        let place = usize::try_from((minute - first) / step_minutes).unwrap_or_default();
        counts[place] += 1;
    }
    let name = |place: usize| {
        let minute = first + place as u64 * step_minutes;
        crate::calendar::rfc3339(UnixMillis(minute * 60_000))[..16].replace('T', " ")
    };
    let named = counts.into_iter().enumerate();
    named.map(|(place, count)| (name(place), count)).collect()
}

fn classed(waits: &[Duration]) -> Vec<Bar> {
    let mut bars: Vec<Bar> = CLASSES
        .iter()
        .map(|(_, name)| (format!("≤ {name}"), 0))
        .collect();
    bars.push(("longer".to_owned(), 0));
    for wait in waits {
        let class = CLASSES
            .iter()
            .position(|(end, _)| wait.as_secs_f64() <= secs(*end));
        bars[class.unwrap_or(CLASSES.len())].1 += 1;
    }
    bars
}

#[expect(clippy::cast_precision_loss, reason = "seconds below two hours")]
fn secs(seconds: u64) -> f64 {
    seconds as f64
}

/// Nearest rank, of sorted waits.
fn percentiles(waits: &[Duration]) -> Option<[f64; 3]> {
    let at = |percent: usize| {
        let rank = (waits.len() * percent).div_ceil(100).max(1);
        waits.get(rank - 1).map(Duration::as_secs_f64)
    };
    Some([at(50)?, at(95)?, at(99)?])
}

fn slowest(lives: &[Life]) -> Vec<(String, f64)> {
    let mut all: Vec<(&Life, Duration)> = lives
        .iter()
        .filter_map(|life| Some((life, life.wait()?)))
        .collect();
    all.sort_by_key(|(_, wait)| std::cmp::Reverse(*wait));
    let named = all.into_iter().take(NAMED);
    named
        .map(|(life, wait)| (life.serial.clone(), wait.as_secs_f64()))
        .collect()
}

fn failed(lives: &[Life]) -> Vec<(String, String)> {
    let failed = lives
        .iter()
        .filter_map(|life| Some((life.serial.clone(), life.error.clone()?)));
    failed.take(NAMED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(serial: u64, asked: u64, wait: u64) -> Life {
        Life {
            serial: format!("SN-{serial}"),
            state: "Vended".to_owned(),
            error: None,
            asked_at: Some(UnixMillis(asked)),
            ready_at: Some(UnixMillis(asked + wait)),
        }
    }

    #[test]
    fn every_certificate_is_in_one_bar_and_one_class() {
        let lives: Vec<Life> = (0..1000).map(|n| life(n, n * 1_500, n * 40)).collect();
        let facts = Facts::of("b", UnixMillis(0), 10.0, &lives);
        assert_eq!(facts.issued.iter().map(|(_, n)| n).sum::<u64>(), 1000);
        assert_eq!(facts.waits.iter().map(|(_, n)| n).sum::<u64>(), 1000);
        assert_eq!(facts.issued.len(), 26);
        assert_eq!((facts.step_minutes, facts.quota_per_step), (1, 600));
        assert_eq!(facts.slowest[0], ("SN-999".to_owned(), 39.96));
        assert_eq!(facts.percentiles, Some([19.96, 37.96, 39.56]));
    }

    #[test]
    fn a_long_shift_has_wider_bars() {
        let lives = [life(1, 0, 0), life(2, 12 * 3_600_000, 0)];
        let facts = Facts::of("b", UnixMillis(0), 10.0, &lives);
        assert_eq!((facts.step_minutes, facts.issued.len()), (7, 103));
        assert_eq!(facts.issued[0].0, "1970-01-01 00:00");
    }

    #[test]
    fn an_empty_batch_has_a_report_too() {
        let facts = Facts::of("b", UnixMillis(0), 10.0, &[]);
        assert_eq!((facts.rows, facts.percentiles), (0, None));
        assert!(facts.issued.is_empty());
    }

    #[test]
    fn failures_are_counted_by_reason() {
        let failed = |reason: &str| Life {
            error: Some(reason.to_owned()),
            state: "Failed".to_owned(),
            ..Life::default()
        };
        let lives = [failed("denied"), failed("policy_missing"), failed("denied")];
        let facts = Facts::of("b", UnixMillis(0), 10.0, &lives);
        let due = vec![("denied".to_owned(), 2), ("policy_missing".to_owned(), 1)];
        assert_eq!(facts.failures, due);
        assert_eq!(facts.states, [("Failed".to_owned(), 3)]);
    }
}
