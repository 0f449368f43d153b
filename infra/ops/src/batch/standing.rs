//! How a batch's row stands, from its device's row: what is counted, waited for and told.

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::operate::rows::Found;
use cvm_shared::record::Record;
use cvm_shared::request::request_id;
use cvm_shared::state::State;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Standing {
    /// It has its certificate.
    Vended,
    /// A worker is at it.
    Issuing,
    /// It waits for a worker.
    Requested,
    /// It was not asked for yet, or was taken back.
    Registered,
    /// It failed.
    Failed,
    /// Its device is disabled.
    Disabled,
    /// Its device is about another request than the batch's.
    Other,
    /// Its device is not in the table.
    Unknown,
    /// Its device's row cannot be understood.
    Unreadable,
    /// The row itself is bad: nothing was ever asked.
    Bad,
}

impl Standing {
    /// How the device stands that is to have this key certified, or one that AWS IoT makes.
    pub(crate) fn of(row: &Record, key: Option<PublicKeyDigest>) -> Self {
        let ours = request_id(&row.serial, row.generation, key);
        if row.state.request_id().is_some_and(|held| *held != ours) {
            return Self::Other;
        }
        match row.state {
            State::Disabled => Self::Disabled,
            State::Registered => Self::Registered,
            State::Requested { .. } => Self::Requested,
            State::Issuing { .. } => Self::Issuing,
            State::Vended { .. } => Self::Vended,
            State::Failed { .. } => Self::Failed,
        }
    }

    /// The same for what a read has found. A call that failed says nothing of the device.
    pub(crate) fn found(found: &Found, key: Option<PublicKeyDigest>) -> Result<Self, Failure> {
        match found {
            Ok(Some(row)) => Ok(Self::of(row, key)),
            Ok(None) => Ok(Self::Unknown),
            Err(Failure::CorruptRow { .. }) => Ok(Self::Unreadable),
            Err(failure) => Err(failure.clone()),
        }
    }

    /// Whether a worker has it before it.
    pub(crate) fn is_on_its_way(self) -> bool {
        match self {
            Self::Requested | Self::Issuing => true,
            Self::Vended
            | Self::Registered
            | Self::Failed
            | Self::Disabled
            | Self::Other
            | Self::Unknown
            | Self::Unreadable
            | Self::Bad => false,
        }
    }

    /// The words for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Vended => "Vended",
            Self::Issuing => "Issuing",
            Self::Requested => "Requested",
            Self::Registered => "Registered",
            Self::Failed => "Failed",
            Self::Disabled => "Disabled",
            Self::Other => "another request",
            Self::Unknown => "no such device",
            Self::Unreadable => "unreadable",
            Self::Bad => "bad row",
        }
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::failure::FailureCode;
    use cvm_shared::request::KeySource;
    use cvm_shared::state::Delivery;

    use super::*;
    use crate::batch::sample::NOW;
    use crate::batch::sample::device;
    use crate::batch::sample::failed;
    use crate::batch::sample::in_state;
    use crate::batch::sample::issuing;
    use crate::batch::sample::own_key;
    use crate::batch::sample::requested;
    use crate::batch::sample::vended;

    #[test]
    fn every_state_stands_for_itself_and_another_request_for_none() {
        let waiting = Delivery::Waiting { until: NOW };
        let failure = FailureCode::PolicyMissing;
        let states = |key: &KeySource| {
            [
                (requested(key), Standing::Requested),
                (issuing(key), Standing::Issuing),
                (vended(key, waiting), Standing::Vended),
                (failed(key, failure, None), Standing::Failed),
            ]
        };
        for (row, standing) in states(&KeySource::Service) {
            assert_eq!(Standing::of(&row, None), standing);
            assert_eq!(row.state.name(), standing.as_str());
        }
        for (row, _) in states(&own_key()) {
            assert_eq!(Standing::of(&row, None), Standing::Other);
        }
        assert_eq!(Standing::of(&device(), None), Standing::Registered);
        let disabled = in_state(State::Disabled);
        assert_eq!(Standing::of(&disabled, None), Standing::Disabled);
    }

    #[test]
    fn a_failed_read_is_not_a_missing_device() {
        let found = |found| Standing::found(&found, None);
        assert_eq!(found(Ok(None)), Ok(Standing::Unknown));
        let corrupt = Failure::CorruptRow { field: "epoch" };
        assert_eq!(found(Err(corrupt)), Ok(Standing::Unreadable));
        assert!(found(Err(Failure::OutOfTime)).is_err());
    }
}
