//! Rules left out, one at a time: each must lead to a counter-example, or the rule is not needed and
//! the search not worth much. The rule is left out in the model's glue; what ships stays as it is.

use cvm_shared::reprovision::Disuse;

use crate::budget::Chance;
use crate::check::Rule;
use crate::focus::Care;
use crate::focus::Focus;
use crate::focus::Lean;

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// R1: a worker takes the row without asking whether another holds it, and writes over it.
    UnconditionalClaim,
    /// R2: certificates are created ACTIVE.
    CreateActive,
    /// R3: writes after the claim are not fenced.
    NoFence,
    /// R4: the certificate is activated before the row names it.
    ActivateBeforeCommit,
    /// R5: a retired certificate is deactivated and not deleted.
    DeactivateOnly,
    /// R6: a recorded certificate whose bundle is gone is forgotten and not retired.
    ForgetUnretired,
    /// A certificate without a bundle is destroyed before the fenced write that condemns it.
    DestroyFirst,
    /// All bundles of one run have the same key.
    OneKeyForARun,
    /// A create is taken off the count before the write that counts the next one succeeded.
    RefundUntried,
    /// R7: a run acts on the row that it read before its claim, and on its own reckoning of what its
    /// writes made of it.
    StaleRead,
    /// R8: stuck rows are left alone.
    NoResend,
    /// The door marks the row before it sends the order.
    MarkBeforeSend,
    /// Who loses the commit keeps its certificate.
    KeepLoser,
    /// A commit with an unknown outcome discards the certificate.
    DiscardUnknown,
    /// A certificate is taken off the row before it is destroyed.
    ForgetFirst,
    /// What an operator wants gone stays while another certificate is made.
    NoSupplant,
    /// The row is Vended before the certificate is ACTIVE.
    FinishBeforeActivate,
    /// The Thing is attached before the row names the certificate.
    AttachBeforeCommit,
    /// A Thing is made whose group only the operator knows, so that it is in none.
    MakeStrayThing,
    /// The janitor does not write what it has done.
    NoNote,
    /// The sweep deletes what it has judged, whatever has become of it since.
    SweepBlindly,
    /// A kept certificate is put out of use once, and nobody looks after it.
    SettleAtOnce,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::UnconditionalClaim,
        Self::CreateActive,
        Self::NoFence,
        Self::ActivateBeforeCommit,
        Self::DeactivateOnly,
        Self::ForgetUnretired,
        Self::DestroyFirst,
        Self::OneKeyForARun,
        Self::RefundUntried,
        Self::StaleRead,
        Self::NoResend,
        Self::MarkBeforeSend,
        Self::KeepLoser,
        Self::DiscardUnknown,
        Self::ForgetFirst,
        Self::NoSupplant,
        Self::FinishBeforeActivate,
        Self::AttachBeforeCommit,
        Self::MakeStrayThing,
        Self::SweepBlindly,
        Self::NoNote,
        Self::SettleAtOnce,
    ];

    /// The rule, in words.
    pub fn rule(self) -> &'static str {
        match self {
            Self::UnconditionalClaim => "R1 claim conditionally",
            Self::CreateActive => "R2 create INACTIVE",
            Self::NoFence => "R3 fence later writes",
            Self::ActivateBeforeCommit => "R4 record before activating",
            Self::DeactivateOnly => "R5 delete what is retired",
            Self::ForgetUnretired => "R6 retire what has no bundle",
            Self::DestroyFirst => "condemn before destroying",
            Self::OneKeyForARun => "a bundle key for each certificate",
            Self::RefundUntried => "refund only what was counted",
            Self::StaleRead => "R7 act on the row of the write",
            Self::NoResend => "R8 send stuck orders again",
            Self::MarkBeforeSend => "send before mark",
            Self::KeepLoser => "who loses the commit discards",
            Self::DiscardUnknown => "unknown commits discard nothing",
            Self::ForgetFirst => "destroy before forgetting",
            Self::NoSupplant => "supplant before creating",
            Self::FinishBeforeActivate => "activate before Vended",
            Self::SettleAtOnce => "settle when nobody can wake it",
            Self::AttachBeforeCommit => "attach only what is recorded",
            Self::MakeStrayThing => "make a Thing only into its group",
            Self::NoNote => "note what was swept",
            Self::SweepBlindly => "sweep only what is unused",
        }
    }

    /// The property that breaks without it. Only this one is looked at, so that the trace shows the
    /// harm itself and not an earlier sign of it.
    pub fn breaks(self) -> Rule {
        match self {
            Self::UnconditionalClaim
            | Self::CreateActive
            | Self::NoFence
            | Self::ActivateBeforeCommit
            | Self::DeactivateOnly
            | Self::ForgetUnretired
            | Self::StaleRead
            | Self::ForgetFirst
            | Self::NoSupplant
            | Self::SettleAtOnce => Rule::OneActive,
            Self::NoResend | Self::MarkBeforeSend | Self::NoNote => Rule::Settles,
            Self::KeepLoser => Rule::NoOrphan,
            Self::RefundUntried => Rule::Creates,
            Self::DestroyFirst
            | Self::OneKeyForARun
            | Self::DiscardUnknown
            | Self::FinishBeforeActivate
            | Self::MakeStrayThing
            | Self::SweepBlindly => Rule::Usable,
            Self::AttachBeforeCommit => Rule::OwnThing,
        }
    }

    /// What has to happen for the rule to matter.
    fn chances(self) -> &'static [(Chance, u64)] {
        use Chance::AskFirst;
        use Chance::AskSecond;
        use Chance::Crash;
        use Chance::EarlyLease;
        use Chance::Fail;
        use Chance::LoseAnswer;
        use Chance::LoseBundle;
        use Chance::LoseCert;
        use Chance::LoseMessage;
        use Chance::Reset;
        use Chance::Revoke;
        use Chance::ShowAgain;
        match self {
            Self::FinishBeforeActivate | Self::MakeStrayThing | Self::NoNote => &[(AskFirst, 1)],
            Self::UnconditionalClaim => &[(AskFirst, 1), (ShowAgain, 1)],
            Self::CreateActive
            | Self::ActivateBeforeCommit
            | Self::AttachBeforeCommit
            | Self::MarkBeforeSend => &[(AskFirst, 1), (Crash, 1)],
            Self::NoFence | Self::KeepLoser => &[(AskFirst, 1), (ShowAgain, 1), (EarlyLease, 1)],
            Self::SweepBlindly => &[(AskFirst, 1), (EarlyLease, 1)],
            Self::SettleAtOnce => &[(AskFirst, 1), (Revoke, 1)],
            Self::NoResend => &[(AskFirst, 1), (LoseMessage, 1)],
            Self::NoSupplant => &[(AskFirst, 1), (AskSecond, 1), (Reset, 1)],
            Self::OneKeyForARun => &[(AskFirst, 1), (EarlyLease, 1), (LoseCert, 1)],
            Self::ForgetUnretired | Self::ForgetFirst => {
                &[(AskFirst, 1), (Crash, 2), (LoseBundle, 1)]
            }
            Self::RefundUntried => &[(AskFirst, 1), (Crash, 1), (Fail, 1), (LoseBundle, 1)],
            Self::DestroyFirst => &[(AskFirst, 1), (ShowAgain, 1), (Crash, 1), (EarlyLease, 1)],
            Self::StaleRead => &[(AskFirst, 1), (ShowAgain, 1), (Crash, 2), (LoseBundle, 1)],
            Self::DeactivateOnly => &[
                (AskFirst, 1),
                (ShowAgain, 1),
                (EarlyLease, 1),
                (LoseBundle, 1),
            ],
            Self::DiscardUnknown => &[
                (AskFirst, 1),
                (ShowAgain, 1),
                (EarlyLease, 1),
                (LoseAnswer, 1),
            ],
        }
    }

    /// A small world in which the rule matters, and in which all holds while it is kept.
    pub fn focus(self) -> Focus {
        let mut focus = Focus::small(self.rule()).chances(self.chances());
        match self {
            Self::DestroyFirst => focus.confirms = true,
            Self::NoNote => focus.bundles_end = true,
            Self::SweepBlindly => focus.orphans = Care::Keen,
            Self::OneKeyForARun => (focus.care, focus.stuck) = (Care::Keen, Care::Keen),
            Self::RefundUntried => focus.terms.creates = 1,
            Self::MakeStrayThing => focus.lean = Lean::Unnamed,
            Self::SettleAtOnce => {
                (focus.care, focus.terms.keep) = (Care::Keen, Some(Disuse::Inactive));
            }
            // The janitor would mend it in time; it only takes away the orphans of the crash.
            Self::MarkBeforeSend => (focus.care, focus.stuck) = (Care::None, Care::None),
            // Its sweep would mend it in time.
            Self::KeepLoser => focus.orphans = Care::None,
            Self::UnconditionalClaim
            | Self::CreateActive
            | Self::NoFence
            | Self::ActivateBeforeCommit
            | Self::DeactivateOnly
            | Self::ForgetUnretired
            | Self::StaleRead
            | Self::NoResend
            | Self::DiscardUnknown
            | Self::ForgetFirst
            | Self::NoSupplant
            | Self::FinishBeforeActivate
            | Self::AttachBeforeCommit => {}
        }
        focus
    }
}
