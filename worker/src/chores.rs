//! What the janitor has to do for a row, judged from the row alone. Pure: no I/O, no clock.

use std::time::Duration;

use cvm_shared::care::asked_at;
use cvm_shared::care::has_to_go;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::message::Order;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Superseded;
use cvm_shared::request::Request;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;

/// How patient the janitor is.
#[derive(Clone, Copy, Debug)]
pub struct CareTerms {
    /// After how long without progress a row counts as stuck.
    pub stuck_after: Duration,
    /// How often the order of a stuck row is sent again before it is given up.
    pub resends: u32,
    /// How long a superseded certificate stays INACTIVE before it is deleted, so that an operator
    /// can still have it back; and how long one that is kept is looked after.
    pub keep_inactive: Duration,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Send the order of a stuck row again.
    Resend(Order),
    /// Give a row up whose order was sent again and again.
    Abandon,
    /// Shred a bundle that nobody fetched in time.
    Expire(BundleKey),
    /// Set a superseded certificate INACTIVE.
    Deactivate(CertificateId),
    /// Put a superseded certificate out of use and shred its bundle.
    Keep {
        /// Both.
        issued: Issued,
        /// As what it is kept.
        disuse: Disuse,
        /// Whether it has stayed so for long enough.
        settle: bool,
    },
    /// Delete a superseded certificate and its bundle.
    Remove(Issued),
}

/// The chores of this row.
pub fn chores(record: &Record, now: UnixMillis, terms: &CareTerms) -> Vec<Chore> {
    let olds = record.superseded.iter();
    let olds = olds.filter(|old| has_to_go(old, record, now));
    let mut chores: Vec<Chore> = olds.map(|old| part_with(old, now, terms)).collect();
    chores.extend(state_chore(record, now, terms));
    chores
}

fn state_chore(record: &Record, now: UnixMillis, terms: &CareTerms) -> Option<Chore> {
    match &record.state {
        State::Issuing { lease, .. } if lease.is_live(now) => None,
        State::Requested { request, .. } | State::Issuing { request, .. } => {
            stuck(record, request, now, terms)
        }
        State::Vended {
            issued,
            delivery: Delivery::Waiting { until },
            ..
        } if *until <= now => Some(Chore::Expire(issued.bundle.key.clone())),
        State::Vended { .. } | State::Disabled | State::Registered | State::Failed { .. } => None,
    }
}

fn stuck(record: &Record, request: &Request, now: UnixMillis, terms: &CareTerms) -> Option<Chore> {
    if now.since(asked_at(record)) < terms.stuck_after {
        return None;
    }
    if record.resent.count >= terms.resends {
        return Some(Chore::Abandon);
    }
    Some(Chore::Resend(Order {
        serial: record.serial.clone(),
        generation: record.generation,
        request: request.clone(),
    }))
}

/// While one stays INACTIVE it is set INACTIVE again in every round: a worker that had stalled before it
/// activated this very certificate may have woken up since.
///
/// Load-bearing for one that is kept for good: no call of a worker has its effect `keep_inactive` after the row
/// was taken from it. A function lives for 15 minutes at most (AWS Lambda quotas).
fn part_with(old: &Superseded, now: UnixMillis, terms: &CareTerms) -> Chore {
    let fresh = |at: UnixMillis| now.since(at) < terms.keep_inactive;
    let looked_after = old.inactive_at.is_none_or(fresh);
    match old.ending {
        Ending::Kept { disuse, .. } => Chore::Keep {
            issued: old.issued.clone(),
            disuse,
            settle: !looked_after,
        },
        Ending::Grace { .. } if looked_after => {
            Chore::Deactivate(old.issued.certificate_id.clone())
        }
        Ending::Grace { .. } | Ending::AtOnce => Chore::Remove(old.issued.clone()),
    }
}
