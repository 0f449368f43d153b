//! Stands between cargo and rustc: has the compiler count edges in the crates that are fuzzed.
//!
//! Only in those: the counters of an HTTP client that no target calls would be looked at after every
//! run. And only where cargo names a target, so that build scripts and macros stay as they are.

use std::ffi::OsString;
use std::process::Command;
use std::process::ExitCode;

/// Others' crates that read what strangers send.
const READERS: [&str; 8] = [
    "aws_lambda_events",
    "base64",
    "csv",
    "csv_core",
    "der",
    "http",
    "serde_json",
    "x509_parser",
];

/// As cargo-fuzz has them.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Whether this process was started by cargo in the compiler's place.
pub(crate) const ASKED: &str = "CVM_FUZZ_INSTRUMENT";

/// Runs the compiler that the arguments name, with the flags where they belong.
pub(crate) fn compile(args: impl Iterator<Item = OsString>) -> ExitCode {
    let mut args = args.skip(1);
    let Some(rustc) = args.next() else {
        eprintln!("this is for cargo: RUSTC_WRAPPER");
        return ExitCode::from(2);
    };
    let args: Vec<OsString> = args.collect();
    let flags: &[&str] = if is_counted(&args) { &FLAGS } else { &[] };
    let status = Command::new(rustc).args(args).args(flags).status();
    let code = status.ok().and_then(|status| status.code());
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(2))
}

fn is_counted(args: &[OsString]) -> bool {
    let after = |name: &str| {
        let place = args.iter().position(|arg| arg == name)?;
        args.get(place + 1)?.to_str()
    };
    let Some(name) = after("--crate-name") else {
        return false;
    };
    let ours = name.starts_with("cvm_");
    after("--target").is_some() && (ours || READERS.contains(&name))
}
