//! How many rows of a batch stand how.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::batch::standing::Standing;
use crate::context::Context;

const COLUMNS: &[&str] = &["state", "devices"];

/// A count for each standing that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<Standing, u64>);

impl Counts {
    /// Counts so many more.
    pub(super) fn add(&mut self, standing: Standing, more: u64) {
        if more > 0 {
            *self.0.entry(standing).or_default() += more;
        }
    }

    /// Counts one that stood otherwise before.
    pub(super) fn moved(&mut self, before: Standing, after: Standing) {
        if let Some(count) = self.0.get_mut(&before) {
            *count = count.saturating_sub(1);
        }
        self.add(after, 1);
    }

    /// How many stand so.
    pub(super) fn of(&self, standing: Standing) -> u64 {
        self.0.get(&standing).copied().unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many a worker has before it.
    pub(super) fn on_their_way(&self) -> u64 {
        let on_their_way = self
            .0
            .iter()
            .filter(|(standing, _)| standing.is_on_its_way());
        on_their_way.map(|(_, count)| count).sum()
    }

    /// The counts in words.
    pub(super) fn words(&self) -> String {
        let some = self.0.iter().filter(|(_, count)| **count > 0);
        let words = some.map(|(standing, count)| format!("{count} {}", standing.as_str()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Prints a line for each.
    pub(super) fn print(&self, context: &Context) {
        let some = self.0.iter().filter(|(_, count)| **count > 0);
        let row = |(standing, count): (&Standing, &u64)| -> Vec<Value> {
            vec![standing.as_str().into(), (*count).into()]
        };
        let rows: Vec<_> = some.map(row).collect();
        context.printer(COLUMNS).page(&rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_moves_is_counted_once() {
        let mut counts = Counts::default();
        counts.add(Standing::Requested, 3);
        counts.add(Standing::Bad, 0);
        counts.moved(Standing::Requested, Standing::Vended);
        assert_eq!((counts.all(), counts.on_their_way()), (3, 2));
        assert_eq!(counts.of(Standing::Vended), 1);
        assert_eq!(counts.words(), "1 Vended, 2 Requested");
    }
}
