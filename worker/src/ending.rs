//! How one run of an order ends.

use cvm_shared::event::Refusal;
use cvm_shared::failure::Failure;
use cvm_shared::time::UnixMillis;

/// How an order ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// This run finished it.
    Vended {
        /// When its device asked.
        asked_at: Option<UnixMillis>,
    },
    /// It was finished before.
    AlreadyVended,
    /// The row has moved on to something else.
    Superseded,
}

/// Why an order did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no such device.
    UnknownDevice,
    /// The device is disabled.
    Disabled,
    /// A step failed; the row was given back.
    GivenBack(Failure),
    /// A step failed for good; the row says so.
    Failed(Failure),
}

impl Stop {
    /// What a refused claim means for the order, on its `last` delivery or before.
    pub(crate) fn of_claim(refusal: &Refusal, now: UnixMillis, last: bool) -> Result<Done, Stop> {
        match refusal {
            Refusal::Already | Refusal::Confirmed | Refusal::Expired => Ok(Done::AlreadyVended),
            Refusal::OtherRequest
            | Refusal::StaleGeneration
            | Refusal::FailedForGood { .. }
            | Refusal::TooSoon { .. } => Ok(Done::Superseded),
            // The door died before it marked the row; its device had no answer and asks again.
            Refusal::NotMarkedYet if last => Ok(Done::Superseded),
            Refusal::NotMarkedYet => Err(Self::GivenBack(Failure::NotMarkedYet)),
            Refusal::Disabled => Err(Self::Disabled),
            Refusal::LeaseHeld { until } => Err(Self::GivenBack(Failure::LeaseHeld {
                remaining: until.since(now),
            })),
            // Answers to other events, or a row that changed once more.
            Refusal::LeaseLost
            | Refusal::NotDue
            | Refusal::NotIssued
            | Refusal::NothingAsked
            | Refusal::HasCertificate
            | Refusal::ReplacementPending { .. } => Err(Self::GivenBack(Failure::Contended)),
        }
    }
}
