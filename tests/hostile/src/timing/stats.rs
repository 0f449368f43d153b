//! Quantiles, crops and Welch's t. Pure.

/// A summary of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(samples: &[f64]) -> Self {
        let count = real(samples.len());
        let mean = samples.iter().sum::<f64>() / count;
        let squares = samples.iter().map(|value| (value - mean).powi(2));
        Self {
            count,
            mean,
            variance: squares.sum::<f64>() / (count - 1.0),
        }
    }
}

/// Welch's t of two sets of samples; 0 if either is too small to say anything.
pub fn welch(one: &[f64], other: &[f64]) -> f64 {
    if one.len() < 2 || other.len() < 2 {
        return 0.0;
    }
    let (one, other) = (Moments::of(one), Moments::of(other));
    let spread = (one.variance / one.count + other.variance / other.count).sqrt();
    if spread > 0.0 {
        (one.mean - other.mean) / spread
    } else if one.mean.total_cmp(&other.mean).is_eq() {
        0.0
    } else {
        f64::INFINITY.copysign(one.mean - other.mean)
    }
}

/// The value below which this part of the sorted samples lies.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = (real(last) * part.clamp(0.0, 1.0)).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// The samples up to this value.
pub fn cropped(sorted: &[f64], most: f64) -> &[f64] {
    &sorted[..sorted.partition_point(|value| *value <= most)]
}

/// Sorts.
pub fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples")]
fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn t_is_the_difference_in_spreads() {
        let (one, other) = ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]);
        // Means 2 and 4, variances 1 and 4: -2 / sqrt(1/3 + 4/3).
        assert!(close(welch(&one, &other), -2.0 / (5.0_f64 / 3.0).sqrt()));
        assert!(close(welch(&one, &one), 0.0));
        assert!(close(welch(&[1.0], &other), 0.0));
        assert!(welch(&[2.0, 2.0], &[1.0, 1.0]).is_infinite());
    }

    #[test]
    fn quantiles_and_crops_are_places_in_the_order() {
        let all = sorted((0..101).rev().map(f64::from).collect());
        assert!(close(quantile(&all, 0.25), 25.0));
        assert!(close(quantile(&all, 1.0), 100.0));
        assert_eq!(cropped(&all, 9.5).len(), 10);
        assert!(close(quantile(&[], 0.5), 0.0));
    }
}
