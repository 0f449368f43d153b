//! All words and names that a version writes and the others must know.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use cvm_shared::entry::Entry;
use cvm_shared::failure::FailureCode;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::NAMES;
use cvm_shared::trail::Deed;
use serde::Deserialize;
use serde::Serialize;

use crate::lives::Lives;

/// Words, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Words(BTreeMap<String, BTreeSet<String>>);

impl Words {
    /// Those of this version: what its lists say, and what occurs in the lives.
    pub(crate) fn of(lives: &Lives) -> Self {
        let mut words = Self::default();
        for (number, name) in NAMES {
            words.add("states", &format!("{number} {name}"));
        }
        for code in FailureCode::ALL {
            words.add("failures", code.as_str());
        }
        for deed in Deed::ALL {
            words.add("deeds", deed.as_str());
        }
        for disuse in Disuse::ALL {
            words.add("disuses", disuse.as_str());
        }
        for policy in Reprovision::ALL {
            words.add("policies", policy.as_str());
        }
        words.names(lives);
        words
    }

    /// The names of columns, fields and facts.
    fn names(&mut self, lives: &Lives) {
        for name in lives.items().iter().flat_map(|item| item.keys()) {
            self.add("columns", name);
        }
        for entry in lives.rows.iter().filter_map(Entry::of) {
            for name in entry.facts.keys() {
                self.add("facts", name);
            }
        }
        for order in &lives.orders {
            let message: serde_json::Value = serde_json::from_str(&order.encode()).unwrap();
            for name in message.as_object().unwrap().keys() {
                self.add("fields", name);
            }
        }
    }

    /// One more.
    pub(crate) fn add(&mut self, kind: &str, word: &str) {
        let known = self.0.entry(kind.to_owned()).or_default();
        known.insert(word.to_owned());
    }

    /// The words among `others` that these lack, but for columns and fields: those are let through.
    pub(crate) fn lack(&self, others: &Self) -> Vec<String> {
        let meaning = |kind: &&String| !matches!(kind.as_str(), "columns" | "fields");
        let mut lacking = Vec::new();
        for kind in others.0.keys().filter(meaning) {
            let known = self.0.get(kind).cloned().unwrap_or_default();
            let new = others.0[kind].difference(&known);
            lacking.extend(new.map(|word| format!("{kind}: {word}")));
        }
        lacking
    }
}
