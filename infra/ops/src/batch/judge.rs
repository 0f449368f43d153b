//! What a device of a batch may have, judged by its row: pure, and the same rules as at the door.

use std::time::Duration;

use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::message::Order;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::transition::next;

use crate::calendar::rfc3339;

/// A batch provisions; it never takes a certificate away from a device that has one.
const TERMS: ReprovisionTerms = ReprovisionTerms {
    default: Reprovision::Never,
    grace: Duration::ZERO,
};

/// What is to be done for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send its order, then mark it.
    Send(Box<Opening>),
    /// The same was asked before, and is on its way.
    Already,
    /// It has the certificate that is asked for.
    Vended,
    /// It may not have it.
    Refused(Why),
}

/// A request that is about to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The row that it was judged by.
    pub row: Record,
    /// What marks the row.
    pub event: Event,
    /// What the worker is told.
    pub order: Order,
}

/// Why a device may not have what its batch asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It is not in the table.
    #[error("no such device: import it first")]
    Unknown,
    /// Its row cannot be understood.
    #[error("its row cannot be read ({0})")]
    Unreadable(&'static str),
    /// It is disabled.
    #[error("the device is disabled")]
    Disabled,
    /// It has asked for a certificate for another key.
    #[error("the device has asked for another certificate, which is on its way or has failed")]
    OtherRequest,
    /// It has a certificate for another key.
    #[error("the device has another certificate: reset it first, if it is to have this one")]
    OtherCertificate,
    /// It asked for this, and can never have it.
    #[error("it failed for good ({0})")]
    FailedForGood(&'static str),
    /// It failed, and asking again does not help yet.
    #[error("it failed; asking again helps from {} on", rfc3339(*.0))]
    TooSoon(UnixMillis),
    /// Its key is bound to another device: one of the two has a copy.
    #[error("csr: holds the key of another device")]
    OtherKey,
    /// Its row was changed between the look and the write.
    #[error("its row was changed meanwhile: submit it again")]
    Changed,
}

/// What is to be done for this row, if a key from `key` is wanted.
pub fn judge(row: Record, key: &KeySource, now: UnixMillis) -> Verdict {
    let event = Event::Apply {
        key: key.clone(),
        generation: row.generation,
        now,
        terms: TERMS,
    };
    let asked = Request::new(&row.serial, row.generation, key.clone());
    // A device with a certificate keeps it, whatever its own policy would let it have at the door.
    if let State::Vended { request, .. } = &row.state {
        return if *request == asked.id {
            Verdict::Vended
        } else {
            Verdict::Refused(Why::OtherCertificate)
        };
    }
    match next(&row, &event) {
        Ok(after) => Verdict::Send(Box::new(Opening {
            order: Order {
                serial: row.serial.clone(),
                generation: after.generation,
                request: asked,
            },
            row,
            event,
        })),
        Err(Refusal::Already) => Verdict::Already,
        Err(refusal) => Verdict::Refused(why(&refusal)),
    }
}

/// What a refused mark means for an order that is in the queue: the row tells whether it is about that very request.
pub(super) fn after_mark(row: &Record, order: &Order, refusal: &Refusal) -> Option<Why> {
    if row.state.request_id() == Some(&order.request.id) {
        None
    } else {
        Some(why(refusal))
    }
}

fn why(refusal: &Refusal) -> Why {
    match refusal {
        Refusal::Disabled => Why::Disabled,
        Refusal::OtherRequest => Why::OtherRequest,
        Refusal::FailedForGood { failure } => Why::FailedForGood(failure.as_str()),
        Refusal::TooSoon { until } => Why::TooSoon(*until),
        Refusal::Confirmed | Refusal::Expired | Refusal::ReplacementPending { .. } => {
            Why::OtherCertificate
        }
        // An application meets none of these but the stale generation, of a device that was reset meanwhile.
        Refusal::StaleGeneration
        | Refusal::Already
        | Refusal::NothingAsked
        | Refusal::NotMarkedYet
        | Refusal::LeaseHeld { .. }
        | Refusal::LeaseLost
        | Refusal::NotIssued
        | Refusal::NotDue
        | Refusal::HasCertificate => Why::Changed,
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
