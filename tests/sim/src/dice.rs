//! All chance of a run, from one seed.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_shared::ports::Random;

/// The step of `SplitMix64` (Steele, Lea and Flood, 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Seeded randomness (`SplitMix64`). Clones draw from one sequence.
#[derive(Clone, Debug)]
pub struct Dice(Arc<AtomicU64>);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        let dice = Self(Arc::new(AtomicU64::new(seed)));
        // Neighbouring seeds start far apart.
        let start = dice.roll();
        dice.0.store(start, Ordering::Relaxed);
        dice
    }

    /// 64 random bits.
    pub fn roll(&self) -> u64 {
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from zero to below `bound`; zero if there is none.
    pub fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.roll()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A number between the two, both included.
    pub fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// A number from 0 to below 1.
    pub fn part(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.roll() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// Whether something of this probability happens.
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.part() < probability
    }

    /// A span between the two, in whole milliseconds.
    pub fn span(&self, least: Duration, most: Duration) -> Duration {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.between(millis(least), millis(most)))
    }

    /// One of these.
    pub fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or_default()]
    }

    /// Puts them into another order.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(other).unwrap_or_default());
        }
    }
}

impl Random for Dice {
    fn bytes(&self) -> [u8; 16] {
        let (high, low) = (u128::from(self.roll()), u128::from(self.roll()));
        ((high << 64) | low).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_its_neighbour_differs() {
        let draw = |seed| {
            let dice = Dice::new(seed);
            [dice.roll(), dice.between(3, 9), dice.below(100)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let dice = Dice::new(1);
        let drawn: Vec<u64> = (0..1000).map(|_| dice.between(2, 4)).collect();
        for wanted in 2..=4 {
            assert!(drawn.contains(&wanted));
        }
        assert!(drawn.iter().all(|number| (2..=4).contains(number)));
    }
}
