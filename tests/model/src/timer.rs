//! Deadlines, and what it does to a row that one has passed.

use cvm_shared::record::Record;
use cvm_shared::reprovision::Ending;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;

use crate::names;
use crate::names::LONG_AGO;
use crate::names::NOW;

/// A deadline that can pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The lease ends.
    Lease,
    /// The bundle has waited for its device long enough.
    Bundle,
    /// The grace of a superseded certificate ends.
    Grace,
    /// A superseded certificate was INACTIVE for long enough.
    Kept,
    /// The order has been out for so long that the row counts as stuck.
    Stuck,
    /// Midnight: another day's certificates.
    Midnight,
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Lease,
        Self::Bundle,
        Self::Grace,
        Self::Kept,
        Self::Stuck,
        Self::Midnight,
    ];
}

/// Lets a deadline of the row pass.
pub(crate) fn pass(row: &mut Record, timer: Timer) {
    match timer {
        Timer::Lease => {
            if let State::Issuing { lease, .. } = &mut row.state {
                lease.until = NOW;
            }
        }
        Timer::Bundle => {
            if let State::Vended {
                delivery: Delivery::Waiting { until },
                ..
            } = &mut row.state
            {
                *until = NOW;
            }
        }
        Timer::Grace => {
            for old in &mut row.superseded {
                if let Ending::Grace { until } = &mut old.ending {
                    *until = NOW;
                }
            }
        }
        Timer::Kept => {
            for old in &mut row.superseded {
                old.inactive_at = old.inactive_at.map(|_| LONG_AGO);
            }
        }
        Timer::Stuck => {
            if row.state.open_request().is_some() {
                row.requested_at = row.requested_at.map(|_| LONG_AGO);
                row.resent.at = row.resent.at.min(LONG_AGO);
            }
        }
        Timer::Midnight => midnight(row),
    }
}

fn midnight(row: &mut Record) {
    if row.creates.count > 0 {
        row.creates.day = names::YESTERDAY;
    }
    if let State::Failed {
        retry_at: Some(until),
        ..
    } = &mut row.state
    {
        *until = NOW;
    }
}
