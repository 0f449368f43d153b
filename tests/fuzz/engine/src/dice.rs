//! Randomness from a seed: fast, and the same in every run of the same seed.

/// A generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, or 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = usize::try_from(self.number() >> 1).unwrap_or_default();
        number.checked_rem(bound).unwrap_or_default()
    }

    /// Whether one chance in so many came true.
    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// One of these; `None` if there is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let place = self.below(all.len());
        all.get(place)
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// A stretch of something of this length: where it begins and ends. Short ones are more likely.
    pub fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let left = length - start;
        let most = if self.one_in(4) { left } else { left.min(16) };
        start..start + self.below(most + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_stay_inside() {
        let mut dice = Dice::new(1);
        for length in [0, 1, 7, 1000] {
            for _ in 0..1000 {
                let stretch = dice.stretch(length);
                assert!(stretch.start <= stretch.end && stretch.end <= length);
            }
        }
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
