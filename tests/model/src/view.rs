//! What of a row the model itself looks at, in numbers: to check invariants and to draw messages and
//! effects from it. What is to be *decided* about a row is left to the shipped functions.

use cvm_shared::record::Record;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Superseded;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;

use crate::names;
use crate::names::Mark;
use crate::names::NO_KIND;
use crate::names::NOW;
use crate::names::Names;

/// The most certificates that a row may have superseded at once in any focus.
const OLDS: usize = 4;

/// Where the row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// See [`State::Disabled`].
    Disabled,
    /// See [`State::Registered`].
    Registered,
    /// See [`State::Requested`].
    Requested,
    /// See [`State::Issuing`].
    Issuing {
        /// The epoch of the lease.
        epoch: u8,
        /// Whether the lease still lasts.
        live: bool,
    },
    /// See [`State::Vended`]; the bundle waits and is not due.
    Waiting,
    /// Vended; the bundle waits and may be shredded at any moment.
    Due,
    /// Vended and confirmed.
    Confirmed,
    /// Vended; the bundle was shredded.
    Expired,
    /// See [`State::Failed`].
    Failed,
}

impl Stage {
    /// Whether the certificate was handed out or waits to be.
    pub fn is_vended(self) -> bool {
        match self {
            Self::Waiting | Self::Due | Self::Confirmed | Self::Expired => true,
            Self::Disabled
            | Self::Registered
            | Self::Requested
            | Self::Issuing { .. }
            | Self::Failed => false,
        }
    }

    /// Whether the row waits for a worker.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Issuing { .. })
    }
}

/// A superseded certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Old {
    /// Which one.
    pub mark: Mark,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether it was put out of use.
    pub inactive: bool,
}

/// See [`Ending`], without its moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// An operator wants it gone.
    AtOnce,
    /// It has its grace.
    Grace,
    /// It is kept, and looked after.
    Kept,
    /// It is kept, and nobody looks after it any more.
    Settled,
}

impl Fate {
    fn of(ending: Ending) -> Self {
        match ending {
            Ending::AtOnce => Self::AtOnce,
            Ending::Grace { .. } => Self::Grace,
            Ending::Kept { settled: false, .. } => Self::Kept,
            Ending::Kept { settled: true, .. } => Self::Settled,
        }
    }
}

/// The row in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Where it stands.
    pub stage: Stage,
    /// Its request; [`NO_KIND`] if it has none.
    pub kind: u8,
    /// Its generation.
    pub generation: u8,
    /// Its epoch.
    pub epoch: u8,
    /// The certificate that it names.
    pub issued: Option<Mark>,
    /// Those that it named before.
    pub olds: [Option<Old>; OLDS],
}

impl View {
    /// The row in numbers.
    pub fn of(record: &Record, names: &Names) -> Self {
        let mut olds = [None; OLDS];
        assert!(record.superseded.len() <= OLDS, "the focus is too large");
        for (place, old) in olds.iter_mut().zip(&record.superseded) {
            *place = Some(old_of(old));
        }
        let kind = record.state.request_id().map(|id| names.kind(id));
        Self {
            stage: stage(&record.state),
            kind: kind.unwrap_or(NO_KIND),
            generation: record.generation.0 as u8,
            epoch: record.epoch.0 as u8,
            issued: record.state.issued().map(names::mark_of),
            olds,
        }
    }

    /// The row in one line, for traces.
    pub fn brief(&self) -> String {
        let issued = self.issued.map(|mark| mark.cert);
        let olds: Vec<u8> = self.olds().map(|old| old.mark.cert).collect();
        let (stage, generation) = (self.stage, self.generation);
        format!("{stage:?}, generation {generation}, names {issued:?}, superseded {olds:?}")
    }

    /// The superseded certificates.
    pub fn olds(&self) -> impl Iterator<Item = &Old> {
        self.olds.iter().flatten()
    }

    /// Whether the row names this certificate, now or as superseded.
    pub fn names(&self, cert: u8) -> bool {
        let current = self.issued.is_some_and(|mark| mark.cert == cert);
        current || self.olds().any(|old| old.mark.cert == cert)
    }
}

fn old_of(old: &Superseded) -> Old {
    Old {
        mark: names::mark_of(&old.issued),
        fate: Fate::of(old.ending),
        inactive: old.inactive_at.is_some(),
    }
}

fn stage(state: &State) -> Stage {
    match state {
        State::Disabled => Stage::Disabled,
        State::Registered => Stage::Registered,
        State::Requested { .. } => Stage::Requested,
        State::Issuing { lease, .. } => Stage::Issuing {
            epoch: lease.epoch.0 as u8,
            live: lease.is_live(NOW),
        },
        State::Vended { delivery, .. } => match delivery {
            Delivery::Waiting { until } if *until <= NOW => Stage::Due,
            Delivery::Waiting { .. } => Stage::Waiting,
            Delivery::Confirmed { .. } => Stage::Confirmed,
            Delivery::Expired { .. } => Stage::Expired,
        },
        State::Failed { .. } => Stage::Failed,
    }
}
