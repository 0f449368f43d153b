//! What came of all hunts: a table for people, JSON for the rest.

use std::fmt;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;
use serde_json::json;

/// The summaries of all hunters.
#[derive(Debug)]
pub(crate) struct Report(Vec<Value>);

const HEADER: [&str; 10] = [
    "target",
    "executions",
    "per second",
    "coverage",
    "by seeds",
    "features",
    "inputs",
    "slow",
    "slowest",
    "crashes",
];

impl Report {
    pub(crate) fn new(summaries: Vec<Value>) -> Self {
        Self(summaries)
    }

    /// Whether nothing went wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.0.iter().all(|summary| findings(summary).is_empty())
    }

    /// All of it.
    pub(crate) fn json(&self) -> String {
        let executions: u64 = self.0.iter().map(|one| number(one, "executions")).sum();
        let crashes: usize = self.0.iter().map(|one| findings(one).len()).sum();
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
            writeln!(f, "{}: {}", text(summary, "target"), ends(summary))?;
        }
        self.0
            .iter()
            .try_for_each(|summary| write_findings(f, summary))
    }
}

fn row(summary: &Value) -> [String; 10] {
    let count = |name: &str| number(summary, name);
    let per_second = summary["seconds"].as_f64().filter(|seconds| *seconds > 0.0);
    let per_second = per_second.map_or(0.0, |s| {
        summary["executions"].as_f64().unwrap_or_default() / s
    });
    [
        text(summary, "target").to_owned(),
        count("executions").to_string(),
        format!("{per_second:.0}"),
        format!("{} of {}", count("coverage"), count("edges")),
        count("seedCoverage").to_string(),
        count("features").to_string(),
        format!(
            "{} + {}",
            count("seeds"),
            count("pool").saturating_sub(count("seeds"))
        ),
        count("slow").to_string(),
        format!(
            "{:.1} ms",
            summary["slowestMicros"].as_f64().unwrap_or_default() / 1000.0
        ),
        findings(summary).len().to_string(),
    ]
}

/// How many inputs came to which end.
fn ends(summary: &Value) -> String {
    let ends = summary["ends"].as_object().into_iter().flatten();
    let ends: Vec<String> = ends.map(|(how, count)| format!("{how} {count}")).collect();
    ends.join(", ")
}

fn write_findings(f: &mut fmt::Formatter<'_>, summary: &Value) -> fmt::Result {
    let target = text(summary, "target");
    for finding in findings(summary) {
        let (place, input) = (text(finding, "place"), text(finding, "input"));
        writeln!(f, "\n{target}: {place}: {}", text(finding, "message"))?;
        writeln!(f, "again: cargo fuzz-all --target {target} --input {input}")?;
    }
    Ok(())
}

fn findings(summary: &Value) -> &[Value] {
    summary["findings"].as_array().map_or(&[], Vec::as_slice)
}

fn number(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().unwrap_or_default()
}

fn text<'a>(summary: &'a Value, name: &str) -> &'a str {
    summary[name].as_str().unwrap_or_default()
}
