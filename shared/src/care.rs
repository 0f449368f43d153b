//! Which rows wait for somebody, and since when: the key of the index that the janitor reads.

use crate::record::Record;
use crate::reprovision::Ending;
use crate::reprovision::Superseded;
use crate::state::Delivery;
use crate::state::State;
use crate::time::UnixMillis;

/// What a row waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// A worker.
    Work,
    /// The janitor: a bundle that expires, a certificate that has to go.
    Care,
}

impl Group {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Work, Self::Care];

    /// The group's name, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Care => "care",
        }
    }
}

/// That a row waits, and since when or from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For what.
    pub group: Group,
    /// `Work`: since when. `Care`: the first moment at which there is something to do.
    pub since: UnixMillis,
}

/// What this row waits for; `None` if nobody but its device or an operator moves it.
pub fn waiting(record: &Record) -> Option<Waiting> {
    match &record.state {
        State::Requested { .. } | State::Issuing { .. } => Some(Waiting {
            group: Group::Work,
            since: asked_at(record),
        }),
        State::Vended { delivery, .. } => {
            let bundle = match delivery {
                Delivery::Waiting { until } => Some(*until),
                Delivery::Confirmed { .. } | Delivery::Expired { .. } => None,
            };
            care(bundle, record)
        }
        State::Disabled | State::Registered | State::Failed { .. } => care(None, record),
    }
}

/// When the row's order was sent last.
pub fn asked_at(record: &Record) -> UnixMillis {
    record
        .requested_at
        .unwrap_or_default()
        .max(record.resent.at)
}

fn care(bundle: Option<UnixMillis>, record: &Record) -> Option<Waiting> {
    let olds = record.superseded.iter();
    let ends = olds.filter_map(|old| goes_at(old, record));
    ends.chain(bundle).min().map(|since| Waiting {
        group: Group::Care,
        since,
    })
}

/// The moment from which a superseded certificate has to go, zero if it is past already; `None` for one that
/// is kept and needs no more care.
fn goes_at(old: &Superseded, record: &Record) -> Option<UnixMillis> {
    match (old.ending, old.inactive_at) {
        (Ending::Kept { settled: true, .. }, _) => None,
        (Ending::Grace { .. } | Ending::Kept { .. }, Some(at)) => Some(at),
        (Ending::AtOnce, _) | (Ending::Kept { .. }, None) => Some(UnixMillis(0)),
        (Ending::Grace { .. }, None) if is_confirmed(&record.state) => Some(UnixMillis(0)),
        (Ending::Grace { until }, None) => Some(until),
    }
}

/// Whether a superseded certificate has to be out of use by now.
pub fn has_to_go(old: &Superseded, record: &Record, now: UnixMillis) -> bool {
    goes_at(old, record).is_some_and(|at| at <= now)
}

fn is_confirmed(state: &State) -> bool {
    match state {
        State::Vended { delivery, .. } => matches!(delivery, Delivery::Confirmed { .. }),
        State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Failed { .. } => false,
    }
}
