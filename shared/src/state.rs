//! The states of a device and the one function that changes them.
//!
//! [`next`] is total and pure: every event in every state gives a new record or a [`Refusal`]. All
//! sides call it, the store only writes what it returns, on the condition that the row is still the
//! one it was computed from. There is no other way to change a row.

use crate::event::Event;
use crate::event::Refusal;
use crate::failure::FailureCode;
use crate::ids::RequestId;
use crate::lease::Fence;
use crate::lease::Lease;
use crate::record::Issued;
use crate::record::Record;
use crate::request::Request;
use crate::time::UnixMillis;

/// Where a device stands. The number is the table's `applyState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// 0: may not apply. An operator moves it on.
    Disabled,
    /// 1: may apply. The device moves it on.
    Registered,
    /// 2: accepted and queued. A worker moves it on.
    Requested {
        /// What was asked.
        request: Request,
        /// A certificate that a failed attempt had already committed; the next attempt resumes it.
        issued: Option<Issued>,
    },
    /// 3: a worker is at it, or was until its lease ended.
    Issuing {
        /// What was asked.
        request: Request,
        /// Who is at it.
        lease: Lease,
        /// The committed certificate, INACTIVE until everything is bound to it.
        issued: Option<Issued>,
    },
    /// -1: issued, bound and active (the seed's "-1: has registered a certificate").
    Vended {
        /// The request that was served.
        request: RequestId,
        /// What was issued.
        issued: Issued,
        /// When the device confirmed; its bundle is shredded from then on.
        confirmed_at: Option<UnixMillis>,
    },
    /// -2: failed for a visible reason. Asking again or an operator moves it on.
    Failed {
        /// The request that failed.
        request: RequestId,
        /// A certificate that was committed before it failed (INACTIVE).
        issued: Option<Issued>,
        /// Why it failed.
        failure: FailureCode,
        /// When it failed.
        failed_at: UnixMillis,
    },
}

impl State {
    /// The number kept in `applyState`.
    pub fn apply_state(&self) -> i32 {
        match self {
            Self::Disabled => 0,
            Self::Registered => 1,
            Self::Requested { .. } => 2,
            Self::Issuing { .. } => 3,
            Self::Vended { .. } => -1,
            Self::Failed { .. } => -2,
        }
    }

    /// The state's name, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Registered => "Registered",
            Self::Requested { .. } => "Requested",
            Self::Issuing { .. } => "Issuing",
            Self::Vended { .. } => "Vended",
            Self::Failed { .. } => "Failed",
        }
    }

    /// The request that the row is about, if there is one.
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::Disabled | Self::Registered => None,
            Self::Requested { request, .. } | Self::Issuing { request, .. } => Some(&request.id),
            Self::Vended { request, .. } | Self::Failed { request, .. } => Some(request),
        }
    }

    /// The certificate that is committed to the row, if there is one.
    pub fn issued(&self) -> Option<&Issued> {
        match self {
            Self::Disabled | Self::Registered => None,
            Self::Requested { issued, .. }
            | Self::Issuing { issued, .. }
            | Self::Failed { issued, .. } => issued.as_ref(),
            Self::Vended { issued, .. } => Some(issued),
        }
    }
}

/// The record after the event, or why it stays as it is.
pub fn next(record: &Record, event: &Event) -> Result<Record, Refusal> {
    let state = match event {
        Event::Apply { request, .. } => apply(&record.state, request)?,
        Event::Claim {
            request,
            generation,
            lease,
            now,
        } => {
            if *generation != record.generation {
                return Err(Refusal::StaleGeneration);
            }
            claim(record, request, lease, *now)?
        }
        Event::Commit { fence, issued } => commit(&record.state, fence, issued)?,
        Event::Retire { fence } => retire(&record.state, fence)?,
        Event::Finish { fence } => finish(&record.state, fence)?,
        Event::Fail {
            fence,
            failure,
            now,
        } => fail(&record.state, fence, *failure, *now)?,
        Event::Release { fence } => release(&record.state, fence)?,
        Event::Confirm { request, now } => confirm(&record.state, request, *now)?,
    };
    Ok(stamped(record, event, state))
}

/// The record with its new state and the counters that go with the event.
fn stamped(record: &Record, event: &Event, state: State) -> Record {
    let mut after = record.clone();
    after.state = state;
    after.revision += 1;
    match event {
        Event::Apply { now, .. } => after.requested_at = Some(*now),
        Event::Claim { lease, now, .. } => {
            after.epoch = lease.epoch;
            // An order that arrives before its row was marked: the claim marks it.
            after.requested_at = after.requested_at.or(Some(*now));
        }
        Event::Commit { .. }
        | Event::Retire { .. }
        | Event::Finish { .. }
        | Event::Fail { .. }
        | Event::Release { .. }
        | Event::Confirm { .. } => {}
    }
    after
}

fn apply(state: &State, asked: &Request) -> Result<State, Refusal> {
    let requested = |issued: Option<Issued>| State::Requested {
        request: asked.clone(),
        issued,
    };
    match state {
        State::Disabled => Err(Refusal::Disabled),
        State::Requested { request, .. } | State::Issuing { request, .. } => {
            Err(same_or_other(&request.id, asked))
        }
        State::Vended {
            confirmed_at: Some(_),
            ..
        } => Err(Refusal::Confirmed),
        State::Vended {
            request,
            confirmed_at: None,
            ..
        } => Err(same_or_other(request, asked)),
        State::Failed {
            request,
            issued,
            failure,
            ..
        } if *request == asked.id => {
            if failure.may_be_retried() {
                Ok(requested(issued.clone()))
            } else {
                Err(Refusal::FailedForGood { failure: *failure })
            }
        }
        // Another key may be asked for only while no certificate carries the first one.
        State::Registered | State::Failed { issued: None, .. } => Ok(requested(None)),
        State::Failed {
            issued: Some(_), ..
        } => Err(Refusal::OtherRequest),
    }
}

fn same_or_other(held: &RequestId, asked: &Request) -> Refusal {
    if *held == asked.id {
        Refusal::Already
    } else {
        Refusal::OtherRequest
    }
}

fn claim(
    record: &Record,
    asked: &Request,
    lease: &Lease,
    now: UnixMillis,
) -> Result<State, Refusal> {
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
    let issuing = |issued: &Option<Issued>| State::Issuing {
        request: asked.clone(),
        lease: lease.clone(),
        issued: issued.clone(),
    };
    match &record.state {
        State::Disabled => Err(Refusal::Disabled),
        State::Registered => Ok(issuing(&None)),
        State::Issuing { lease: rival, .. } if rival.is_live(now) => {
            Err(Refusal::LeaseHeld { until: rival.until })
        }
        State::Requested { issued, .. } | State::Issuing { issued, .. } => Ok(issuing(issued)),
        State::Failed {
            issued, failure, ..
        } if failure.may_be_retried() => Ok(issuing(issued)),
        State::Failed { failure, .. } => Err(Refusal::FailedForGood { failure: *failure }),
        State::Vended { .. } => Err(Refusal::Already),
    }
}

/// The parts of an Issuing state, if the token is its holder's.
fn held<'a>(
    state: &'a State,
    fence: &Fence,
) -> Result<(&'a Request, &'a Lease, &'a Option<Issued>), Refusal> {
    match state {
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

fn commit(state: &State, fence: &Fence, made: &Issued) -> Result<State, Refusal> {
    let (request, lease, issued) = held(state, fence)?;
    match issued {
        Some(recorded) if recorded == made => Err(Refusal::Already),
        // A second certificate in one claim: the recorded one stands, the other is the loser's.
        Some(_) => Err(Refusal::LeaseLost),
        None => Ok(State::Issuing {
            request: request.clone(),
            lease: lease.clone(),
            issued: Some(made.clone()),
        }),
    }
}

fn retire(state: &State, fence: &Fence) -> Result<State, Refusal> {
    let (request, lease, issued) = held(state, fence)?;
    if issued.is_none() {
        return Err(Refusal::Already);
    }
    Ok(State::Issuing {
        request: request.clone(),
        lease: lease.clone(),
        issued: None,
    })
}

fn finish(state: &State, fence: &Fence) -> Result<State, Refusal> {
    let (request, _, issued) = held(state, fence)?;
    let Some(issued) = issued else {
        return Err(Refusal::NotIssued);
    };
    Ok(State::Vended {
        request: request.id.clone(),
        issued: issued.clone(),
        confirmed_at: None,
    })
}

fn fail(
    state: &State,
    fence: &Fence,
    failure: FailureCode,
    now: UnixMillis,
) -> Result<State, Refusal> {
    let (request, _, issued) = held(state, fence)?;
    Ok(State::Failed {
        request: request.id.clone(),
        issued: issued.clone(),
        failure,
        failed_at: now,
    })
}

fn release(state: &State, fence: &Fence) -> Result<State, Refusal> {
    let (request, _, issued) = held(state, fence)?;
    Ok(State::Requested {
        request: request.clone(),
        issued: issued.clone(),
    })
}

fn confirm(state: &State, asked: &RequestId, now: UnixMillis) -> Result<State, Refusal> {
    if state.request_id().is_some_and(|held| held != asked) {
        return Err(Refusal::OtherRequest);
    }
    match state {
        State::Disabled => Err(Refusal::Disabled),
        State::Registered => Err(Refusal::NothingAsked),
        State::Requested { .. } | State::Issuing { .. } | State::Failed { .. } => {
            Err(Refusal::NotIssued)
        }
        State::Vended {
            confirmed_at: Some(_),
            ..
        } => Err(Refusal::Already),
        State::Vended {
            request,
            issued,
            confirmed_at: None,
        } => Ok(State::Vended {
            request: request.clone(),
            issued: issued.clone(),
            confirmed_at: Some(now),
        }),
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
