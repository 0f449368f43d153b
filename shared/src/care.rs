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
    let ends = record.superseded.iter().map(|old| goes_at(old, record));
    ends.chain(bundle).min().map(|since| Waiting {
        group: Group::Care,
        since,
    })
}

/// The moment from which a superseded certificate has to go; zero if it is past already.
fn goes_at(old: &Superseded, record: &Record) -> UnixMillis {
    match (old.ending, old.inactive_at) {
        (Ending::AtOnce, _) => UnixMillis(0),
        (Ending::Grace { .. }, Some(at)) => at,
        (Ending::Grace { .. }, None) if is_confirmed(&record.state) => UnixMillis(0),
        (Ending::Grace { until }, None) => until,
    }
}

/// Whether a superseded certificate has to be INACTIVE by now.
pub fn has_to_go(old: &Superseded, record: &Record, now: UnixMillis) -> bool {
    goes_at(old, record) <= now
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
