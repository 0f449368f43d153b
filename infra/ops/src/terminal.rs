//! What the operator sees: answers on stdout, the progress bar on stderr if that is a terminal.

use std::io;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use comfy_table::Cell;
use comfy_table::CellAlignment;
use comfy_table::Color;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use serde_json::Value;
use serde_json::json;

use crate::cli::Output;
use crate::devices::story::Story;
use crate::import::End;
use crate::import::Progress;
use crate::import::Refusal;
use crate::import::Summary;
use crate::printer::plain;
use crate::printer::sheet;

/// Writes one answer. Nobody may be listening any more (`| head`): that stops no work.
pub fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes one complaint.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "cvmctl: {text}");
}

/// An import as it is watched from a terminal.
#[derive(Debug)]
pub struct Watch<'a> {
    bar: ProgressBar,
    output: Output,
    stop: &'a AtomicBool,
}

impl<'a> Watch<'a> {
    /// A watch over a file of this many bytes; `stop` is raised to end the import.
    pub fn new(bytes: u64, output: Output, stop: &'a AtomicBool) -> Self {
        // Draws nothing unless stderr is a terminal.
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let template = "{bar:30} {percent:>3}% {msg}, {elapsed} gone, {eta} to go";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, output, stop }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch<'_> {
    fn refused(&self, refusal: &Refusal) {
        let text = match self.output {
            Output::Table => format!("line {}: {}", refusal.line, refusal.reason),
            Output::Json => {
                json!({ "line": refusal.line, "reason": refusal.reason.to_string() }).to_string()
            }
            Output::Csv => csv_line([&refusal.line.to_string(), &refusal.reason.to_string()]),
        };
        self.bar.suspend(|| say(&text));
    }

    fn settled(&self, summary: &Summary, bytes: u64) {
        self.bar.set_position(bytes);
        let (rows, refused) = (summary.rows(), summary.refused());
        self.bar
            .set_message(format!("{rows} rows, {refused} refused"));
    }

    fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The end of an import.
pub fn summary(summary: &Summary, dry_run: bool, output: Output, styled: bool) -> String {
    match output {
        Output::Json => summary_json(summary, dry_run).to_string(),
        Output::Csv => {
            let counts = summary_json(summary, dry_run)["summary"].clone();
            let counts = counts.as_object().into_iter().flatten();
            let told: Vec<String> = counts
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            csv_line(["summary", &told.join(", ")])
        }
        Output::Table => {
            let imported = if dry_run { "sound" } else { "imported" };
            let mut lines = vec![
                (imported, summary.imported, Color::Green),
                ("already there", summary.already_there, Color::Green),
                ("conflicting", summary.conflicting, Color::Red),
                ("bad", summary.bad, Color::Red),
                ("unsettled", summary.unsettled, Color::Yellow),
            ];
            // A dry run asks no table.
            lines.retain(|(name, _, _)| !dry_run || ["sound", "bad"].contains(name));
            let mut table = sheet(styled);
            for (name, count, colour) in lines {
                let cell = Cell::new(count).set_alignment(CellAlignment::Right);
                let cell = if count == 0 { cell } else { cell.fg(colour) };
                table.add_row([Cell::new(name), cell]);
            }
            table.trim_fmt()
        }
    }
}

fn summary_json(summary: &Summary, dry_run: bool) -> Value {
    let end = match summary.end {
        End::Complete => "complete",
        End::Stopped => "stopped",
        End::Failed(_) => "failed",
        End::Unreadable(_) => "unreadable",
    };
    let counts = serde_json::to_value(summary).unwrap_or_default();
    json!({ "summary": counts, "end": end, "dryRun": dry_run })
}

/// A device's story.
pub fn story(story: &Story, output: Output, styled: bool) -> String {
    match output {
        Output::Json => serde_json::to_string_pretty(story).unwrap_or_default(),
        Output::Csv => {
            let facts = story
                .facts()
                .map(|(name, value)| csv_line([name, &plain(value)]));
            facts.collect::<Vec<_>>().join("\n")
        }
        Output::Table => {
            let mut table = sheet(styled);
            for (name, value) in story.lines() {
                let colour = colour_of(name, &value);
                let cell = Cell::new(value);
                let cell = colour.map_or(cell.clone(), |colour| cell.fg(colour));
                table.add_row([Cell::new(name).fg(Color::DarkGrey), cell]);
            }
            table.trim_fmt()
        }
    }
}

/// Two cells of a CSV file, without the line's end.
pub(crate) fn csv_line(cells: [&str; 2]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory does not fail.
    let _ = writer.write_record(cells);
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

fn colour_of(name: &str, value: &str) -> Option<Color> {
    match (name, value) {
        ("state", "Vended") => Some(Color::Green),
        ("state", "Failed") | ("failure", _) => Some(Color::Red),
        ("state", "Requested" | "Issuing") => Some(Color::Yellow),
        ("state", "Disabled") => Some(Color::DarkGrey),
        _ => None,
    }
}
