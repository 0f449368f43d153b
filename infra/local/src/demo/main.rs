//! `cargo demo`: from nothing to devices that talk MQTT with the certificates they were vended.

mod args;
mod figures;
mod ground;
mod host;
mod proof;
mod report;
mod run;
mod screen;
mod vending;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::args::Args;
use crate::screen::Screen;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let screen = Screen::new();
    // Whichever ends first drops the other, and with it the emulator and all else that runs.
    let code = tokio::select! {
        biased;
        code = interrupted() => {
            screen.say("demo: interrupted, and everything is stopped");
            code
        }
        ended = run::demo(&args, &screen) => match ended {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                screen.say(&format!("demo: {error}"));
                ExitCode::FAILURE
            }
        },
    };
    screen.clear();
    code
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
