//! The inputs that reached something new, and which of them is tried next.

use crate::dice::Dice;

/// Inputs worth making others of.
#[derive(Clone, Debug, Default)]
pub struct Pool(Vec<Kept>);

#[derive(Clone, Debug)]
struct Kept {
    bytes: Vec<u8>,
    /// How many edges it was the first to reach.
    first_at: usize,
}

impl Pool {
    /// Keeps an input that was the first to reach so many edges.
    pub fn keep(&mut self, bytes: Vec<u8>, first_at: usize) {
        self.0.push(Kept { bytes, first_at });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Any input.
    pub fn any(&self, dice: &mut Dice) -> &[u8] {
        dice.pick(&self.0).map_or(&[], |kept| &kept.bytes)
    }

    /// The input to change next: often a late one, for what is new lies behind what was just found,
    /// and of two the one that reached more edges first.
    pub fn next(&self, dice: &mut Dice) -> &[u8] {
        let late = self.0.len().saturating_sub(self.0.len() / 4 + 8);
        let from = if dice.one_in(2) { late } else { 0 };
        let pair = [dice.pick(&self.0[from..]), dice.pick(&self.0[from..])];
        let better = pair.into_iter().flatten().max_by_key(|kept| kept.first_at);
        better.map_or(&[], |kept| &kept.bytes)
    }
}
