//! What one search looks at: how often each thing may go wrong, what is asked, and what the deployment
//! says. All of it at once would be too many states; each focus has what goes together.

use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Reprovision;

use crate::budget::Budget;
use crate::budget::Chance;
use crate::rows::Terms;

/// When the janitor works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Never.
    None,
    /// When nobody else does.
    Quiet,
    /// At any moment.
    Keen,
}

/// What a row that claims too much says of Thing and policy. That its Thing is there is wrong each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    /// It claims nothing: the worker makes the Thing and attaches the policy.
    No,
    /// The policy comes from the Thing's group, which it names.
    Named,
    /// The same, and only the operator knows the group.
    Unnamed,
}

/// What one search looks at.
#[derive(Clone, Debug)]
pub struct Focus {
    /// Its name.
    pub name: &'static str,
    /// Whether the device's first key is made by AWS IoT.
    pub keys_mode: bool,
    /// What its row claims.
    pub lean: Lean,
    /// What the deployment says.
    pub terms: Terms,
    /// When the janitor looks after rows.
    pub care: Care,
    /// When the janitor looks for orphans.
    pub orphans: Care,
    /// When a row may count as stuck.
    pub stuck: Care,
    /// Whether the device fetches and confirms.
    pub confirms: bool,
    /// Whether bundles that nobody confirms become due.
    pub bundles_end: bool,
    /// How many doors work at once.
    pub doors: usize,
    /// What may happen.
    pub left: Budget,
}

impl Focus {
    /// One device with its own keys, and nothing happens to it.
    pub fn small(name: &'static str) -> Self {
        Self {
            name,
            keys_mode: false,
            lean: Lean::No,
            terms: Terms {
                policy: Reprovision::Never,
                creates: 4,
                resends: 1,
                keep: None,
            },
            care: Care::Quiet,
            orphans: Care::Quiet,
            stuck: Care::Quiet,
            confirms: false,
            bundles_end: false,
            doors: 1,
            left: Budget::default(),
        }
    }

    /// The same, and these things may happen so often.
    #[must_use]
    pub fn chances(self, chances: &[(Chance, u64)]) -> Self {
        Self {
            left: Budget::of(chances),
            ..self
        }
    }

    fn policy(self, policy: Reprovision) -> Self {
        let terms = Terms {
            policy,
            ..self.terms
        };
        Self { terms, ..self }
    }

    /// The focuses of the full search.
    pub fn all() -> Vec<Self> {
        vec![
            Self::issue(2),
            Self::answers(2),
            Self::failures(1),
            Self::keys_mode(),
            Self::bundles(),
            Self::replace(1),
            Self::replace_rivals(),
            Self::redeliver(),
            Self::janitor(),
            Self::orphans(),
            Self::operator("operator-rivals", Chance::EarlyLease),
            Self::operator("operator-deaths", Chance::Crash),
            Self::kept("kept-rivals", Chance::EarlyLease),
            Self::kept("kept-deaths", Chance::Crash),
            Self::creates(),
            Self::lean(1),
        ]
    }

    /// The same for a test: less of everything.
    pub fn brief() -> Vec<Self> {
        vec![
            Self::issue(1),
            Self::answers(0),
            Self::failures(0),
            Self::replace(0),
            Self::lean(0),
        ]
    }

    /// Crashes, rivals, duplicates.
    fn issue(crashes: u64) -> Self {
        Self::small("issue").chances(&[
            (Chance::AskFirst, 2),
            (Chance::Crash, crashes),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, 1),
            (Chance::Replay, 1),
        ])
    }

    /// A row that says that its Thing is there, which it is not, and has no policy of its own.
    fn lean(more: u64) -> Self {
        let focus = Self {
            lean: Lean::Named,
            ..Self::small("lean")
        };
        focus.chances(&[
            (Chance::AskFirst, 1),
            (Chance::Crash, 1),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, more),
            (Chance::Fail, 1),
        ])
    }

    /// Calls whose answer is lost.
    fn answers(more: u64) -> Self {
        Self::small("answers").chances(&[
            (Chance::AskFirst, 1),
            (Chance::LoseAnswer, 1 + more / 2),
            (Chance::Crash, more / 2),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, 1),
        ])
    }

    /// Calls that fail: for a while, until an operator mends something, or for good.
    fn failures(more: u64) -> Self {
        Self::small("failures").chances(&[
            (Chance::AskFirst, 1 + more),
            (Chance::Fail, 1 + more),
            (Chance::Throttle, 1),
            (Chance::Refuse, 1),
            (Chance::Replay, more),
        ])
    }

    /// AWS IoT makes the key, and answers it once.
    fn keys_mode() -> Self {
        let focus = Self {
            keys_mode: true,
            confirms: true,
            ..Self::small("keys-mode").policy(Reprovision::Redeliver)
        };
        focus.chances(&[
            (Chance::AskFirst, 1),
            (Chance::Crash, 2),
            (Chance::LoseAnswer, 1),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, 1),
        ])
    }

    /// Bundles and certificates that vanish.
    fn bundles() -> Self {
        Self::small("bundles").chances(&[
            (Chance::AskFirst, 1),
            (Chance::Crash, 2),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, 1),
            (Chance::LoseBundle, 1),
            (Chance::LoseCert, 1),
        ])
    }

    /// Another key, another generation, a grace; and workers that die.
    fn replace(crashes: u64) -> Self {
        Self::replacing("replace").chances(&[
            (Chance::AskFirst, 1),
            (Chance::AskSecond, 1),
            (Chance::Crash, crashes),
        ])
    }

    /// The same, and workers that stall.
    fn replace_rivals() -> Self {
        Self::replacing("replace-rivals").chances(&[
            (Chance::AskFirst, 1),
            (Chance::AskSecond, 1),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, 1),
        ])
    }

    fn replacing(name: &'static str) -> Self {
        Self {
            care: Care::Keen,
            confirms: true,
            ..Self::small(name).policy(Reprovision::Replace)
        }
    }

    /// A bundle that expired, asked for again.
    fn redeliver() -> Self {
        let focus = Self {
            bundles_end: true,
            care: Care::Keen,
            confirms: true,
            ..Self::small("redeliver").policy(Reprovision::Redeliver)
        };
        focus.chances(&[
            (Chance::AskFirst, 2),
            (Chance::Crash, 1),
            (Chance::EarlyLease, 1),
            (Chance::ShowAgain, 1),
        ])
    }

    /// Stuck rows while others work on them, and messages that vanish.
    fn janitor() -> Self {
        let focus = Self {
            care: Care::Keen,
            stuck: Care::Keen,
            bundles_end: true,
            ..Self::small("janitor")
        };
        focus.chances(&[
            (Chance::AskFirst, 1),
            (Chance::Crash, 2),
            (Chance::LoseMessage, 1),
            (Chance::EarlyLease, 1),
        ])
    }

    /// The sweep for orphans in the midst of it all.
    fn orphans() -> Self {
        let focus = Self {
            care: Care::Keen,
            orphans: Care::Keen,
            stuck: Care::Keen,
            doors: 2,
            ..Self::small("orphans")
        };
        focus.chances(&[
            (Chance::AskFirst, 1),
            (Chance::Crash, 1),
            (Chance::EarlyLease, 1),
            (Chance::LoseCert, 1),
        ])
    }

    /// Operators who reset and revoke while others work, and stall or die.
    fn operator(name: &'static str, mishap: Chance) -> Self {
        let focus = Self {
            care: Care::Keen,
            ..Self::small(name).policy(Reprovision::Replace)
        };
        focus.chances(&[
            (Chance::AskFirst, 1),
            (Chance::AskSecond, 1),
            (Chance::Reset, 1),
            (Chance::Revoke, 1),
            (mishap, 1),
        ])
    }

    /// The same, and what is revoked is kept.
    fn kept(name: &'static str, mishap: Chance) -> Self {
        let focus = Self::operator(name, mishap);
        let terms = Terms {
            keep: Some(Disuse::Inactive),
            ..focus.terms
        };
        Self { terms, ..focus }
    }

    /// As many certificates a day as may be.
    fn creates() -> Self {
        let small = Self::small("creates");
        let terms = Terms {
            creates: 1,
            ..small.terms
        };
        Self { terms, ..small }.chances(&[
            (Chance::AskFirst, 2),
            (Chance::Crash, 1),
            (Chance::Fail, 1),
            (Chance::Throttle, 1),
            (Chance::LoseBundle, 1),
            (Chance::Midnight, 1),
        ])
    }
}
