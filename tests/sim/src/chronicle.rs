//! What happened in a run: a hash of all of it, counts for the table, and the text if it is wanted.

use std::collections::BTreeMap;

/// Counts by section and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(&'static str, &'static str), u64>);

impl Tally {
    /// Counts so many.
    pub fn add(&mut self, section: &'static str, name: &'static str, count: u64) {
        *self.0.entry((section, name)).or_default() += count;
    }

    /// How many were counted.
    pub fn of(&self, section: &'static str, name: &'static str) -> u64 {
        self.0.get(&(section, name)).copied().unwrap_or_default()
    }

    /// All counts of this one added.
    pub fn merge(&mut self, other: &Self) {
        for ((section, name), count) in &other.0 {
            self.add(section, name, *count);
        }
    }

    /// All counts, by section and name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.0
            .iter()
            .map(|((section, name), count)| (*section, *name, *count))
    }
}

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub rule: &'static str,
    /// How.
    pub what: String,
}

/// The record of a run.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    /// Counts.
    pub tally: Tally,
    /// How many calls the ports had.
    pub calls: u64,
    /// The first invariant that was broken.
    pub violation: Option<Violation>,
    /// The text, line by line, if it is wanted.
    pub lines: Option<Vec<String>>,
    hash: u64,
}

/// FNV-1a, 64 bits.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl Chronicle {
    /// A chronicle with its text, or without.
    pub fn new(with_text: bool) -> Self {
        Self {
            lines: with_text.then(Vec::new),
            hash: BASIS,
            ..Self::default()
        }
    }

    /// Mixes an event into the hash.
    pub fn mix(&mut self, at: u64, numbers: &[u64], name: &str) {
        let bytes = name.bytes().map(u64::from);
        for number in [at].iter().chain(numbers).copied().chain(bytes) {
            self.hash = (self.hash ^ number).wrapping_mul(PRIME);
        }
    }

    /// The hash of all events: the same seed has the same.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Notes that an invariant was broken; the first one counts.
    pub fn broke(&mut self, rule: &'static str, what: String) {
        if self.violation.is_none() {
            if let Some(lines) = &mut self.lines {
                lines.push(format!("BROKEN {rule}: {what}"));
            }
            self.violation = Some(Violation { rule, what });
        }
    }
}
