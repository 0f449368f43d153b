//! What happened in all runs, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::Table;

use crate::chronicle::Tally;

/// The figures of many runs.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// How many seeds were played.
    pub seeds: u64,
    /// How many calls the ports had.
    pub calls: u64,
    /// How much virtual time passed.
    pub lasted: Duration,
    /// Counts.
    pub tally: Tally,
}

impl Figures {
    /// These and those of another one.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.calls += other.calls;
        self.lasted += other.lasted;
        self.tally.merge(&other.tally);
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        let mut last = "";
        let mut cell = String::new();
        for (section, name, count) in self.tally.iter() {
            if section != last && !last.is_empty() {
                table.add_row([last, cell.trim_end()]);
                cell.clear();
            }
            last = section;
            let _ = writeln!(cell, "{count:>12}  {name}");
        }
        table.add_row([last, cell.trim_end()]);
        table.to_string()
    }

    /// How fast it went.
    pub fn throughput(&self, took: Duration) -> String {
        let per_second = |count: f64| count / took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let (seeds, calls) = (self.seeds as f64, self.calls as f64);
        let days = self.lasted.as_secs_f64() / 86_400.0;
        format!(
            "{} seeds in {:.1} s: {:.0} seeds/s, {:.0} port calls/s, {:.0} virtual days/s",
            self.seeds,
            took.as_secs_f64(),
            per_second(seeds),
            per_second(calls),
            per_second(days),
        )
    }

    /// The same for programs.
    pub fn json(&self, took: Duration) -> serde_json::Value {
        let mut counts = serde_json::Map::new();
        for (section, name, count) in self.tally.iter() {
            counts.insert(format!("{section}: {name}"), count.into());
        }
        serde_json::json!({
            "seeds": self.seeds,
            "portCalls": self.calls,
            "virtualSeconds": self.lasted.as_secs(),
            "tookSeconds": took.as_secs_f64(),
            "counts": counts,
        })
    }
}
