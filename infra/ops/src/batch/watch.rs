//! A batch on its way, watched until every row is at its end.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::rows::ROWS;
use cvm_shared::ports::Clock;
use futures_util::StreamExt as _;
use futures_util::stream;
use indicatif::HumanDuration;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::batch::counts::Counts;
use crate::batch::insist::Throttles;
use crate::batch::insist::insist;
use crate::batch::pace::Pace;
use crate::batch::row::Wanted;
use crate::batch::standing::Standing;
use cvm_shared::operate::rows::Rows;

pub(super) const COST: &str = "\
Watching reads rows that are on their way, and no others: at most 1000 of them every 5 seconds, the next
in turn and some of the rest. A batch of 100,000 at 10 a second takes 2.8 hours and 2 million reads, one
unit each for a row of up to 4 kB: about $0.25. Whoever does not wait reads each row once.";

/// How long one look follows on another.
const EVERY: Duration = Duration::from_secs(5);
/// How often a stop is looked for meanwhile.
const HEED: Duration = Duration::from_millis(100);
/// How many rows are looked at that are the next in turn, and how many of the others.
const HEAD: usize = 500;
const OTHERS: usize = 500;
/// How many reads are on their way at once.
const READS: usize = 5;

/// A row that is watched, without its signing request: there may be a hundred thousand.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    serial: SerialNumber,
    key: Option<PublicKeyDigest>,
    standing: Standing,
}

impl Watched {
    /// The row as it stood last.
    pub(super) fn new(wanted: &Wanted, standing: Standing) -> Self {
        Self {
            serial: wanted.serial.clone(),
            key: wanted.public_key(),
            standing,
        }
    }
}

/// Looks after rows.
pub(super) struct Watch<'a, W, C> {
    rows: &'a W,
    clock: &'a C,
    stop: &'a AtomicBool,
    throttles: Throttles,
    bar: ProgressBar,
    pace: Pace,
    /// The rows that are on their way, in the order in which they were sent.
    open: Vec<Watched>,
    /// Where among the others the next look begins.
    place: usize,
    /// How all rows of the batch stand.
    counts: Counts,
}

/// How a watch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// No row is on its way any more.
    Over,
    /// Somebody wanted it to stop.
    Stopped,
    /// The rows could not be read.
    Failed(Failure),
}

impl<'a, W: Rows, C: Clock> Watch<'a, W, C> {
    /// A watch over these rows; `counts` has all of the batch, and them among it.
    pub(super) fn new(
        rows: &'a W,
        clock: &'a C,
        stop: &'a AtomicBool,
        quota: u32,
        (open, counts): (Vec<Watched>, Counts),
    ) -> Self {
        Self {
            rows,
            clock,
            stop,
            throttles: Throttles::default(),
            bar: bar(counts.all()),
            pace: Pace::new(quota),
            open,
            place: 0,
            counts,
        }
    }

    /// Looks until the end, and tells how the rows stood then.
    pub(super) async fn until_the_end(mut self) -> (End, Counts) {
        let end = loop {
            match self.look().await {
                Err(failure) => break End::Failed(failure),
                Ok(()) if self.open.is_empty() => break End::Over,
                Ok(()) => {}
            }
            self.show();
            if pause(self.clock, EVERY, self.stop).await {
                break End::Stopped;
            }
        };
        self.bar.finish_and_clear();
        (end, self.counts)
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let places: Vec<usize> = self.next_places().into_iter().collect();
        let found = self.read(&places).await;
        for (place, standing) in places.into_iter().zip(found) {
            let (standing, row) = (standing?, &mut self.open[place]);
            self.counts.moved(row.standing, standing);
            row.standing = standing;
        }
        self.open.retain(|row| row.standing.is_on_its_way());
        let done = self.counts.of(Standing::Vended);
        self.pace.note(self.clock.now(), done);
        Ok(())
    }

    /// Orders are worked off nearly in their order, so those ahead tell most. One that is stuck must not hide the rest.
    fn next_places(&mut self) -> BTreeSet<usize> {
        let count = self.open.len();
        let head = 0..count.min(HEAD);
        let others = count - head.len();
        let first = head.len();
        let start = self.place.checked_rem(others).unwrap_or_default();
        let some = (0..others.min(OTHERS)).map(|n| first + (start + n) % others);
        self.place = start + OTHERS;
        head.chain(some).collect()
    }

    async fn read(&self, places: &[usize]) -> Vec<Result<Standing, Failure>> {
        let rows: Vec<&Watched> = places.iter().map(|place| &self.open[*place]).collect();
        let reads: Vec<_> = rows.chunks(ROWS).map(|part| self.read_part(part)).collect();
        let found = stream::iter(reads).buffered(READS).collect::<Vec<_>>();
        found.await.concat()
    }

    async fn read_part(&self, part: &[&Watched]) -> Vec<Result<Standing, Failure>> {
        insist(self.clock, &self.throttles, part, async |open| {
            let serials: Vec<_> = open.iter().map(|row| row.serial.clone()).collect();
            let found = self.rows.load_many(&serials).await;
            let keys = open.iter().map(|row| row.key);
            let pairs = found.iter().zip(keys);
            pairs
                .map(|(found, key)| Standing::found(found, key))
                .collect()
        })
        .await
    }

    fn show(&self) {
        let left = self.counts.on_their_way();
        let rate = self.pace.live().map(|rate| format!(", {rate:.1}/s"));
        let rest = self.pace.rest(left).map(|rest| {
            let rest = HumanDuration(rest);
            format!(", {rest} to go")
        });
        let throttles = match self.throttles.count() {
            0 => String::new(),
            count => format!(", {count} throttled reads"),
        };
        let (rate, rest) = (rate.unwrap_or_default(), rest.unwrap_or_default());
        let words = self.counts.words();
        self.bar.set_position(self.counts.all() - left);
        self.bar
            .set_message(format!("{words}{rate}{throttles}{rest}"));
    }
}

/// A bar on stderr; it draws nothing unless that is a terminal.
pub(super) fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Waits, and tells whether somebody wanted to stop meanwhile.
pub(super) async fn pause(clock: &impl Clock, span: Duration, stop: &AtomicBool) -> bool {
    let until = clock.now().plus(span);
    while !stop.load(Ordering::Relaxed) {
        let left = until.since(clock.now());
        if left.is_zero() {
            return false;
        }
        clock.sleep(left.min(HEED)).await;
    }
    true
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
