//! What a move tells: the first problems one by one, and at the end how many things came to which end.

use cvm_shared::operate::moving::Stored;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use serde_json::Value;

use crate::cli::Exit;
use crate::context::Context;
use crate::printer::Printer;
use crate::terminal::complain;

const PROBLEMS: &[&str] = &["part", "name", "problem"];
const COUNTS: &[&str] = &["part", "looked at", "new", "brought forward", "problems"];

/// What is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Keys,
    Trails,
    Devices,
}

impl Part {
    const ALL: [Self; 3] = [Self::Keys, Self::Trails, Self::Devices];

    fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Trails => "trails",
            Self::Devices => "devices",
        }
    }
}

/// How many came to which end. What was looked at and is neither new, nor brought forward, nor a problem, was the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) looked_at: u64,
    pub(super) new: u64,
    pub(super) forward: u64,
    pub(super) problems: u64,
}

/// How far it is, on stderr; it draws nothing unless that is a terminal. How much there is, nobody has counted.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed} gone") {
        spinner.set_style(style);
    }
    spinner
}

/// All that is told.
pub(super) struct Tally<'a> {
    context: &'a Context,
    problems: Printer,
    left_to_show: usize,
    counts: [Counts; 3],
    bar: ProgressBar,
    /// Devices whose bundles wait, which are not moved.
    bundles: u64,
}

impl<'a> Tally<'a> {
    /// An empty one, which tells so many problems one by one.
    pub(super) fn new(context: &'a Context, show: usize) -> Self {
        Self {
            context,
            problems: context.printer(PROBLEMS),
            left_to_show: show,
            counts: [Counts::default(); 3],
            bar: spinner(),
            bundles: 0,
        }
    }

    /// The counts of a part.
    pub(super) fn of(&mut self, part: Part) -> &mut Counts {
        &mut self.counts[part as usize]
    }

    /// So many of a part are dealt with.
    pub(super) fn looked_at(&mut self, part: Part, count: usize) {
        self.of(part).looked_at += count as u64;
        let words = Part::ALL.map(|part| {
            let count = self.counts[part as usize].looked_at;
            format!("{count} {}", part.as_str())
        });
        self.bar.set_message(words.join(", "));
        self.bar.tick();
    }

    /// One more device whose bundle waits.
    pub(super) fn bundle_waits(&mut self) {
        self.bundles += 1;
    }

    /// Something that is not as it should be.
    pub(super) fn problem(&mut self, part: Part, name: &str, problem: &str) {
        self.of(part).problems += 1;
        if self.left_to_show == 0 {
            return;
        }
        self.left_to_show -= 1;
        let row: Vec<Value> = vec![part.as_str().into(), name.into(), problem.into()];
        self.bar.suspend(|| self.problems.page(&[row]));
    }

    /// A row that cannot be moved as it is; whether it can.
    pub(super) fn is_sound(&mut self, stored: &Stored) -> bool {
        let problem = match &stored.record {
            Err(failure) => format!("cannot be read: {failure}"),
            Ok(_) if !stored.unknown.is_empty() => {
                let columns = stored.unknown.join(", ");
                format!(
                    "holds what this version does not know, in {columns}: use the version that wrote it"
                )
            }
            Ok(_) => return true,
        };
        self.problem(Part::Devices, &stored.name, &problem);
        false
    }

    /// Prints the counts.
    pub(super) fn print(&self, deed: &str) {
        self.bar.finish_and_clear();
        let row = |part: Part| -> Vec<Value> {
            let counts = self.counts[part as usize];
            vec![
                part.as_str().into(),
                counts.looked_at.into(),
                counts.new.into(),
                counts.forward.into(),
                counts.problems.into(),
            ]
        };
        let rows: Vec<_> = Part::ALL.into_iter().map(row).collect();
        self.context.printer(COUNTS).page(&rows);
        let problems = self.problems();
        if problems > 0 {
            complain(&format!("{deed}, with {problems} problems"));
        }
        if self.bundles > 0 {
            let count = self.bundles;
            complain(&format!(
                "the bundles of {count} devices wait where they were, and were not moved: see --help"
            ));
        }
    }

    fn problems(&self) -> u64 {
        self.counts.iter().map(|counts| counts.problems).sum()
    }

    /// Whether all of it is well.
    pub(super) fn exit(&self) -> Exit {
        if self.problems() == 0 {
            Exit::Done
        } else {
            Exit::Refused
        }
    }
}
