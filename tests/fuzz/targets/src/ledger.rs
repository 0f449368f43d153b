//! Writes down what a fuzzer's inputs came to: libFuzzer itself only knows that they ended.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::ALL;
use crate::told::Told;

/// The variable that names the file to write to; without it, nothing is written.
pub const FILE: &str = "CVM_FUZZ_TOLD";

/// How often it is written. What the last of these brought is not in it.
const PAUSE: Duration = Duration::from_secs(1);

thread_local! {
    /// libFuzzer runs every input on one thread.
    static LEDGER: RefCell<Ledger> = RefCell::new(Ledger::default());
}

#[derive(Default)]
struct Ledger {
    told: Told,
    written: Option<Instant>,
}

/// Runs one input through the target of this name.
pub fn run(name: &str, input: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    let target = target.expect("an entry names a target");
    LEDGER.with_borrow_mut(|ledger| {
        (target.run)(input, &mut ledger.told);
        ledger.write();
    });
}

impl Ledger {
    #[expect(
        clippy::disallowed_methods,
        reason = "the file is written by the second, and its name is the environment's"
    )]
    fn write(&mut self) {
        if self.written.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        self.written = Some(Instant::now());
        if let Some(file) = std::env::var_os(FILE).map(PathBuf::from) {
            fs::write(file, self.json()).expect("the ledger's file");
        }
    }

    fn json(&self) -> String {
        let slowest = u64::try_from(self.told.slowest.as_micros()).unwrap_or(u64::MAX);
        let (ends, slow) = (&self.told.ends, self.told.slow);
        json!({ "ends": ends, "slow": slow, "slowestMicros": slowest }).to_string()
    }
}
