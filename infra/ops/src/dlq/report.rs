//! What a replay or a drop tells its operator: a line for each letter, and the sum.

use cvm_shared::failure::Failure;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use serde_json::Value;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::Output;
use crate::context::Context;
use crate::dlq::fate::Fate;
use crate::dlq::fate::Tally;
use crate::dlq::letter::Letter;
use crate::dlq::walk::End;
use crate::dlq::walk::Witness;
use crate::printer::Printer;
use crate::terminal::complain;
use crate::terminal::say;
use crate::trouble::Trouble;

const COLUMNS: &[&str] = &["messageId", "reason", "productid", "requestId", "result"];

/// A report that grows.
pub(super) struct Report {
    printer: Printer,
    output: Output,
    dry_run: bool,
    rows: Vec<Vec<Value>>,
    tally: Tally,
    bar: ProgressBar,
}

impl Report {
    /// A report on about so many letters.
    pub(super) fn new(context: &Context, dry_run: bool, letters: u64) -> Self {
        Self {
            printer: context.printer(COLUMNS),
            output: context.output,
            dry_run,
            rows: Vec::new(),
            tally: Tally::default(),
            bar: bar(letters),
        }
    }

    /// The sum, and how the command ends.
    pub(super) fn conclude(mut self, end: &(End, bool)) -> Result<Exit, Trouble> {
        self.printer.page(&[]);
        self.bar.finish_and_clear();
        self.sum(&end.0);
        given_back(end.1);
        match &end.0 {
            End::Complete if self.tally.is_clean() => Ok(Exit::Done),
            End::Complete => Ok(Exit::Refused),
            End::Stopped => Ok(Exit::Stopped),
            End::Failed(failure) => Err(calling(failure)),
        }
    }

    fn sum(&self, end: &End) {
        let tally = self.tally;
        let dry = if self.dry_run {
            "nothing was done: "
        } else {
            ""
        };
        match self.output {
            Output::Json => {
                let end = match end {
                    End::Complete => "complete",
                    End::Stopped => "stopped",
                    End::Failed(_) => "failed",
                };
                let sum = json!({ "summary": tally, "end": end, "dryRun": self.dry_run });
                say(&sum.to_string());
            }
            Output::Table | Output::Csv => complain(&format!("{dry}{tally}")),
        }
    }
}

impl Witness for Report {
    fn told(&mut self, letter: &Letter, fate: Fate) {
        self.tally.count(&fate);
        let order = letter.order.as_ref().ok();
        self.rows.push(vec![
            letter.id.as_str().into(),
            letter.reason.as_str().into(),
            order.map(|order| order.serial.to_string()).into(),
            order.map(|order| order.request.id.to_string()).into(),
            fate.to_string().into(),
        ]);
    }

    fn paused(&mut self, seen: usize) {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            self.bar.suspend(|| self.printer.page(&rows));
        }
        self.bar.set_position(seen as u64);
    }
}

/// Draws nothing unless stderr is a terminal.
fn bar(letters: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(letters), ProgressDrawTarget::stderr());
    let template = "{bar:30} {pos} of about {len} letters, {elapsed} gone, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Says so if letters that were only looked at are still hidden.
pub(super) fn given_back(all: bool) {
    if !all {
        complain("some letters could not be given back, and may be hidden for 15 minutes");
    }
}

/// A call that failed on the way.
pub(super) fn calling(failure: &Failure) -> Trouble {
    Trouble::calling("dead letters", failure)
}
