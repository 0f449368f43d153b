//! What came of all hunts: a table for people, JSON for the rest.

use std::fmt;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::json;

use crate::summary::Summary;

/// The summaries of all hunts.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Vec<Summary>);

const HEADER: [&str; 9] = [
    "target",
    "executions",
    "per second",
    "coverage",
    "by what was there",
    "features",
    "slow",
    "slowest",
    "crashes",
];

impl Report {
    /// Whether nothing went wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.0.iter().all(|summary| summary.finding.is_none())
    }

    /// All of it.
    pub(crate) fn json(&self) -> String {
        let executions: u64 = self.0.iter().map(|one| one.executions).sum();
        let crashes = self.0.iter().filter(|one| one.finding.is_some()).count();
        let all = json!({ "executions": executions, "crashes": crashes, "targets": self.0 });
        format!("{all:#}\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(HEADER);
        for summary in &self.0 {
            table.add_row(row(summary));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "{table}")?;
        for summary in &self.0 {
            writeln!(f, "{}: {}", summary.target, ends(summary))?;
        }
        self.0.iter().try_for_each(|one| write_finding(f, one))
    }
}

fn row(one: &Summary) -> [String; 9] {
    let slowest = f64::from(u32::try_from(one.told.slowest_micros).unwrap_or(u32::MAX));
    [
        one.target.clone(),
        one.executions.to_string(),
        one.per_second.to_string(),
        format!("{} of {}", one.coverage, one.edges),
        one.seed_coverage.to_string(),
        one.features.to_string(),
        one.told.slow.to_string(),
        format!("{:.1} ms", slowest / 1000.0),
        u8::from(one.finding.is_some()).to_string(),
    ]
}

/// How many inputs came to which end.
fn ends(one: &Summary) -> String {
    let ends = one.told.ends.iter();
    let ends: Vec<String> = ends.map(|(how, count)| format!("{how} {count}")).collect();
    ends.join(", ")
}

fn write_finding(f: &mut fmt::Formatter<'_>, one: &Summary) -> fmt::Result {
    let Some(finding) = &one.finding else {
        return Ok(());
    };
    writeln!(f, "\n{}: {}", one.target, finding.message)?;
    match &finding.input {
        Some(input) => {
            let input = input.display();
            writeln!(
                f,
                "again: cargo fuzz-all --target {} --input {input}",
                one.target
            )
        }
        None => Ok(()),
    }
}
