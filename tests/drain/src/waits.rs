//! How long devices waited, in little memory: a histogram whose bars are a hundredth wide.

/// The number of bars from one doubling to the next.
const BARS: f64 = 70.0;

/// Waits. Each is known to a hundredth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waits {
    bars: Vec<u64>,
    count: u64,
    most_millis: u64,
}

impl Waits {
    /// Notes one wait.
    pub fn note(&mut self, millis: u64) {
        let bar = bar_of(millis);
        if self.bars.len() <= bar {
            self.bars.resize(bar + 1, 0);
        }
        self.bars[bar] += 1;
        self.count += 1;
        self.most_millis = self.most_millis.max(millis);
    }

    /// How many were noted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn most_seconds(&self) -> f64 {
        self.most_millis as f64 / 1000.0
    }

    /// What this many of a hundred do not exceed, in seconds; zero if there is none.
    pub fn percentile_seconds(&self, percent: u64) -> f64 {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let at = self.bars.iter().position(|bar| {
            seen += bar;
            seen >= rank
        });
        at.map_or(0.0, |bar| seconds_of(bar).min(self.most_seconds()))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a logarithm of a wait is between 0 and 64"
)]
fn bar_of(millis: u64) -> usize {
    ((millis.max(1) as f64).log2() * BARS).round() as usize
}

#[expect(clippy::cast_precision_loss, reason = "there are few bars")]
fn seconds_of(bar: usize) -> f64 {
    (bar as f64 / BARS).exp2() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_known_to_a_hundredth() {
        let mut waits = Waits::default();
        for seconds in 1..=1000 {
            waits.note(seconds * 1000);
        }
        for (percent, expected) in [(50, 500.0), (99, 990.0), (100, 1000.0)] {
            let told = waits.percentile_seconds(percent);
            assert!((told / expected - 1.0_f64).abs() < 0.01, "{told}");
        }
        assert!((waits.most_seconds() - 1000.0).abs() < 1e-9);
        assert!(Waits::default().percentile_seconds(50) < 1e-9);
    }
}
