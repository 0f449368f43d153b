//! Ends the process if one input takes for ever.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

static RUNS: AtomicU64 = AtomicU64::new(0);

/// A run begins.
pub fn begin() {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

/// From now on a run that lasts longer than this, or twice as long at most, ends the process. The
/// input that it was at lies in the file that [`crate::files`] keeps for that.
pub fn watch(patience: Duration) {
    std::thread::spawn(move || {
        let mut before = None;
        loop {
            std::thread::sleep(patience);
            let runs = RUNS.load(Ordering::Relaxed);
            if before == Some(runs) {
                eprintln!("one input took longer than {} s", patience.as_secs());
                std::process::abort();
            }
            before = Some(runs);
        }
    });
}
