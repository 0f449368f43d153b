//! What is a difference, and what is noise.

use crate::timing::stats::cropped;
use crate::timing::stats::quantile;
use crate::timing::stats::sorted;
use crate::timing::stats::welch;

/// Up to which part of all samples each crop goes.
pub const CROPS: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 1.0];
/// What dudect calls a difference.
pub const T_MIN: f64 = 4.5;
/// On how many crops it must be one: most.
pub const CROPS_MIN: usize = 4;
/// What a network could carry at the very best, in nanoseconds.
pub const SHIFT_NS_MIN: f64 = 100.0;
/// And as a part of the whole: less is how code happens to lie in memory.
pub const SHIFT_PART_MIN: f64 = 0.005;

/// One class beside the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The first one's median, in nanoseconds.
    pub base_ns: f64,
    /// This one's median, in nanoseconds.
    pub median_ns: f64,
    /// By how much the quartiles have moved: the middle one of the three differences, in nanoseconds.
    pub shift_ns: f64,
    /// Welch's t on each crop.
    pub t: [f64; CROPS.len()],
}

impl Comparison {
    /// Compares two classes' samples, in nanoseconds.
    pub fn of(base: &[f64], other: &[f64]) -> Self {
        let all = sorted([base, other].concat());
        let (base, other) = (sorted(base.to_vec()), sorted(other.to_vec()));
        let moved = |part| quantile(&other, part) - quantile(&base, part);
        let shifts = sorted([0.25, 0.5, 0.75].map(moved).to_vec());
        Self {
            base_ns: quantile(&base, 0.5),
            median_ns: quantile(&other, 0.5),
            shift_ns: shifts[1],
            t: CROPS.map(|part| {
                let most = quantile(&all, part);
                welch(cropped(&other, most), cropped(&base, most))
            }),
        }
    }

    /// By how much the quartiles have moved, as a part of the first one's median.
    pub fn shift_part(&self) -> f64 {
        self.shift_ns / self.base_ns.max(1.0)
    }

    /// On how many crops it is significant.
    pub fn crops_met(&self) -> usize {
        self.t.iter().filter(|t| t.abs() >= T_MIN).count()
    }

    /// Whether a stopwatch tells them apart.
    pub fn is_difference(&self) -> bool {
        self.crops_met() >= CROPS_MIN
            && self.shift_ns.abs() >= SHIFT_NS_MIN
            && self.shift_part().abs() >= SHIFT_PART_MIN
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    /// Times as a computer makes them: a body with a long tail.
    fn times(seed: u64, count: usize, more: f64) -> Vec<f64> {
        let mut random = StdRng::seed_from_u64(seed);
        let time = |_| {
            let body: f64 = (0..12).map(|_| random.random::<f64>()).sum();
            let tail = if random.random::<f64>() < 0.01 {
                50_000.0
            } else {
                0.0
            };
            20_000.0 + more + body * 100.0 + tail
        };
        (0..count).map(time).collect()
    }

    #[test]
    fn the_same_is_no_difference_and_more_is() {
        let base = times(1, 5_000, 0.0);
        assert!(!Comparison::of(&base, &times(2, 5_000, 0.0)).is_difference());
        for more in [-400.0, 400.0] {
            let found = Comparison::of(&base, &times(3, 5_000, more));
            assert!(found.is_difference(), "{found:?}");
            assert!(found.shift_ns * more > 0.0);
        }
    }

    /// Significant and too small for any wire.
    #[test]
    fn a_few_nanoseconds_are_not_called_a_difference() {
        let (base, other) = (times(1, 50_000, 0.0), times(2, 50_000, 60.0));
        let found = Comparison::of(&base, &other);
        assert!(found.crops_met() >= CROPS_MIN, "{found:?}");
        assert!(!found.is_difference(), "{found:?}");
    }
}
