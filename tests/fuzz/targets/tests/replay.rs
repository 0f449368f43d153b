//! Runs every committed input through its target: no fuzzer, no instrumentation, seconds.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::path::Path;
use std::path::PathBuf;

use cvm_fuzz_targets::ALL;
use cvm_fuzz_targets::Target;
use cvm_fuzz_targets::told::Told;

fn inputs(target: &Target) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let entries = corpus
        .join(target.name)
        .read_dir()
        .expect("the folder of seeds");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn every_seed_keeps_the_rules() {
    for target in ALL {
        let inputs = inputs(&target);
        assert!(!inputs.is_empty(), "{} has no seeds", target.name);
        let mut told = Told::default();
        for path in inputs {
            println!("{}", path.display());
            (target.run)(&std::fs::read(&path).expect("a seed"), &mut told);
        }
        println!("{}: {:?}", target.name, told.ends);
    }
}

#[test]
fn no_input_is_an_input() {
    for target in ALL {
        (target.run)(b"", &mut Told::default());
    }
}

#[test]
fn seeds_stay_small() {
    let size = |path: &PathBuf| std::fs::metadata(path).expect("a seed").len();
    let sizes = ALL.iter().flat_map(inputs).map(|path| size(&path));
    assert!(sizes.sum::<u64>() < 100_000);
}
