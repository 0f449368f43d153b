//! A batch's way through: all its rows looked at or sent, then waited for; and what was counted on the way.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use cvm_shared::failure::Failure;
use cvm_shared::trail::Hand;
use serde_json::Value;

use crate::batch::about::Digest;
use crate::batch::counts::Counts;
use crate::batch::judge::Verdict;
use crate::batch::manifest::Manifest;
use crate::batch::rate::Rate;
use crate::batch::row::Row;
use crate::batch::row::Wanted;
use crate::batch::standing::Standing;
use crate::batch::submit::RealSubmitter;
use crate::batch::submit::problem;
use crate::batch::submitter::Fate;
use crate::batch::submitter::Looked;
use crate::batch::watch::End;
use crate::batch::watch::Watch;
use crate::batch::watch::Watched;
use crate::batch::watch::bar;
use crate::batch::watch::pause;
use crate::context::Context;
use crate::printer::Printer;
use crate::trouble::Trouble;

const TALLY: &[&str] = &["result", "devices"];

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With the last row.
    Over,
    /// Somebody wanted it to stop.
    Stopped,
    /// A call failed.
    Failed(Failure),
}

/// The work on a batch.
pub(super) struct Work<'a> {
    submitter: &'a RealSubmitter,
    stop: &'a AtomicBool,
    problems: Printer,
    tally: Tally,
    open: Vec<Watched>,
    /// How the rows stand that may have their certificates.
    counts: Counts,
    rows: u64,
}

/// What became of the rows on their way into the queue: each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    bad: u64,
    sent: u64,
    already: u64,
    vended: u64,
    refused: u64,
    unsettled: u64,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        submitter: &'a RealSubmitter,
        stop: &'a AtomicBool,
        problems: Printer,
        digest: &Digest,
    ) -> Self {
        Self {
            submitter,
            stop,
            problems,
            tally: Tally::default(),
            open: Vec::new(),
            counts: Counts::default(),
            rows: digest.rows,
        }
    }

    /// Looks at every row and sends nothing.
    pub(super) async fn look(&mut self, manifest: &Manifest) -> Result<Ended, Trouble> {
        let rate = Rate::new(None);
        let mut rows = manifest.rows()?;
        while let Some(chunk) = rows.next_rows(rate.chunk)? {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Ended::Stopped);
            }
            let looked = self.submitter.look(self.sound(chunk)).await;
            let fates: Vec<Fate> = looked.iter().map(would).collect();
            if let Some(failure) = self.take(&looked, fates) {
                return Ok(Ended::Failed(failure));
            }
        }
        Ok(Ended::Over)
    }

    /// Sends what is to be sent.
    pub(super) async fn send(
        &mut self,
        manifest: &Manifest,
        hand: &Hand,
        rate: Option<NonZeroU32>,
    ) -> Result<Ended, Trouble> {
        let rate = Rate::new(rate);
        let bar = bar(self.rows);
        let mut rows = manifest.rows()?;
        let ended = loop {
            let Some(chunk) = rows.next_rows(rate.chunk)? else {
                break Ended::Over;
            };
            let looked = self.submitter.look(self.sound(chunk)).await;
            let count = looked.iter().filter(|row| row.is_sent()).count();
            if self.is_stopped_before(&rate, count).await {
                break Ended::Stopped;
            }
            let fates = self.submitter.carry_out(hand, &looked).await;
            if let Some(failure) = self.take(&looked, fates) {
                break Ended::Failed(failure);
            }
            bar.set_position(self.tally.all());
            bar.set_message(self.words());
        };
        bar.finish_and_clear();
        Ok(ended)
    }

    /// Waits for the turn of so many.
    async fn is_stopped_before(&self, rate: &Rate, count: usize) -> bool {
        while let Some(wait) = rate.not_yet(count) {
            if pause(&self.submitter.clock, wait, self.stop).await {
                return true;
            }
        }
        self.stop.load(Ordering::Relaxed)
    }

    /// Watches what is on its way.
    pub(super) async fn wait(&mut self, quota: u32) -> Ended {
        let rows = (std::mem::take(&mut self.open), self.counts.clone());
        let (table, clock) = (&self.submitter.rows, &self.submitter.clock);
        let watch = Watch::new(table, clock, self.stop, quota, rows);
        let (end, counts) = watch.until_the_end().await;
        self.counts = counts;
        match end {
            End::Over => Ended::Over,
            End::Stopped => Ended::Stopped,
            End::Failed(failure) => Ended::Failed(failure),
        }
    }

    /// The sound rows; the bad ones are counted.
    fn sound(&mut self, chunk: Vec<Row>) -> Vec<Wanted> {
        let mut sound = Vec::with_capacity(chunk.len());
        for row in chunk {
            match row {
                Row::Sound(wanted) => sound.push(wanted),
                Row::Bad(_) => self.tally.bad += 1,
            }
        }
        sound
    }

    /// Counts what became of these rows. A failure is the cause to stop; the first one, for others may be its echo.
    fn take(&mut self, looked: &[Looked], fates: Vec<Fate>) -> Option<Failure> {
        let mut cause = None;
        for (looked, fate) in looked.iter().zip(fates) {
            let (line, serial) = (looked.wanted.line, looked.wanted.serial.as_str());
            match fate {
                Fate::Sent => {
                    self.tally.sent += 1;
                    self.expect(&looked.wanted);
                }
                Fate::Already => {
                    self.tally.already += 1;
                    self.expect(&looked.wanted);
                }
                Fate::Vended => {
                    self.tally.vended += 1;
                    self.counts.add(Standing::Vended, 1);
                }
                Fate::Refused(why) => {
                    self.tally.refused += 1;
                    self.problems
                        .page(&[problem(line, serial, &why.to_string())]);
                }
                Fate::Unsettled(failure) => {
                    self.tally.unsettled += 1;
                    cause = cause.or(Some(failure));
                }
            }
        }
        cause
    }

    fn expect(&mut self, wanted: &Wanted) {
        self.counts.add(Standing::Requested, 1);
        self.open.push(Watched::new(wanted, Standing::Requested));
    }

    /// Whether every row that was come to has its certificate, or is on its way to it.
    pub(super) fn is_well(&self) -> bool {
        let Tally { bad, refused, .. } = self.tally;
        let fine = self.counts.on_their_way() + self.counts.of(Standing::Vended);
        bad + refused == 0 && fine == self.counts.all()
    }

    fn words(&self) -> String {
        let Tally { sent, refused, .. } = self.tally;
        let throttles = match self.submitter.throttles() {
            0 => String::new(),
            count => format!(", {count} throttled calls"),
        };
        format!("{sent} sent, {refused} refused{throttles}")
    }

    /// Prints what became of the rows.
    pub(super) fn print(&self, context: &Context, dry_run: bool) {
        let Tally {
            bad,
            sent,
            already,
            vended,
            refused,
            unsettled,
        } = self.tally;
        let missed = self.rows - self.tally.all();
        let told = [
            ("rows", self.rows),
            ("bad", bad),
            (if dry_run { "would be sent" } else { "sent" }, sent),
            ("were on their way", already),
            ("had their certificates", vended),
            ("refused", refused),
            ("unsettled", unsettled),
            ("not come to", missed),
            ("Vended now", self.counts.of(Standing::Vended)),
            ("on their way now", self.counts.on_their_way()),
            ("Failed", self.counts.of(Standing::Failed)),
        ];
        // A dry run sees no further than the look.
        let shown = told.len() - if dry_run { 3 } else { 0 };
        let row =
            |(name, count): &(&str, u64)| -> Vec<Value> { vec![(*name).into(), (*count).into()] };
        let rows: Vec<_> = told.iter().take(shown).map(row).collect();
        context.printer(TALLY).page(&rows);
    }
}

impl Tally {
    fn all(self) -> u64 {
        self.bad + self.sent + self.already + self.vended + self.refused + self.unsettled
    }
}

/// What would become of a row.
fn would(looked: &Looked) -> Fate {
    match &looked.verdict {
        Ok(Verdict::Send(_)) => Fate::Sent,
        Ok(Verdict::Already) => Fate::Already,
        Ok(Verdict::Vended) => Fate::Vended,
        Ok(Verdict::Refused(why)) => Fate::Refused(why.clone()),
        Err(failure) => Fate::Unsettled(failure.clone()),
    }
}
