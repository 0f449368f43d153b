//! What is seen while it runs: a line per step that is done, and a bar or a spinner for the one under way.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use tokio::time::Instant;

/// Standard error. On a terminal it moves; elsewhere there are only the lines.
pub(crate) struct Screen {
    bars: MultiProgress,
    moves: bool,
}

/// A step that is under way; it leaves the screen when it is dropped.
pub(crate) struct Step<'a> {
    screen: &'a Screen,
    name: &'static str,
    bar: ProgressBar,
    started: Instant,
}

impl Screen {
    /// An empty screen.
    pub(crate) fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            moves: std::io::stderr().is_terminal(),
        }
    }

    /// Prints a line above what moves.
    pub(crate) fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    /// Removes what moves.
    pub(crate) fn clear(&self) {
        // A terminal that is gone needs no clearing.
        let _gone = self.bars.clear();
    }

    /// A step whose length nobody knows.
    pub(crate) fn step(&self, name: &'static str) -> Step<'_> {
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        self.begin(name, bar)
    }

    /// A step that draws its own progress, as cargo does.
    pub(crate) fn foreign_step(&self, name: &'static str) -> Step<'_> {
        self.begin(name, ProgressBar::hidden())
    }

    /// A step of this many parts.
    pub(crate) fn counted_step(&self, name: &'static str, parts: usize) -> Step<'_> {
        let bar = self.bars.add(ProgressBar::new(parts as u64));
        bar.set_style(style("{spinner} {msg} {bar:32} {pos}/{len} {elapsed}"));
        self.begin(name, bar)
    }

    fn begin(&self, name: &'static str, bar: ProgressBar) -> Step<'_> {
        bar.set_message(format!("{name:<10}"));
        if self.moves && !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Step {
            screen: self,
            name,
            bar,
            started: Instant::now(),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Step<'_> {
    /// One part more is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// It is done: leaves a line.
    pub(crate) fn done(self, what: impl Display) -> Duration {
        let took = self.started.elapsed();
        self.bar.finish_and_clear();
        let line = format!("  {:<10} {what} ({:.1} s)", self.name, took.as_secs_f64());
        self.screen.say(&line);
        took
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
