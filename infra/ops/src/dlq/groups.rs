//! Dead letters by reason: how many, since when, how their devices stand, and what a replay would do.

use std::collections::BTreeMap;

use cvm_shared::time::UnixMillis;
use serde_json::Value;
use serde_json::json;

use crate::calendar::rfc3339;
use crate::dlq::letter::Letter;
use crate::dlq::standing::Standing;
use crate::dlq::verdict::Verdict;
use crate::span::told;

/// The columns of [`Groups::rows`].
pub(super) const COLUMNS: &[&str] = &["reason", "letters", "oldest", "age", "devices", "replay"];

/// Letters, counted by reason.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<String, Group>);

#[derive(Default)]
struct Group {
    letters: u64,
    oldest: Option<UnixMillis>,
    devices: BTreeMap<&'static str, u64>,
    replay: BTreeMap<&'static str, u64>,
}

impl Groups {
    /// One more letter.
    pub(super) fn add(&mut self, letter: &Letter, standing: &Standing, verdict: Verdict) {
        let group = self.0.entry(letter.reason.clone()).or_default();
        group.letters += 1;
        group.oldest = [group.oldest, letter.sent_at].into_iter().flatten().min();
        *group.devices.entry(standing.name()).or_default() += 1;
        *group.replay.entry(verdict.word()).or_default() += 1;
    }

    /// A row for each reason.
    pub(super) fn rows(&self, now: UnixMillis) -> Vec<Vec<Value>> {
        let row = |(reason, group): (&String, &Group)| {
            vec![
                reason.as_str().into(),
                group.letters.into(),
                group.oldest.map(rfc3339).into(),
                group.oldest.map(|oldest| told(now.since(oldest))).into(),
                json!(group.devices),
                json!(group.replay),
            ]
        };
        self.0.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::state::State;

    use super::*;
    use crate::dlq::sample;

    #[test]
    fn letters_are_counted_by_reason() {
        let body = sample::order("SN-1").encode();
        let parked = sample::letter("m-1", &body, Some("policy_missing"));
        let moved = sample::letter("m-2", &body, None);
        let mut groups = Groups::default();
        let row = Standing::Row(Box::new(sample::row("SN-1", State::Registered)));
        for (letter, standing) in [
            (&parked, &row),
            (&parked, &Standing::NoRow),
            (&parked, &Standing::Unreadable),
            (&moved, &row),
        ] {
            groups.add(letter, standing, standing.verdict(letter, sample::NOW));
        }
        let [parked, moved] = <[_; 2]>::try_from(groups.rows(sample::NOW)).unwrap();
        let expected = [
            json!("policy_missing"),
            json!(3),
            json!("1970-01-01T00:06:40.000Z"),
            json!("10m"),
            json!({ "Registered": 1, "none": 1, "unreadable": 1 }),
            json!({ "leave": 2, "send": 1 }),
        ];
        assert_eq!(parked, expected);
        assert_eq!(moved[..2], [json!("received_too_often"), json!(1)]);
    }
}
