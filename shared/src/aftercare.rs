//! The part of [`crate::transition`] that comes after, or goes wrong: bundles that are confirmed or expire, orders
//! that are lost, devices that are provisioned anew, certificates that have to go.

use crate::event::Refusal;
use crate::failure::FailureCode;
use crate::ids::CertificateId;
use crate::ids::RequestId;
use crate::record::Issued;
use crate::record::Record;
use crate::record::Resent;
use crate::reprovision::Creates;
use crate::reprovision::Disuse;
use crate::reprovision::Ending;
use crate::reprovision::ReprovisionTerms;
use crate::reprovision::Superseded;
use crate::request::KeySource;
use crate::request::Request;
use crate::state::Delivery;
use crate::state::State;
use crate::time::UnixMillis;
use crate::transition::opened;
use crate::transition::with;

/// Another key, in a new generation; the old certificate stays until the new one is confirmed or
/// its grace ends. Never a third one beside the two.
pub(crate) fn replace(
    record: &Record,
    key: KeySource,
    issued: &Issued,
    now: UnixMillis,
    terms: &ReprovisionTerms,
) -> Result<Record, Refusal> {
    let until = now.plus(terms.grace);
    if let Some(old) = record.superseded.first() {
        let until = match old.ending {
            Ending::AtOnce | Ending::Kept { .. } => now,
            Ending::Grace { until } => until,
        };
        return Err(Refusal::ReplacementPending { until });
    }
    let generation = record.generation.next();
    let request = Request::new(&record.serial, generation, key);
    let mut after = opened(record, request, None, now);
    after.generation = generation;
    after.superseded.push(Superseded {
        issued: issued.clone(),
        generation: record.generation,
        ending: Ending::Grace { until },
        inactive_at: None,
    });
    Ok(after)
}

pub(crate) fn confirm(
    record: &Record,
    asked: &RequestId,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    if record.state.request_id().is_some_and(|held| held != asked) {
        return Err(Refusal::OtherRequest);
    }
    match &record.state {
        State::Disabled => Err(Refusal::Disabled),
        State::Registered => Err(Refusal::NothingAsked),
        State::Requested { .. } | State::Issuing { .. } | State::Failed { .. } => {
            Err(Refusal::NotIssued)
        }
        State::Vended {
            delivery: Delivery::Confirmed { .. },
            ..
        } => Err(Refusal::Already),
        // One that expired a moment after it was fetched is in use all the same.
        State::Vended {
            request,
            issued,
            delivery: Delivery::Waiting { .. } | Delivery::Expired { .. },
        } => Ok(with(
            record,
            State::Vended {
                request: request.clone(),
                issued: issued.clone(),
                delivery: Delivery::Confirmed { at: now },
            },
        )),
    }
}

pub(crate) fn expire(record: &Record, now: UnixMillis) -> Result<Record, Refusal> {
    match &record.state {
        State::Vended {
            request,
            issued,
            delivery: Delivery::Waiting { until },
        } if *until <= now => Ok(with(
            record,
            State::Vended {
                request: request.clone(),
                issued: issued.clone(),
                delivery: Delivery::Expired { at: now },
            },
        )),
        State::Vended {
            delivery: Delivery::Expired { .. },
            ..
        } => Err(Refusal::Already),
        State::Vended { .. }
        | State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Failed { .. } => Err(Refusal::NotDue),
    }
}

/// A row that waits for a worker and that no worker holds.
fn unattended(record: &Record, now: UnixMillis) -> Result<&Request, Refusal> {
    match &record.state {
        State::Issuing { lease, .. } if lease.is_live(now) => {
            Err(Refusal::LeaseHeld { until: lease.until })
        }
        State::Requested { request, .. } | State::Issuing { request, .. } => Ok(request),
        State::Disabled | State::Registered | State::Vended { .. } | State::Failed { .. } => {
            Err(Refusal::NotDue)
        }
    }
}

pub(crate) fn resend(record: &Record, now: UnixMillis) -> Result<Record, Refusal> {
    unattended(record, now)?;
    let mut after = record.clone();
    after.resent = Resent {
        count: record.resent.count + 1,
        at: now,
    };
    Ok(after)
}

pub(crate) fn abandon(record: &Record, now: UnixMillis) -> Result<Record, Refusal> {
    let request = unattended(record, now)?;
    let failed = State::Failed {
        request: request.id.clone(),
        issued: record.state.issued().cloned(),
        failure: FailureCode::Abandoned,
        failed_at: now,
        retry_at: None,
    };
    Ok(with(record, failed))
}

pub(crate) fn deactivate(
    record: &Record,
    certificate: &CertificateId,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    let mut after = record.clone();
    let old = after
        .superseded
        .iter_mut()
        .find(|old| old.issued.certificate_id == *certificate);
    match old {
        Some(old) if old.inactive_at.is_none() => old.inactive_at = Some(now),
        Some(_) | None => return Err(Refusal::Already),
    }
    Ok(after)
}

pub(crate) fn forget(record: &Record, certificate: &CertificateId) -> Result<Record, Refusal> {
    let mut after = record.clone();
    after
        .superseded
        .retain(|old| old.issued.certificate_id != *certificate);
    if after.superseded.len() == record.superseded.len() {
        return Err(Refusal::Already);
    }
    Ok(after)
}

pub(crate) fn settle(record: &Record, certificate: &CertificateId) -> Result<Record, Refusal> {
    let mut after = record.clone();
    let mut olds = after.superseded.iter_mut();
    let old = olds.find(|old| old.issued.certificate_id == *certificate);
    match old {
        Some(Superseded {
            ending: Ending::Kept { settled, .. },
            inactive_at: Some(_),
            ..
        }) if !*settled => *settled = true,
        Some(_) | None => return Err(Refusal::Already),
    }
    Ok(after)
}

pub(crate) fn reset(record: &Record) -> Result<Record, Refusal> {
    if record.state == State::Registered {
        return Err(Refusal::Already);
    }
    Ok(begun_anew(record, State::Registered, Ending::AtOnce))
}

/// What a disabled device still has may be treated otherwise by asking again.
pub(crate) fn revoke(record: &Record, keep: Option<Disuse>) -> Result<Record, Refusal> {
    let fate = |ending| match ending {
        Ending::Kept { disuse, .. } => Some(disuse),
        Ending::AtOnce | Ending::Grace { .. } => None,
    };
    let is_so = |old: &Superseded| fate(old.ending) == keep;
    if record.state == State::Disabled && record.superseded.iter().all(is_so) {
        return Err(Refusal::Already);
    }
    let ending = keep.map_or(Ending::AtOnce, |disuse| Ending::Kept {
        disuse,
        settled: false,
    });
    Ok(begun_anew(record, State::Disabled, ending))
}

pub(crate) fn disable(record: &Record) -> Result<Record, Refusal> {
    match (&record.state, record.state.issued()) {
        (_, Some(_)) => Err(Refusal::HasCertificate),
        (State::Disabled, None) => Err(Refusal::Already),
        (
            State::Registered
            | State::Requested { .. }
            | State::Issuing { .. }
            | State::Vended { .. }
            | State::Failed { .. },
            None,
        ) => Ok(begun_anew(record, State::Disabled, Ending::AtOnce)),
    }
}

pub(crate) fn enable(record: &Record) -> Result<Record, Refusal> {
    match &record.state {
        State::Disabled => reset(record),
        State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Vended { .. }
        | State::Failed { .. } => Err(Refusal::Already),
    }
}

/// A dead letter was sent again. A row that still waits for it stays as it is; one that had failed waits again, as
/// it would if its device had asked.
pub(crate) fn replay(
    record: &Record,
    request: &Request,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    let held = record.state.request_id();
    if held.is_some_and(|held| *held != request.id) {
        return Err(Refusal::OtherRequest);
    }
    match &record.state {
        State::Disabled => Err(Refusal::Disabled),
        State::Vended { .. } => Err(Refusal::Already),
        State::Requested { .. } | State::Issuing { .. } => Ok(record.clone()),
        State::Failed {
            retry_at: Some(until),
            ..
        } if now < *until => Err(Refusal::TooSoon { until: *until }),
        State::Failed { failure, .. } if !failure.may_be_retried() => {
            Err(Refusal::FailedForGood { failure: *failure })
        }
        State::Registered | State::Failed { .. } => {
            let issued = record.state.issued().cloned();
            Ok(opened(record, request.clone(), issued, now))
        }
    }
}

/// A new generation, so that orders of the old one are moot. Every certificate of the old ones has
/// to go before the device is issued another; one that is kept, as soon as the device may apply again.
fn begun_anew(record: &Record, state: State, ending: Ending) -> Record {
    let mut after = with(record, state);
    if let Some(issued) = record.state.issued() {
        after.superseded.push(Superseded {
            issued: issued.clone(),
            generation: record.generation,
            ending,
            inactive_at: None,
        });
    }
    for old in &mut after.superseded {
        (old.ending, old.inactive_at) = (ending, None);
    }
    after.generation = record.generation.next();
    after.requested_at = None;
    after.creates = Creates::default();
    after.resent = Resent::default();
    after
}
