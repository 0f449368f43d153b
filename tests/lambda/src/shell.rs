//! What both commands share around their work: one line for an error, nothing left after Ctrl-C, a bar.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::error::Error;

/// Runs a command's work to its end or to Ctrl-C, whichever comes first: the other is dropped, and with it
/// all that it has started.
pub async fn run(name: &str, work: impl Future<Output = Result<bool, Error>>) -> ExitCode {
    tokio::select! {
        biased;
        code = interrupted() => {
            eprintln!("{name}: interrupted, and everything is stopped");
            code
        }
        ended = work => match ended {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{name}: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Waits for Ctrl-C, or for whoever else wants this to end; the exit code is the shells' custom.
async fn interrupted() -> ExitCode {
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signal) => signal.recv().await,
        // Without a handler, the signal's own effect stays.
        Err(_) => std::future::pending().await,
    };
    let number = tokio::select! {
        _ = wait(SignalKind::interrupt()) => 2,
        _ = wait(SignalKind::terminate()) => 15,
        _ = wait(SignalKind::hangup()) => 1,
    };
    ExitCode::from(128 + number)
}

/// A bar on standard error where that is a terminal. It leaves the screen when it is dropped.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar of so many parts.
    pub fn new(name: &str, parts: usize) -> Self {
        let bar = ProgressBar::new(parts as u64);
        let style =
            ProgressStyle::with_template("{spinner} {prefix} {bar:32} {pos}/{len} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name.to_owned());
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self(bar)
    }

    /// One part more is done.
    pub fn advance(&self) {
        self.0.inc(1);
    }

    /// So many parts are done.
    pub fn set(&self, parts: usize) {
        self.0.set_position(parts as u64);
    }

    /// What is seen beside the bar.
    pub fn tell(&self, message: impl Display) {
        self.0.set_message(message.to_string());
    }

    /// Prints a line above it.
    pub fn say(&self, line: impl Display) {
        self.0.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A file that cannot be written is better known before a run than after it.
pub fn check_output(path: Option<&Path>) -> Result<(), Error> {
    let Some(path) = path else {
        return Ok(());
    };
    let opened = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path);
    opened.map(drop).map_err(|source| Error::disk(path, source))
}

/// Writes the figures, if they are wanted.
pub fn save(path: Option<&Path>, figures: &serde_json::Value) -> Result<(), Error> {
    let Some(path) = path else {
        return Ok(());
    };
    let written = std::fs::write(path, format!("{figures:#}\n"));
    written.map_err(|source| Error::disk(path, source))
}
