//! Provisioning a device anew: when it may ask again, what becomes of its old certificate, and how
//! many certificates a day it may cost.

use std::time::Duration;

use crate::ids::Malformed;
use crate::record::Issued;
use crate::request::Generation;
use crate::time::UnixMillis;

/// What a device that was served may have by asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reprovision {
    /// Nothing more: once its bundle has expired, an operator must reset it.
    Never,
    /// The same certificate and bundle until it confirms; once the bundle has expired, a new
    /// certificate for the same request in place of the old one.
    Redeliver,
    /// Also a certificate for another key, in a new generation. The old certificate stays ACTIVE
    /// until the new one is confirmed or the grace ends.
    Replace,
}

impl Reprovision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::Redeliver, Self::Replace];

    /// The policy's name, as stored and configured.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Redeliver => "redeliver",
            Self::Replace => "replace",
        }
    }

    /// Reads [`Reprovision::as_str`] back.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| Malformed::new("reprovision", "must be never, redeliver or replace"))
    }
}

/// What the stack says about asking again, where a device's row says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReprovisionTerms {
    /// The policy of devices that have none of their own.
    pub default: Reprovision,
    /// How long an old certificate may stay beside an unconfirmed new one.
    pub grace: Duration,
}

/// A certificate that is not the device's any more and still exists: of an earlier generation, or one
/// whose bundle was lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Superseded {
    /// The certificate and its bundle.
    pub issued: Issued,
    /// The generation that it was issued in.
    pub generation: Generation,
    /// When it has to go.
    pub ending: Ending,
    /// When it was put out of use; it is deleted, or left alone for good, some time later.
    pub inactive_at: Option<UnixMillis>,
}

/// When a superseded certificate has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// At once, and before the device is issued another one: an operator wants it gone, or its bundle
    /// is.
    AtOnce,
    /// When the new certificate is confirmed, at the latest at this moment.
    Grace {
        /// The end of the grace.
        until: UnixMillis,
    },
    /// It is put out of use at once, and then kept until the device is enabled again: an operator has
    /// revoked it and wants to see it in AWS IoT.
    Kept {
        /// As what it is kept.
        disuse: Disuse,
        /// Whether it has stayed so for long enough that nobody looks after it any more.
        settled: bool,
    },
}

/// How a certificate is put out of use, by AWS IoT's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disuse {
    /// `INACTIVE`: nobody can connect with it.
    Inactive,
    /// `REVOKED`: the same, and it says so.
    Revoked,
}

impl Disuse {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Inactive, Self::Revoked];

    /// AWS IoT's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
        }
    }

    /// Reads [`Disuse::as_str`] back.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|disuse| disuse.as_str() == text);
        found.ok_or_else(|| Malformed::new("disuse", "must be INACTIVE or REVOKED"))
    }
}

/// How many certificates were created for a device on one day: what a fault or a device that loops
/// may cost is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Creates {
    /// The day, counted from 1970-01-01 (UTC).
    pub day: u64,
    /// How many on that day.
    pub count: u32,
}

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl Creates {
    /// The count with one more at `now`, or the moment from which there is one more within `budget`.
    pub fn one_more(self, now: UnixMillis, budget: u32) -> Result<Self, UnixMillis> {
        let today = now.0 / DAY_MILLIS;
        // Around midnight a clock that is behind goes on counting for the day that another has
        // begun: two that take turns must not refill the budget.
        let (day, count) = if self.day == today || self.day == today + 1 {
            (self.day, self.count)
        } else {
            (today, 0)
        };
        if count >= budget {
            return Err(UnixMillis((day + 1) * DAY_MILLIS));
        }
        Ok(Self {
            day,
            count: count + 1,
        })
    }

    /// The count without one that was counted and never tried.
    #[must_use]
    pub fn one_less(self) -> Self {
        Self {
            count: self.count.saturating_sub(1),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_read_back() {
        for policy in Reprovision::ALL {
            assert_eq!(Reprovision::parse(policy.as_str()), Ok(policy));
        }
        assert!(Reprovision::parse("always").is_err());
    }

    #[test]
    fn a_budget_lasts_until_the_next_day() {
        let noon = UnixMillis(10 * DAY_MILLIS + DAY_MILLIS / 2);
        let one = Creates::default().one_more(noon, 2).unwrap();
        let two = one.one_more(noon, 2).unwrap();
        let midnight = UnixMillis(11 * DAY_MILLIS);
        assert_eq!(two.one_more(noon, 2), Err(midnight));
        assert_eq!(two.one_more(midnight, 2).unwrap().count, 1);
        assert!(two.one_less().one_more(noon, 2).is_ok());
        // Another worker's clock is a day ahead, and ours does not take the count back.
        let ahead = Creates { day: 11, count: 2 };
        let next_midnight = UnixMillis(12 * DAY_MILLIS);
        assert_eq!(ahead.one_more(noon, 2), Err(next_midnight));
        let implausible = Creates { day: 99, count: 2 };
        assert_eq!(implausible.one_more(noon, 2).unwrap().day, 10);
        assert_eq!(Creates::default().one_less(), Creates::default());
    }
}
