//! What is to be done with a dead letter, judged from its device's row alone. Pure.

use std::fmt;

use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::failure::FailureCode;
use cvm_shared::message::Order;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;
use cvm_shared::transition::next;

use crate::calendar::rfc3339;

/// What `dlq replay` does with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sends it to the work queue again.
    Send,
    /// Removes it: nothing is left to be done.
    Drop(Moot),
    /// Leaves it where it is: sending it again would not help.
    Leave(Obstacle),
}

/// Why nothing is left to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moot {
    /// The device has what the letter asks for.
    AlreadyVended,
    /// The device has moved on to another request or generation.
    Superseded,
}

/// Why sending it again would not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is no order that this version can read.
    Unreadable,
    /// Its device is not in the table.
    UnknownDevice,
    /// Its device's row cannot be read.
    UnreadableRow,
    /// Its device is disabled.
    DeviceDisabled,
    /// The same request can never succeed.
    FailedForGood(FailureCode),
    /// Asking again helps only from that moment on.
    TooSoon(UnixMillis),
    /// It was sent again in this very run, and has failed again.
    FailedAgain,
    /// Its door died before it marked the row; nobody waits for it.
    NeverAccepted,
    /// The row refuses it for a reason that a replay does not meet.
    Refused,
}

/// What the row says to the letter's order. It asks the same function as the write does, and so cannot disagree with it.
pub fn judge(row: Option<&Record>, order: &Order, now: UnixMillis) -> Verdict {
    let Some(row) = row else {
        return Verdict::Leave(Obstacle::UnknownDevice);
    };
    match next(row, &replay(order, now)) {
        Ok(_) => Verdict::Send,
        Err(refusal) => Verdict::of(&refusal),
    }
}

/// The event that tells a row that its letter was sent again.
pub fn replay(order: &Order, now: UnixMillis) -> Event {
    Event::Replay {
        request: order.request.clone(),
        generation: order.generation,
        now,
    }
}

impl Verdict {
    /// What a refused replay means for the letter.
    pub fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Already => Self::Drop(Moot::AlreadyVended),
            Refusal::OtherRequest | Refusal::StaleGeneration => Self::Drop(Moot::Superseded),
            Refusal::Disabled => Self::Leave(Obstacle::DeviceDisabled),
            Refusal::FailedForGood { failure } => Self::Leave(Obstacle::FailedForGood(*failure)),
            Refusal::TooSoon { until } => Self::Leave(Obstacle::TooSoon(*until)),
            Refusal::NotMarkedYet => Self::Leave(Obstacle::NeverAccepted),
            // Answers to other events.
            Refusal::NothingAsked
            | Refusal::LeaseHeld { .. }
            | Refusal::LeaseLost
            | Refusal::NotIssued
            | Refusal::Confirmed
            | Refusal::Expired
            | Refusal::ReplacementPending { .. }
            | Refusal::NotDue
            | Refusal::HasCertificate => Self::Leave(Obstacle::Refused),
        }
    }

    /// What is done, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Drop(_) => "drop",
            Self::Leave(_) => "leave",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send => f.write_str(self.word()),
            Self::Drop(why) => write!(f, "{}: {why}", self.word()),
            Self::Leave(why) => write!(f, "{}: {why}", self.word()),
        }
    }
}

impl fmt::Display for Moot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyVended => "already vended",
            Self::Superseded => "superseded",
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("unreadable"),
            Self::UnknownDevice => f.write_str("unknown device"),
            Self::UnreadableRow => f.write_str("its device's row is unreadable"),
            Self::DeviceDisabled => f.write_str("device disabled"),
            Self::FailedForGood(code) => write!(f, "failed for good: {}", code.as_str()),
            Self::TooSoon(until) => write!(f, "too soon until {}", rfc3339(*until)),
            Self::FailedAgain => f.write_str("failed again"),
            Self::NeverAccepted => f.write_str("its request was never accepted"),
            Self::Refused => f.write_str("its device's row refuses it"),
        }
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
