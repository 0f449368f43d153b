//! The figures of `cargo factory`, as a table and as JSON.

use std::time::Duration;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use cvm_factory::batch;
use cvm_factory::import;
use serde_json::Value;
use serde_json::json;

/// What a command tells.
pub(crate) struct Report {
    pub(crate) is_good: bool,
    pub(crate) json: Value,
    tables: Vec<Table>,
}

impl Report {
    /// Of an import.
    pub(crate) fn of_import(outcome: &import::Outcome) -> Self {
        let rows: Vec<Vec<String>> = outcome.runs.iter().map(import_row).collect();
        let header = [
            "run",
            "added",
            "there already",
            "seconds",
            "rows/s",
            "peak MiB",
        ];
        let growth = sheet(
            &["ten times the rows", "MiB"],
            &[
                vec!["took more memory".to_owned(), mebibytes(outcome.growth())],
                vec![
                    "at most wanted".to_owned(),
                    mebibytes(outcome.growth_most()),
                ],
            ],
        );
        Self {
            is_good: outcome.is_sound(),
            json: import_json(outcome),
            tables: vec![sheet(&header, &rows), growth],
        }
    }

    /// Of a batch.
    pub(crate) fn of_batch(outcome: &batch::Outcome) -> Self {
        let rows: Vec<Vec<String>> = outcome.runs.iter().map(batch_row).collect();
        let header = [
            "submit",
            "exit",
            "sent",
            "not come to",
            "vended",
            "seconds",
            "peak MiB",
        ];
        Self {
            is_good: outcome.is_sound(),
            json: batch_json(outcome),
            tables: vec![sheet(&header, &rows), sums(outcome)],
        }
    }

    /// Prints the tables, and whether all of it holds.
    pub(crate) fn print(&self) {
        for table in &self.tables {
            println!("{table}");
        }
        println!(
            "{}",
            if self.is_good {
                "all of it holds"
            } else {
                "NOT all of it holds"
            }
        );
    }
}

fn sheet(header: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn import_row(run: &import::Run) -> Vec<String> {
    vec![
        run.name.to_owned(),
        run.imported.to_string(),
        run.already_there.to_string(),
        seconds(run.took),
        format!("{:.0}", import_rate(run)),
        mebibytes(run.peak),
    ]
}

fn import_rate(run: &import::Run) -> f64 {
    per_second(run.imported + run.already_there, run.took)
}

fn import_json(outcome: &import::Outcome) -> Value {
    let run = |run: &import::Run| {
        json!({
            "run": run.name,
            "exit": run.code,
            "imported": run.imported,
            "alreadyThere": run.already_there,
            "seconds": run.took.as_secs_f64(),
            "rowsPerSecond": import_rate(run),
            "peakBytes": run.peak,
        })
    };
    json!({
        "ok": outcome.is_sound(),
        "rows": outcome.plan.rows,
        "dryRun": outcome.plan.dry_run,
        "runs": outcome.runs.iter().map(run).collect::<Vec<_>>(),
        "stored": outcome.stored,
        "growthBytes": outcome.growth(),
        "growthBytesMost": outcome.growth_most(),
    })
}

fn batch_row(run: &batch::Run) -> Vec<String> {
    let code = run.code.map_or("-".to_owned(), |code| code.to_string());
    let counts = ["sent", "not come to", "Vended now"].map(|what| run.count(what).to_string());
    let [sent, left, vended] = counts;
    let name = if code == "130" {
        "cut off"
    } else {
        "gone on with"
    };
    vec![
        name.to_owned(),
        code,
        sent,
        left,
        vended,
        seconds(run.took),
        mebibytes(run.peak),
    ]
}

fn sums(outcome: &batch::Outcome) -> Table {
    let rate = per_second(outcome.devices, outcome.took);
    let rows = [
        ("devices", outcome.devices.to_string()),
        ("orders sent", outcome.sent().to_string()),
        (
            "rows of the results, right ones",
            format!("{}, {}", outcome.results, outcome.right),
        ),
        ("certificates created", outcome.created.to_string()),
        (
            "most ACTIVE certificates of a device",
            outcome.most_active.to_string(),
        ),
        ("messages delivered", outcome.messages.to_string()),
        ("dead letters", outcome.dead_letters.to_string()),
        ("seconds", seconds(outcome.took)),
        ("devices per second", format!("{rate:.1}")),
    ];
    sheet(
        &["all of it", ""],
        &rows.map(|(name, value)| vec![name.to_owned(), value]),
    )
}

fn batch_json(outcome: &batch::Outcome) -> Value {
    let run = |run: &batch::Run| {
        json!({
            "exit": run.code,
            "tally": run.tally,
            "seconds": run.took.as_secs_f64(),
            "peakBytes": run.peak,
        })
    };
    json!({
        "ok": outcome.is_sound(),
        "devices": outcome.devices,
        "runs": outcome.runs.iter().map(run).collect::<Vec<_>>(),
        "sent": outcome.sent(),
        "results": outcome.results,
        "right": outcome.right,
        "created": outcome.created,
        "mostActive": outcome.most_active,
        "messages": outcome.messages,
        "deadLetters": outcome.dead_letters,
        "seconds": outcome.took.as_secs_f64(),
        "devicesPerSecond": per_second(outcome.devices, outcome.took),
    })
}

fn seconds(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes far below 2^52"
)]
fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(0.001)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes far below 2^52"
)]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
