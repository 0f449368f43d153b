//! What several measurements make of raw figures.

use std::path::Path;

/// The middle one; 0 of none.
pub fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Megabytes of memory, of which the kernel tells kilobytes.
#[expect(clippy::cast_precision_loss, reason = "sizes of processes")]
pub fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}

/// How large a file is, in megabytes (10^6).
#[expect(clippy::cast_precision_loss, reason = "sizes of files")]
pub fn file_size(path: &Path) -> f64 {
    path.metadata().map_or(0, |data| data.len()) as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts() {
        assert!((middle(vec![9.0, 1.0, 5.0]) - 5.0).abs() < 1e-9);
        assert!(middle(Vec::new()).abs() < 1e-9);
    }
}
