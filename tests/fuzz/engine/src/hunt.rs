//! The loop: take a known input, change it, run it, keep it if it reached something new.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use cvm_fuzz_targets::Target;
use cvm_fuzz_targets::told::Told;

use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::files;
use crate::files::AtHand;
use crate::mutate::Sources;
use crate::mutate::mutate;
use crate::panics;
use crate::panics::Panicked;
use crate::pool::Pool;
use crate::shrink::shrink;
use crate::summary::Finding;
use crate::summary::Summary;
use crate::watchdog;

/// Where a hunt reads and writes.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Seeds; never written to.
    pub seeds: PathBuf,
    /// What earlier hunts kept, and this one adds to.
    pub grown: PathBuf,
    /// Inputs with which something went wrong.
    pub findings: PathBuf,
}

/// How many tries a finding is made shorter in.
const SHRINK_TRIES: usize = 3000;
/// After how many different findings a hunt gives up.
const FINDINGS_MAX: usize = 10;
/// How often one input is changed and run before another is chosen.
const TURNS: usize = 24;

struct Hunt<'a> {
    target: &'a Target,
    folders: &'a Folders,
    at_hand: AtHand,
    coverage: Coverage,
    dice: Dice,
    pool: Pool,
    told: Told,
    summary: Summary,
}

/// Hunts in this target for this long.
#[expect(
    clippy::disallowed_methods,
    reason = "a hunt lasts for real seconds; nothing in a run sees them"
)]
pub fn hunt(
    target: &Target,
    folders: &Folders,
    at_hand: &Path,
    (time, seed): (Duration, u64),
) -> io::Result<Summary> {
    let start = Instant::now();
    panics::watch();
    let mut hunt = Hunt {
        target,
        folders,
        at_hand: AtHand::create(at_hand)?,
        coverage: Coverage::new(),
        dice: Dice::new(seed),
        pool: Pool::default(),
        told: Told::default(),
        summary: Summary::default(),
    };
    hunt.load()?;
    while start.elapsed() < time && hunt.summary.findings.len() < FINDINGS_MAX {
        hunt.turn()?;
    }
    Ok(hunt.summed_up(start.elapsed()))
}

impl Hunt<'_> {
    /// Runs seeds and what was kept before; all of them stay in the pool if they reach anything.
    fn load(&mut self) -> io::Result<()> {
        // What a first run sets up once is nobody's coverage.
        self.run(b"")?;
        self.coverage.take();
        let seeds = files::inputs(&self.folders.seeds)?;
        self.summary.seeds = seeds.len();
        for (_, input) in seeds {
            self.try_one(input, false)?;
        }
        self.summary.seed_coverage = self.coverage.reached.edges;
        for (_, input) in files::inputs(&self.folders.grown)? {
            self.try_one(input, false)?;
        }
        if self.pool.is_empty() {
            self.pool.keep(Vec::new(), 0);
        }
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        let base = self.pool.next(&mut self.dice).to_vec();
        for _ in 0..TURNS {
            let mut input = base.clone();
            let sources = Sources {
                other: self.pool.any(&mut self.dice),
                words: self.target.words,
                longest: self.target.longest,
            };
            mutate(&mut input, &mut self.dice, sources);
            self.try_one(input, true)?;
        }
        Ok(())
    }

    fn try_one(&mut self, input: Vec<u8>, is_new: bool) -> io::Result<()> {
        self.summary.executions += 1;
        let panicked = self.run(&input)?;
        let news = self.coverage.take();
        if let Some(panicked) = panicked {
            return self.found(panicked, input);
        }
        if news.features > 0 {
            if is_new {
                files::keep(&self.folders.grown, &input)?;
            }
            self.pool.keep(input, news.edges);
        }
        Ok(())
    }

    fn run(&mut self, input: &[u8]) -> io::Result<Option<Panicked>> {
        self.at_hand.note(input)?;
        watchdog::begin();
        self.coverage.reset();
        let (run, told) = (self.target.run, &mut self.told);
        Ok(panics::first_of(|| run(input, told)))
    }

    fn found(&mut self, panicked: Panicked, input: Vec<u8>) -> io::Result<()> {
        let known = &self.summary.findings;
        if known.iter().any(|known| known.place == panicked.place) {
            return Ok(());
        }
        let run = self.target.run;
        let short = shrink(input, SHRINK_TRIES, |input| {
            watchdog::begin();
            let again = panics::first_of(|| run(input, &mut Told::default()));
            again.is_some_and(|again| again.place == panicked.place)
        });
        self.summary.findings.push(Finding {
            input: files::keep(&self.folders.findings, &short)?,
            place: panicked.place,
            message: panicked.message,
        });
        Ok(())
    }

    fn summed_up(self, took: Duration) -> Summary {
        Summary {
            target: self.target.name.to_owned(),
            seconds: took.as_secs_f64(),
            coverage: self.coverage.reached.edges,
            edges: self.coverage.edges(),
            features: self.coverage.reached.features,
            pool: self.pool.len(),
            slow: self.told.slow,
            slowest_micros: u64::try_from(self.told.slowest.as_micros()).unwrap_or(u64::MAX),
            ends: self.told.ends,
            ..self.summary
        }
    }
}
