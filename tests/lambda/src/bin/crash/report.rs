//! The table of `cargo crash`: a line for each call, a column for each strike.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use cvm_lambda::life::Verdict;
use cvm_lambda::matrix::Ran;
use cvm_lambda::matrix::mode_name;
use cvm_lambda::proxy::wire::Strike;
use serde_json::Value;
use serde_json::json;

/// All that came of it.
pub(crate) struct Report {
    pub(crate) ran: Vec<Ran>,
    /// Whether the janitor has swept, and every orphan was old enough for it.
    pub(crate) swept: bool,
    /// The most ACTIVE certificates of a Thing at any instant, where somebody counts.
    pub(crate) most_active: Option<usize>,
}

impl Report {
    fn recovered(&self) -> usize {
        self.ran.iter().filter(|ran| ran.verdict.is_good()).count()
    }

    fn orphans(&self) -> usize {
        self.ran.iter().map(|ran| ran.verdict.orphans.len()).sum()
    }

    fn left(&self) -> Option<usize> {
        self.ran.iter().map(|ran| ran.left).sum()
    }

    fn most_active(&self) -> usize {
        let seen = self.ran.iter().map(|ran| ran.verdict.most_active).max();
        seen.max(self.most_active).unwrap_or_default()
    }

    /// Whether the machine keeps its promise.
    pub(crate) fn is_good(&self) -> bool {
        let swept_clean = !self.swept || self.left() == Some(0);
        self.recovered() == self.ran.len() && self.most_active() <= 1 && swept_clean
    }

    /// The figures.
    pub(crate) fn json(&self) -> Value {
        let cases = self.ran.iter().map(|ran| {
            json!({
                "mode": mode_name(ran.case.mode),
                "number": ran.case.number,
                "call": ran.case.point.to_string(),
                "service": ran.case.point.call.service,
                "strike": ran.case.strike.to_string(),
                "recovered": ran.verdict.is_good(),
                "flaw": ran.verdict.flaw.as_ref().map(ToString::to_string),
                "seconds": ran.verdict.took.as_secs_f64(),
                "created": ran.verdict.created,
                "orphansBefore": ran.verdict.orphans.len(),
                "orphansAfter": ran.left,
                "mostActive": ran.verdict.most_active,
            })
        });
        json!({
            "points": self.ran.len(),
            "recovered": self.recovered(),
            "mostActive": self.most_active(),
            "orphansBefore": self.orphans(),
            "orphansAfter": self.left(),
            "swept": self.swept,
            "ok": self.is_good(),
            "cases": cases.collect::<Vec<_>>(),
        })
    }

    /// The lines of the table: mode and number of the call, and its strikes.
    fn lines(&self) -> BTreeMap<(&'static str, usize), Vec<&Ran>> {
        let mut lines: BTreeMap<_, Vec<&Ran>> = BTreeMap::new();
        for ran in &self.ran {
            let key = (mode_name(ran.case.mode), ran.case.number);
            lines.entry(key).or_default().push(ran);
        }
        lines
    }

    fn strikes(&self) -> Vec<Strike> {
        let mut strikes: Vec<Strike> = self.ran.iter().map(|ran| ran.case.strike).collect();
        strikes.sort_unstable();
        strikes.dedup();
        strikes
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let strikes = self.strikes();
        let mut header = vec!["point".to_owned(), "call".to_owned()];
        header.extend(strikes.iter().map(ToString::to_string));
        header.extend(["orphans", "after sweep", "most ACTIVE"].map(ToOwned::to_owned));
        table.set_header(header);
        for ((mode, number), line) in self.lines() {
            let mut row = vec![format!("{mode}:{number}")];
            row.extend(line.first().map(|ran| ran.case.point.to_string()));
            row.extend(strikes.iter().map(|strike| {
                let struck = line.iter().find(|ran| ran.case.strike == *strike);
                struck.map_or_else(String::new, |ran| outcome(&ran.verdict))
            }));
            let left: Option<usize> = line.iter().map(|ran| ran.left).sum();
            let most = line.iter().map(|ran| ran.verdict.most_active).max();
            row.push(
                line.iter()
                    .map(|ran| ran.verdict.orphans.len())
                    .sum::<usize>()
                    .to_string(),
            );
            row.push(left.map_or("-".to_owned(), |left| left.to_string()));
            row.push(most.unwrap_or_default().to_string());
            table.add_row(row);
        }
        table
    }
}

/// What came of one strike, in a word or two.
pub(crate) fn outcome(verdict: &Verdict) -> String {
    match &verdict.flaw {
        Some(flaw) => flaw.to_string(),
        None if !verdict.struck => "call not made".to_owned(),
        None if verdict.most_active > 1 => format!("{} ACTIVE", verdict.most_active),
        None => format!("recovered, {:.1} s", verdict.took.as_secs_f64()),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table())?;
        let (points, recovered, most) = (self.ran.len(), self.recovered(), self.most_active());
        writeln!(
            f,
            "{recovered} of {points} crashes recovered from; most ACTIVE certificates of a device: {most}"
        )?;
        write!(f, "orphans (never ACTIVE): {}", self.orphans())?;
        match self.left() {
            Some(left) if self.swept => write!(f, ", after the sweep: {left}"),
            Some(_) | None => write!(f, ", not swept"),
        }
    }
}
