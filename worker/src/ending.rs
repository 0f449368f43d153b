//! How one run of an order ends.

use cvm_shared::event::Refusal;
use cvm_shared::failure::Failure;
use cvm_shared::time::UnixMillis;

/// How an order ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// This run finished it.
    Vended,
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
    /// What a refused claim means for the order.
    pub(crate) fn of_claim(refusal: &Refusal, now: UnixMillis) -> Result<Done, Stop> {
        match refusal {
            Refusal::Already | Refusal::Confirmed => Ok(Done::AlreadyVended),
            Refusal::OtherRequest | Refusal::StaleGeneration | Refusal::FailedForGood { .. } => {
                Ok(Done::Superseded)
            }
            Refusal::Disabled => Err(Self::Disabled),
            Refusal::LeaseHeld { until } => Err(Self::GivenBack(Failure::LeaseHeld {
                remaining: until.since(now),
            })),
            Refusal::LeaseLost | Refusal::NotIssued | Refusal::NothingAsked => {
                Err(Self::GivenBack(Failure::Contended))
            }
        }
    }
}
