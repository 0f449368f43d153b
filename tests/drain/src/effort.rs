//! What a simulation itself took: memory and time of this process. Not part of its figures, which repeat.

use std::fs;
use std::time::Duration;
use std::time::Instant;

/// A running watch.
#[derive(Clone, Copy, Debug)]
pub struct Watch(Instant);

impl Watch {
    /// Starts.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a simulation takes is told to people and decides nothing"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// What was taken since, by the process as a whole.
    pub fn read(&self) -> Effort {
        Effort {
            taken: self.0.elapsed(),
            peak_bytes: peak_bytes(),
        }
    }
}

/// What was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Time.
    pub taken: Duration,
    /// The most memory that the process ever had (`VmHWM`); `None` where the system does not tell.
    pub peak_bytes: Option<u64>,
}

/// The most memory that this process ever had, in bytes.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
