//! What came of a burst, and whether it is what was promised.

use std::collections::BTreeMap;
use std::time::Duration;

use cvm_standin::Api;
use cvm_standin::Usage;

use crate::gauge::Look;
use crate::poller::Tally;

/// What came of a burst.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How many devices asked.
    pub devices: usize,
    /// Devices whose row is Vended and confirmed.
    pub vended: usize,
    /// Devices that have no certificate, and why.
    pub lost: Vec<(String, String)>,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<String, usize>,
    /// Messages that were left in the queue.
    pub left: u64,
    /// The most ACTIVE certificates of a Thing: at any instant in the stand-in, at the end in the emulator.
    pub most_active: usize,
    /// Certificates that were created.
    pub created: usize,
    /// Certificates that no row names.
    pub orphans: usize,
    /// Those of them that a sweep has left, if there was one.
    pub orphans_left: Option<usize>,
    /// What was asked of each AWS IoT API; nothing in the emulator.
    pub usage: BTreeMap<Api, Usage>,
    /// The used share of the rate-bound quotas while there was a backlog; nothing in the emulator.
    pub shares: BTreeMap<Api, f64>,
    /// Backlog and tokens second by second; nothing in the emulator.
    pub timeline: Vec<Look>,
    /// From the first request to the last confirmation.
    pub took: Duration,
    /// From accepted to ready, in rising order.
    pub waits: Vec<Duration>,
    /// Requests that the door's function was given; hosts do not count them.
    pub requests: Option<u64>,
    /// Busy workers that were killed.
    pub kills: usize,
    /// What the event source has done.
    pub tally: Tally,
}

/// The share of the tightest quota that must be used while there is work.
pub const SHARE_LEAST: f64 = 0.90;

impl Outcome {
    /// The API whose quota was used most, and how much of it: it bounded the rate.
    pub fn bottleneck(&self) -> Option<(Api, f64)> {
        let shares = self.shares.iter().map(|(api, share)| (*api, *share));
        shares.max_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// The wait that this fraction of devices did not exceed.
    pub fn wait(&self, fraction: f64) -> Option<Duration> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts of devices"
        )]
        let rank = (self.waits.len() as f64 * fraction).ceil() as usize;
        self.waits.get(rank.max(1) - 1).copied()
    }

    /// Whether nothing was lost, nothing given up, no device ever had two certificates, and nothing is left over.
    pub fn is_sound(&self) -> bool {
        let clean = self.orphans_left.is_none_or(|left| left == 0);
        let all_vended = self.vended == self.devices && self.lost.is_empty();
        all_vended
            && self.dead_letters.is_empty()
            && self.left == 0
            && self.most_active <= 1
            && clean
    }

    /// Whether the quota was used as well.
    pub fn is_fast(&self) -> bool {
        self.bottleneck()
            .is_none_or(|(_, share)| share >= SHARE_LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            devices: 4,
            vended: 4,
            lost: Vec::new(),
            dead_letters: BTreeMap::new(),
            left: 0,
            most_active: 1,
            created: 5,
            orphans: 1,
            orphans_left: Some(0),
            usage: BTreeMap::new(),
            shares: BTreeMap::from([(Api::AttachPolicy, 0.5), (Api::UpdateCertificate, 0.95)]),
            timeline: Vec::new(),
            took: Duration::from_secs(9),
            waits: [1, 2, 3, 4].map(Duration::from_secs).to_vec(),
            requests: None,
            kills: 0,
            tally: Tally::default(),
        }
    }

    #[test]
    fn each_broken_promise_is_seen() {
        assert!(outcome().is_sound() && outcome().is_fast());
        let breaks: [fn(&mut Outcome); 6] = [
            |outcome| outcome.vended = 3,
            |outcome| outcome.lost.push(("a".to_owned(), "b".to_owned())),
            |outcome| outcome.dead_letters = BTreeMap::from([("denied".to_owned(), 1)]),
            |outcome| outcome.left = 1,
            |outcome| outcome.most_active = 2,
            |outcome| outcome.orphans_left = Some(1),
        ];
        for broken in breaks {
            let mut outcome = outcome();
            broken(&mut outcome);
            assert!(!outcome.is_sound(), "{outcome:?}");
        }
        let mut slow = outcome();
        slow.shares.insert(Api::UpdateCertificate, 0.89);
        assert!(!slow.is_fast());
    }

    #[test]
    fn waits_are_ranked() {
        let seconds = |fraction| outcome().wait(fraction).unwrap().as_secs();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(seconds), [1, 2, 4, 4]);
    }
}
