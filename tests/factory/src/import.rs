//! A large import: a tenth of it first and once more, to weigh against, then all of it, cut off in the middle and gone on
//! with.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use cvm_lambda::error::Error;
use cvm_shared::bundle::digest;
use serde_json::Value;

use crate::child::Answer;
use crate::site::Site;

/// What a row may cost beyond constant memory: the digest of its serial number, its line, and room in the map for more.
pub const BYTES_A_ROW: u64 = 64;
/// What the allocator may add to that.
pub const SLACK: u64 = 4 << 20;

/// How many rows one call inserts.
const BATCH: u64 = 25;

/// How a large import goes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rows of the large file; ten times those of the small one.
    pub rows: u64,
    /// Whether rows are only checked, and no table is there.
    pub dry_run: bool,
}

/// One run of the tool.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it was for.
    pub name: &'static str,
    /// Its exit code.
    pub code: Option<i32>,
    /// Rows that it added.
    pub imported: u64,
    /// Rows that were there already.
    pub already_there: u64,
    /// How long it took.
    pub took: Duration,
    /// The most memory that it had in use, in bytes.
    pub peak: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it was to go.
    pub plan: Plan,
    /// The runs: the small file twice, the large one cut off, and gone on with; in a dry run there is nothing to cut off.
    pub runs: Vec<Run>,
    /// Rows that are in the table.
    pub stored: u64,
}

impl Outcome {
    /// How much more memory ten times the rows take, in bytes.
    pub fn growth(&self) -> u64 {
        let peak = |of: &[Run]| of.iter().map(|run| run.peak).max().unwrap_or_default();
        // What is there already takes another way, whose code counts as well: like is weighed against like.
        let small = self.runs.len().min(2);
        peak(&self.runs[small..]).saturating_sub(peak(&self.runs[..small]))
    }

    /// How much more it may be.
    pub fn growth_most(&self) -> u64 {
        SLACK + BYTES_A_ROW * self.plan.rows
    }

    /// Whether every row came in once, however often it was cut off, in memory that hardly grows.
    pub fn is_sound(&self) -> bool {
        let counts: Vec<_> = self.runs.iter().map(counts).collect();
        let (rows, few) = (self.plan.rows, self.plan.rows / 10);
        let rows_are_right = match &counts[..] {
            [small, again, large] if self.plan.dry_run => {
                [*small, *again] == [(Some(0), few, 0); 2]
                    && *large == (Some(0), rows, 0)
                    && self.stored == 0
            }
            [small, again, cut, rest] => {
                let (_, first, _) = cut;
                *small == (Some(0), few, 0)
                    && *again == (Some(0), 0, few)
                    && *cut == (Some(130), *first, 0)
                    && (1..rows).contains(first)
                    && *rest == (Some(0), rows - first, *first)
                    && self.stored == rows + few
            }
            _ => false,
        };
        rows_are_right && self.growth() <= self.growth_most()
    }
}

fn counts(run: &Run) -> (Option<i32>, u64, u64) {
    (run.code, run.imported, run.already_there)
}

/// Carries it out.
pub async fn import(site: &Site, plan: Plan) -> Result<Outcome, Error> {
    let small = site.file("small.csv", &devices("FEW", plan.rows / 10))?;
    let large = site.file("large.csv", &devices("MANY", plan.rows))?;
    let mut runs = vec![
        uncut(site, plan, "a tenth", &small).await?,
        uncut(site, plan, "once more", &small).await?,
    ];
    if plan.dry_run {
        runs.push(uncut(site, plan, "all", &large).await?);
    } else {
        let middle = site.after_calls("BatchExecuteStatement", plan.rows / BATCH / 2);
        let cut = site.cvmctl.run_until(&words(plan, &large), middle).await?;
        runs.push(run("cut off", &cut)?);
        runs.push(uncut(site, plan, "gone on with", &large).await?);
    }
    let stored = site.account()?.items().len() as u64;
    Ok(Outcome { plan, runs, stored })
}

async fn uncut(site: &Site, plan: Plan, name: &'static str, file: &Path) -> Result<Run, Error> {
    run(name, &site.cvmctl.run(&words(plan, file)).await?)
}

fn words(plan: Plan, file: &Path) -> Vec<&str> {
    let mut words = vec!["devices", "import", "--output", "json", "--default-policy"];
    words.push(cvm_standin::Account::POLICY);
    words.extend(file.to_str());
    words.extend(plan.dry_run.then_some("--dry-run"));
    words
}

fn run(name: &'static str, answer: &Answer) -> Result<Run, Error> {
    let summary = answer
        .objects()
        .pop()
        .map(|mut last| last["summary"].take());
    let said = || Error::Usage(format!("no summary: {}{}", answer.out, answer.err));
    let summary = summary.filter(Value::is_object).ok_or_else(said)?;
    let count = |what: &str| summary[what].as_u64().unwrap_or_default();
    Ok(Run {
        name,
        code: answer.code,
        imported: count("imported"),
        already_there: count("alreadyThere"),
        took: answer.took,
        peak: answer.peak,
    })
}

/// A file with so many devices, each with a secret of its own that nobody could guess.
pub(crate) fn devices(prefix: &str, rows: u64) -> String {
    let mut text = "productid,secret,thingName,policyName\n".to_owned();
    for number in 0..rows {
        let serial = format!("{prefix}-{number:07}");
        let secret = digest(serial.as_bytes());
        // Writing into memory does not fail.
        let _ = writeln!(text, "{serial},{secret},,");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &'static str, code: i32, imported: u64, already_there: u64, peak: u64) -> Run {
        Run {
            name,
            code: Some(code),
            imported,
            already_there,
            took: Duration::from_secs(1),
            peak,
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            plan: Plan {
                rows: 1000,
                dry_run: false,
            },
            runs: vec![
                run("a tenth", 0, 100, 0, 20 << 20),
                run("once more", 0, 0, 100, 21 << 20),
                run("cut off", 130, 500, 0, 20 << 20),
                run("gone on with", 0, 500, 500, 21 << 20),
            ],
            stored: 1100,
        }
    }

    #[test]
    fn each_broken_promise_is_seen() {
        assert!(outcome().is_sound());
        let breaks: [fn(&mut Outcome); 7] = [
            |outcome| outcome.stored = 1099,
            |outcome| outcome.runs[2].code = Some(0),
            |outcome| outcome.runs[2].imported = 1000,
            |outcome| outcome.runs[3].imported = 501,
            |outcome| outcome.runs[3].already_there = 0,
            |outcome| outcome.runs[3].peak = 40 << 20,
            |outcome| outcome.runs.truncate(3),
        ];
        for broken in breaks {
            let mut outcome = outcome();
            broken(&mut outcome);
            assert!(!outcome.is_sound(), "{outcome:?}");
        }
    }
}
