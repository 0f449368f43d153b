//! A hunt finds what is planted for it, keeps it short, and leaves a sound target alone.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use cvm_fuzz_engine::hunt::Folders;
use cvm_fuzz_engine::hunt::hunt;
use cvm_fuzz_engine::summary::Summary;
use cvm_fuzz_targets::Target;
use cvm_fuzz_targets::told::Told;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("finds")
        .join(name)
}

fn hunted(name: &'static str, run: fn(&[u8], &mut Told)) -> Summary {
    let target = Target {
        name,
        run,
        words: &["magic", "other"],
        longest: 200,
    };
    let of = |kind: &str| folder(name).join(kind);
    let folders = Folders {
        seeds: of("seeds"),
        grown: of("grown"),
        findings: of("findings"),
    };
    let time = (Duration::from_millis(300), 1);
    hunt(&target, &folders, &of("at-hand"), time).expect("a hunt")
}

#[test]
fn planted_panics_are_found_and_made_short() {
    let summary = hunted("planted", |input, told| {
        told.end("seen");
        // One that is caught on its way counts as well.
        let caught = std::panic::catch_unwind(|| {
            assert!(!input.windows(5).any(|five| five == b"magic"), "planted");
        });
        drop(caught);
    });
    let [finding] = summary.findings.as_slice() else {
        panic!("{summary:?}");
    };
    assert_eq!(finding.message, "planted");
    assert!(
        finding.place.starts_with("engine/tests/finds.rs:"),
        "{}",
        finding.place
    );
    assert_eq!(std::fs::read(&finding.input).expect("the input"), b"magic");
    assert!(summary.executions > 0 && summary.ends["seen"] > 0);
    let sound = hunted("sound", |_, _| {});
    assert!(sound.findings.is_empty() && sound.executions > 100);
}
