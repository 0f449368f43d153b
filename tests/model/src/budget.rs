//! What may go wrong, and what may be asked: so often in one history and no oftener.

use std::fmt;

/// Something that happens only so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chance {
    /// The device asks with its first key.
    AskFirst,
    /// The device asks with its second key.
    AskSecond,
    /// A worker, door or janitor dies.
    Crash,
    /// A call fails before it has an effect.
    Fail,
    /// A call has its effect, and its answer is lost.
    LoseAnswer,
    /// A call is throttled, or the run is out of time.
    Throttle,
    /// A call is refused for good.
    Refuse,
    /// A lease ends under a holder that is at work.
    EarlyLease,
    /// A message shows again while a worker is at work on it.
    ShowAgain,
    /// An operator sends a dead letter again.
    Replay,
    /// A message is lost.
    LoseMessage,
    /// A bundle is lost.
    LoseBundle,
    /// A certificate is deleted behind our back.
    LoseCert,
    /// An operator resets the device.
    Reset,
    /// An operator revokes the device's certificate.
    Revoke,
    /// A day passes.
    Midnight,
}

impl Chance {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::AskFirst,
        Self::AskSecond,
        Self::Crash,
        Self::Fail,
        Self::LoseAnswer,
        Self::Throttle,
        Self::Refuse,
        Self::EarlyLease,
        Self::ShowAgain,
        Self::Replay,
        Self::LoseMessage,
        Self::LoseBundle,
        Self::LoseCert,
        Self::Reset,
        Self::Revoke,
        Self::Midnight,
    ];

    fn shift(self) -> u32 {
        4 * self as u32
    }
}

/// How often each may still happen; four bits for each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget(u64);

impl Budget {
    /// As often as said; nothing else happens at all.
    pub fn of(chances: &[(Chance, u64)]) -> Self {
        let set = |all, (chance, times): &(Chance, u64)| all | (*times << chance.shift());
        Self(chances.iter().fold(0, set))
    }

    /// How often it may still happen.
    pub fn left(self, chance: Chance) -> u64 {
        (self.0 >> chance.shift()) & 15
    }

    /// One less.
    pub fn spend(&mut self, chance: Chance) {
        self.0 -= 1 << chance.shift();
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = Chance::ALL.map(|chance| (chance, self.left(chance)));
        f.debug_map()
            .entries(left.into_iter().filter(|(_, left)| *left > 0))
            .finish()
    }
}
