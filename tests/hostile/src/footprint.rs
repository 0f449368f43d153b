//! All that a request could leave behind, so that two looks can be compared.

use std::collections::BTreeMap;

use cvm_standin::Account;
use serde_json::Value;

/// What there is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// The device rows by serial number.
    pub rows: BTreeMap<String, Value>,
    /// The guard's items by key.
    pub guarded: BTreeMap<String, Value>,
    /// Messages in the work queue.
    pub queue: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Staged bundles.
    pub objects: usize,
    /// Certificates that were ever created.
    pub created: u64,
    /// How often each call of AWS was made.
    pub calls: BTreeMap<String, u64>,
}

impl Footprint {
    /// What there is now.
    pub fn of(account: &Account) -> Self {
        Self {
            rows: by_key(account.items(), "productid"),
            guarded: by_key(account.guarded(), Account::GUARD_KEY),
            queue: account.queue_depth().total(),
            dead_letters: account.dead_letters().len(),
            objects: account.objects(),
            created: account.created(),
            calls: account.calls(),
        }
    }

    /// The rows that differ.
    pub fn changed_rows(&self, before: &Self) -> Vec<String> {
        let all = self.rows.keys().chain(before.rows.keys());
        let mut changed: Vec<String> = all
            .filter(|key| self.rows.get(*key) != before.rows.get(*key))
            .cloned()
            .collect();
        changed.dedup();
        changed
    }

    /// The guard's items that are new or other than before.
    pub fn changed_guards(&self, before: &Self) -> Vec<String> {
        let changed = self
            .guarded
            .iter()
            .filter(|(key, item)| before.guarded.get(*key) != Some(item));
        changed.map(|(key, _)| key.clone()).collect()
    }

    /// The calls that were made since, by name.
    pub fn calls_since(&self, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        since(&self.calls, before)
    }

    /// Whether all else is as it was.
    pub fn is_like(&self, before: &Self) -> bool {
        let calls = self.calls.clone();
        let before = Self {
            calls,
            ..before.clone()
        };
        *self == before
    }
}

/// How often each call was made between two counts.
pub fn since(
    after: &BTreeMap<String, u64>,
    before: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let made = |(name, count): (&String, &u64)| {
        let made = count - before.get(name).copied().unwrap_or_default();
        (made > 0).then(|| (name.clone(), made))
    };
    after.iter().filter_map(made).collect()
}

fn by_key(items: Vec<Value>, key: &str) -> BTreeMap<String, Value> {
    let named = |item: Value| {
        let name = item[key]["S"].as_str().unwrap_or_default().to_owned();
        (name, item)
    };
    items.into_iter().map(named).collect()
}
