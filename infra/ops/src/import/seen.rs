//! What was read from a file before, and on which line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher as _;
use std::hash::Hash;
use std::hash::RandomState;

/// What was read so far, as 64-bit digests under a random key, with their lines: 20 to 40 bytes per row. In a file
/// of ten million rows two digests meet by chance once in 370,000 files; the second device is then refused, by line,
/// and can be imported from a file of its own.
#[derive(Default)]
pub(crate) struct Seen {
    digests: RandomState,
    lines: HashMap<u64, u64>,
}

impl Seen {
    /// The line that this stood on before, if it did.
    pub(crate) fn first<T: Hash + ?Sized>(&mut self, what: &T, line: u64) -> Option<u64> {
        match self.lines.entry(self.digests.hash_one(what)) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(line);
                None
            }
        }
    }
}
