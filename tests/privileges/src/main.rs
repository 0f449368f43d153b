//! `cargo privileges`: all that is recorded, made anew and held against the list.

#![allow(
    clippy::unwrap_used,
    reason = "a tool of the tests: it may panic as they may"
)]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;

use cvm_privileges::recording;
use cvm_privileges::recording::Calls;

const USAGE: &str = "\
Runs the end-to-end suite and the crash matrix, and compares the calls made with tests/privileges/recorded.ndjson.

  cargo privileges            says what is new and what was not made; exits with 1 if there is any
  cargo privileges --write    adds what is new
  cargo privileges --forget   adds what is new, and removes what was not made";

/// The runs that record, and the file each leaves in the cache.
const RUNS: [(&[&str], &str); 2] = [
    (
        &["test", "--locked", "--workspace", "--test", "e2e"],
        "calls-e2e.ndjson",
    ),
    (
        &["crash", "--standin", "--faults", "all", "--dev"],
        "calls-crash.ndjson",
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (write, forget) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (false, false),
        ["--write"] => (true, false),
        ["--forget"] => (true, true),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (made, all_ran) = make();
    let (news, missing) = (recording::news(&made), recording::missing(&made));
    for line in &news {
        println!("{line}");
    }
    for call in &missing {
        println!("not made: {call}");
    }
    if !all_ran {
        eprintln!("a run failed: what it has recorded need not be all");
    }
    if write && (all_ran || !forget) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded.ndjson");
        std::fs::write(path, recording::text(&kept(made, forget))).unwrap();
        return ExitCode::SUCCESS;
    }
    ExitCode::from(u8::from(
        !all_ran || !news.is_empty() || !missing.is_empty(),
    ))
}

/// A refused call is never known.
fn kept(made: Calls, forget: bool) -> Calls {
    let known = if forget {
        Calls::new()
    } else {
        recording::recorded()
    };
    let made = made.into_iter().filter(|call| !call.denied);
    known.into_iter().chain(made).collect()
}

/// Runs all that records; the calls of all, and whether none failed.
fn make() -> (Calls, bool) {
    let (mut made, mut all_ran) = (Calls::new(), true);
    for (arguments, file) in RUNS {
        let path = target().join("cvm-local").join(file);
        // So that an old one is not taken for this run's.
        let _ = std::fs::remove_file(&path);
        let run = cargo().args(arguments).env(recording::ANEW, "1").status();
        all_ran &= run.unwrap().success();
        made.extend(recording::parse(
            &std::fs::read_to_string(path).unwrap_or_default(),
        ));
    }
    (made, all_ran)
}

/// The target directory; cargo knows all the ways to move it.
fn target() -> PathBuf {
    let mut ask = cargo();
    ask.args(["metadata", "--format-version=1", "--no-deps"]);
    let told: serde_json::Value = serde_json::from_slice(&ask.output().unwrap().stdout).unwrap();
    PathBuf::from(told["target_directory"].as_str().unwrap())
}

/// The cargo that runs us.
fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}
