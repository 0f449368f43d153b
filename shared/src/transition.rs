//! The one function that changes a row.
//!
//! [`next`] is total and pure: every event in every state gives a new record or a [`Refusal`]. All
//! sides call it, the store only writes what it returns, on the condition that the row is still the
//! one it was computed from. There is no other way to change a row.

use crate::aftercare;
use crate::event::Event;
use crate::event::Refusal;
use crate::failure::FailureCode;
use crate::ids::RequestId;
use crate::lease::Fence;
use crate::lease::Lease;
use crate::record::Issued;
use crate::record::Record;
use crate::record::Resent;
use crate::reprovision::Ending;
use crate::reprovision::Reprovision;
use crate::reprovision::ReprovisionTerms;
use crate::reprovision::Superseded;
use crate::request::Generation;
use crate::request::KeySource;
use crate::request::Request;
use crate::state::Delivery;
use crate::state::State;
use crate::time::UnixMillis;

/// The record after the event, or why it stays as it is.
pub fn next(record: &Record, event: &Event) -> Result<Record, Refusal> {
    let mut after = match event {
        Event::Apply {
            key,
            generation,
            now,
            terms,
        } => {
            in_generation(record, *generation)?;
            apply(record, key, *now, terms)?
        }
        Event::Claim {
            request,
            generation,
            lease,
            now,
            budget,
        } => {
            in_generation(record, *generation)?;
            claim(record, request, lease, *now, *budget)?
        }
        Event::Commit { fence, issued } => commit(record, fence, issued)?,
        Event::Retire { fence, now, budget } => retire(record, fence, *now, *budget)?,
        Event::Finish {
            fence,
            bundle_until,
        } => finish(record, fence, *bundle_until)?,
        Event::Fail {
            fence,
            failure,
            now,
            unused,
        } => settled(fail(record, fence, *failure, *now)?, *unused),
        Event::Release { fence, unused } => settled(release(record, fence)?, *unused),
        Event::Confirm { request, now } => aftercare::confirm(record, request, *now)?,
        Event::Expire { now } => aftercare::expire(record, *now)?,
        Event::Resend { now } => aftercare::resend(record, *now)?,
        Event::Abandon { now } => aftercare::abandon(record, *now)?,
        Event::Deactivate { certificate, now } => aftercare::deactivate(record, certificate, *now)?,
        Event::Forget { certificate } => aftercare::forget(record, certificate)?,
        Event::Reset => aftercare::reset(record)?,
        Event::Settle { certificate } => aftercare::settle(record, certificate)?,
        Event::Revoke { keep } => aftercare::revoke(record, *keep)?,
        Event::Disable => aftercare::disable(record)?,
        Event::Enable => aftercare::enable(record)?,
        Event::Replay {
            request,
            generation,
            now,
        } => {
            in_generation(record, *generation)?;
            aftercare::replay(record, request, *now)?
        }
        Event::Discard => record.clone(),
    };
    after.revision = record.revision + 1;
    Ok(after)
}

/// The record in another state.
pub(crate) fn with(record: &Record, state: State) -> Record {
    Record {
        state,
        ..record.clone()
    }
}

fn apply(
    record: &Record,
    key: &KeySource,
    now: UnixMillis,
    terms: &ReprovisionTerms,
) -> Result<Record, Refusal> {
    let asked = Request::new(&record.serial, record.generation, key.clone());
    match &record.state {
        State::Disabled => Err(Refusal::Disabled),
        State::Requested { request, .. } | State::Issuing { request, .. } => {
            Err(same_or_other(&request.id, &asked))
        }
        State::Vended {
            request,
            issued,
            delivery,
        } => ask_again(record, asked, request, issued, *delivery, now, terms),
        State::Failed {
            retry_at: Some(until),
            ..
        } if now < *until => Err(Refusal::TooSoon { until: *until }),
        State::Failed {
            request,
            issued,
            failure,
            ..
        } if *request == asked.id => {
            if failure.may_be_retried() {
                Ok(opened(record, asked, issued.clone(), now))
            } else {
                Err(Refusal::FailedForGood { failure: *failure })
            }
        }
        // Another key may be asked for only while no certificate carries the first one.
        State::Registered | State::Failed { issued: None, .. } => {
            Ok(opened(record, asked, None, now))
        }
        State::Failed {
            issued: Some(_), ..
        } => Err(Refusal::OtherRequest),
    }
}

/// A device that was served asks again.
fn ask_again(
    record: &Record,
    asked: Request,
    held: &RequestId,
    issued: &Issued,
    delivery: Delivery,
    now: UnixMillis,
    terms: &ReprovisionTerms,
) -> Result<Record, Refusal> {
    let policy = record.reprovision.unwrap_or(terms.default);
    let same = *held == asked.id;
    match (delivery, policy) {
        (Delivery::Waiting { .. }, _) if same => Err(Refusal::Already),
        (Delivery::Expired { .. }, Reprovision::Never) if same => Err(Refusal::Expired),
        // The bundle is gone: the worker retires the certificate and issues another one.
        (Delivery::Expired { .. }, Reprovision::Redeliver | Reprovision::Replace) if same => {
            Ok(opened(record, asked, Some(issued.clone()), now))
        }
        // The same key of its own once more: it has the certificate.
        (Delivery::Confirmed { .. }, _) if same && asked.key != KeySource::Service => {
            Err(Refusal::Confirmed)
        }
        (_, Reprovision::Replace) => aftercare::replace(record, asked.key, issued, now, terms),
        (Delivery::Confirmed { .. }, Reprovision::Never | Reprovision::Redeliver) => {
            Err(Refusal::Confirmed)
        }
        (
            Delivery::Waiting { .. } | Delivery::Expired { .. },
            Reprovision::Never | Reprovision::Redeliver,
        ) => Err(Refusal::OtherRequest),
    }
}

/// The record with a request that waits for a worker.
pub(crate) fn opened(
    record: &Record,
    request: Request,
    issued: Option<Issued>,
    now: UnixMillis,
) -> Record {
    Record {
        requested_at: Some(now),
        resent: Resent::default(),
        ..with(record, State::Requested { request, issued })
    }
}

fn same_or_other(held: &RequestId, asked: &Request) -> Refusal {
    if *held == asked.id {
        Refusal::Already
    } else {
        Refusal::OtherRequest
    }
}

fn in_generation(record: &Record, order: Generation) -> Result<(), Refusal> {
    match order.cmp(&record.generation) {
        std::cmp::Ordering::Less => Err(Refusal::StaleGeneration),
        std::cmp::Ordering::Equal => Ok(()),
        // An order sent by a door that is about to mark the row. One that died first leaves an order
        // that nobody waits for: its device asks again.
        std::cmp::Ordering::Greater => Err(Refusal::NotMarkedYet),
    }
}

fn claim(
    record: &Record,
    asked: &Request,
    lease: &Lease,
    now: UnixMillis,
    budget: u32,
) -> Result<Record, Refusal> {
    if lease.epoch != record.epoch.next() {
        return Err(Refusal::LeaseLost);
    }
    if record
        .state
        .request_id()
        .is_some_and(|held| *held != asked.id)
    {
        return Err(Refusal::OtherRequest);
    }
    let issued = match &record.state {
        State::Disabled => return Err(Refusal::Disabled),
        State::Registered => None,
        State::Issuing { lease: rival, .. } if rival.is_live(now) => {
            return Err(Refusal::LeaseHeld { until: rival.until });
        }
        State::Requested { issued, .. } | State::Issuing { issued, .. } => issued.clone(),
        State::Failed {
            retry_at: Some(until),
            ..
        } if now < *until => return Err(Refusal::TooSoon { until: *until }),
        State::Failed {
            issued, failure, ..
        } if failure.may_be_retried() => issued.clone(),
        State::Failed { failure, .. } => {
            return Err(Refusal::FailedForGood { failure: *failure });
        }
        State::Vended { .. } => return Err(Refusal::Already),
    };
    // An order that arrives before its row was marked: the claim marks it.
    let mut after = record.clone();
    after.requested_at = record.requested_at.or(Some(now));
    if issued.is_some() {
        return Ok(held_by(after, asked, lease, issued));
    }
    Ok(match record.creates.one_more(now, budget) {
        Ok(creates) => Record {
            creates,
            ..held_by(after, asked, lease, None)
        },
        Err(retry_at) => budget_spent(&after, asked.id.clone(), now, retry_at),
    })
}

fn held_by(record: Record, request: &Request, lease: &Lease, issued: Option<Issued>) -> Record {
    Record {
        epoch: lease.epoch,
        state: State::Issuing {
            request: request.clone(),
            lease: lease.clone(),
            issued,
        },
        ..record
    }
}

fn budget_spent(
    record: &Record,
    request: RequestId,
    now: UnixMillis,
    retry_at: UnixMillis,
) -> Record {
    let failed = State::Failed {
        request,
        issued: None,
        failure: FailureCode::BudgetSpent,
        failed_at: now,
        retry_at: Some(retry_at),
    };
    with(record, failed)
}

/// The parts of an Issuing state, if the token is its holder's.
fn held<'a>(
    record: &'a Record,
    fence: &Fence,
) -> Result<(&'a Request, &'a Lease, &'a Option<Issued>), Refusal> {
    match &record.state {
        State::Issuing {
            request,
            lease,
            issued,
        } if lease.is_held_by(fence) => Ok((request, lease, issued)),
        State::Issuing { .. }
        | State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Vended { .. }
        | State::Failed { .. } => Err(Refusal::LeaseLost),
    }
}

fn commit(record: &Record, fence: &Fence, made: &Issued) -> Result<Record, Refusal> {
    let (request, lease, issued) = held(record, fence)?;
    match issued {
        Some(recorded) if recorded == made => Err(Refusal::Already),
        // A second certificate in one claim: the recorded one stands, the other is the loser's.
        Some(_) => Err(Refusal::LeaseLost),
        None => Ok(held_by(record.clone(), request, lease, Some(made.clone()))),
    }
}

/// Condemns the committed certificate: it has to go before another one is made, and the row names it
/// until it is gone. Another create will follow, so it is counted here as it is in a claim.
///
/// Load-bearing: the row says so before anything is deleted. A worker that looked at the certificate
/// and stalled must not delete it once a rival has vended it.
fn retire(record: &Record, fence: &Fence, now: UnixMillis, budget: u32) -> Result<Record, Refusal> {
    let (request, lease, issued) = held(record, fence)?;
    let Some(issued) = issued else {
        return Err(Refusal::Already);
    };
    let mut after = record.clone();
    after.superseded.push(Superseded {
        issued: issued.clone(),
        generation: record.generation,
        ending: Ending::AtOnce,
        inactive_at: None,
    });
    Ok(match record.creates.one_more(now, budget) {
        Ok(creates) => Record {
            creates,
            ..held_by(after, request, lease, None)
        },
        Err(retry_at) => budget_spent(&after, request.id.clone(), now, retry_at),
    })
}

fn finish(record: &Record, fence: &Fence, bundle_until: UnixMillis) -> Result<Record, Refusal> {
    let (request, _, issued) = held(record, fence)?;
    let Some(issued) = issued else {
        return Err(Refusal::NotIssued);
    };
    let vended = State::Vended {
        request: request.id.clone(),
        issued: issued.clone(),
        delivery: Delivery::Waiting {
            until: bundle_until,
        },
    };
    Ok(with(record, vended))
}

fn fail(
    record: &Record,
    fence: &Fence,
    failure: FailureCode,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    let (request, _, issued) = held(record, fence)?;
    let failed = State::Failed {
        request: request.id.clone(),
        issued: issued.clone(),
        failure,
        failed_at: now,
        retry_at: None,
    };
    Ok(with(record, failed))
}

fn release(record: &Record, fence: &Fence) -> Result<Record, Refusal> {
    let (request, _, issued) = held(record, fence)?;
    let requested = State::Requested {
        request: request.clone(),
        issued: issued.clone(),
    };
    Ok(with(record, requested))
}

/// A claim that counted a create and never tried one costs its device nothing.
fn settled(record: Record, unused: bool) -> Record {
    let creates = if unused {
        record.creates.one_less()
    } else {
        record.creates
    };
    Record { creates, ..record }
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
