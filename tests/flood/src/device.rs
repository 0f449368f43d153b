//! A device as it is simulated: what it is at, and how it waits.

use std::num::NonZeroU32;
use std::ops::Range;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// A device. Small: there are a million of them.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// When its certificate is ready, in milliseconds; not before it was let in.
    ready_at: Option<NonZeroU32>,
    /// How often in a row the gateway sent it away.
    refusals: u8,
    is_rude: bool,
}

/// The pause of a rude device in seconds.
const RUDE_SECONDS: u64 = 2;
/// The first pause of the device client's back-off; it doubles.
const BACKOFF_MILLIS: u64 = 1_000;
/// What the way there and back adds to each pause, at least and at most. Without it, devices that poll at
/// fixed intervals and the gateway's tokens fall into step: the same ones win for ever.
const WAY_MILLIS: Range<u64> = 50..250;
/// How often it doubles: up to a minute.
const DOUBLINGS: u8 = 6;
const BACKOFF_MOST_MILLIS: u64 = 60_000;

impl Device {
    /// A device that was not let in yet.
    pub fn new(is_rude: bool) -> Self {
        Self {
            ready_at: None,
            refusals: 0,
            is_rude,
        }
    }

    /// When its certificate is ready, in milliseconds, if it was let in.
    pub fn ready_at(&self) -> Option<u64> {
        self.ready_at.map(|at| at.get().into())
    }

    /// Its order was taken and will be done at this time.
    pub fn let_in(&mut self, ready_at_millis: u64) {
        // Seven weeks fit; longer runs end with what they have.
        let at = u32::try_from(ready_at_millis).unwrap_or(u32::MAX);
        self.ready_at = NonZeroU32::new(at.max(1));
    }

    /// Milliseconds until it asks again, if it was told so many seconds.
    pub fn told(&mut self, seconds: u64, dice: &mut StdRng) -> u64 {
        self.refusals = 0;
        let seconds = if self.is_rude { RUDE_SECONDS } else { seconds };
        // No client asks again within the same second.
        seconds.max(1) * 1000 + dice.random_range(WAY_MILLIS)
    }

    /// Milliseconds until it asks again, if the gateway sent it away: the back-off of `cvm-device`.
    pub fn sent_away(&mut self, dice: &mut StdRng) -> u64 {
        if self.is_rude {
            return RUDE_SECONDS * 1000 + dice.random_range(WAY_MILLIS);
        }
        let pause = (BACKOFF_MILLIS << self.refusals).min(BACKOFF_MOST_MILLIS);
        self.refusals = (self.refusals + 1).min(DOUBLINGS);
        pause + dice.random_range(0..pause) + dice.random_range(WAY_MILLIS)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn it_backs_off_up_to_a_minute_and_starts_afresh_once_it_is_heard() {
        let mut dice = StdRng::seed_from_u64(1);
        let mut device = Device::new(false);
        for least in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = device.sent_away(&mut dice);
            let all = least * 1000 + WAY_MILLIS.start..least * 2000 + WAY_MILLIS.end;
            assert!(all.contains(&pause), "{pause}");
        }
        assert_eq!(device.told(7, &mut dice) / 1000, 7);
        assert!(device.sent_away(&mut dice) < 2_250);
        assert_eq!(size_of::<Device>(), 8);
    }

    #[test]
    fn a_rude_one_does_not_care() {
        let mut dice = StdRng::seed_from_u64(1);
        let mut device = Device::new(true);
        assert_eq!(device.told(7, &mut dice) / 1000, 2);
        assert_eq!(device.sent_away(&mut dice) / 1000, 2);
    }
}
