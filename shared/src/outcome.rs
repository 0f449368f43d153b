//! What becomes of a message: a closed vocabulary.

use std::time::Duration;

use crate::failure::FailureCode;

/// The end of one delivery of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do: the message may go.
    Ack(Ack),
    /// Not now: the message comes back.
    Retry(Retry),
    /// Never by itself: the message goes to the dead letters with its reason.
    Park(ParkReason),
}

/// Why a message may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// The certificate was issued and bound in this delivery.
    Vended,
    /// An earlier delivery had done all of it.
    AlreadyDone,
    /// The order is of an earlier generation, or another request holds the row.
    Superseded,
}

/// When and why a message comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How long it stays invisible.
    pub after: Duration,
    /// The cause.
    pub code: FailureCode,
    /// Whether this delivery counts as an attempt. Waiting for a quota or a lease does not.
    pub spends_attempt: bool,
}

/// Why a message is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkReason {
    /// It is not an order that this version can read.
    Unreadable,
    /// It names a device that is not in the table.
    UnknownDevice,
    /// Its device is disabled.
    DeviceDisabled,
    /// The work failed; the row says so too.
    Failed(FailureCode),
}

impl ParkReason {
    /// The stable code shown with the dead letter.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownDevice => "unknown_device",
            Self::DeviceDisabled => "device_disabled",
            Self::Failed(code) => code.as_str(),
        }
    }
}
