//! Which rows of a batch may be taken back: pure, and careful with what a device asked for by itself.

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::record::Record;
use cvm_shared::request::request_id;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Deed;
use cvm_shared::trail::Trail;

/// What becomes of a row when its batch is called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallingOff {
    /// It is reset: its order is moot from then on.
    Reset,
    /// It stays as it is, for this reason.
    Leave(&'static str),
}

/// What becomes of this row, if the batch began at that moment.
pub(super) fn call_off(
    row: &Record,
    key: Option<PublicKeyDigest>,
    begun: UnixMillis,
) -> CallingOff {
    let request = match &row.state {
        State::Requested { request, .. } => request,
        State::Issuing { .. } => return CallingOff::Leave("a worker is at it"),
        State::Vended { .. } => return CallingOff::Leave("has a certificate"),
        State::Failed { .. } => return CallingOff::Leave("has failed"),
        State::Registered => return CallingOff::Leave("is not asked for"),
        State::Disabled => return CallingOff::Leave("is disabled"),
    };
    if request.id != request_id(&row.serial, row.generation, key) {
        CallingOff::Leave("is about another request")
    } else if is_the_devices_own(row, begun) {
        CallingOff::Leave("was asked for by the device itself")
    } else {
        CallingOff::Reset
    }
}

/// A device that asks for the same thing has the same request. Who asked is in the row's trail until the janitor sends
/// the order again; when it was asked, always.
fn is_the_devices_own(row: &Record, begun: UnixMillis) -> bool {
    let asked_before = row.requested_at.is_some_and(|at| at < begun);
    asked_before || row.trail.as_ref().is_some_and(was_asked_at_the_door)
}

fn was_asked_at_the_door(trail: &Trail) -> bool {
    trail.deed == Deed::Apply && trail.hand.author == Author::Ingest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cvm_shared::failure::FailureCode;
    use cvm_shared::ids::TrailHead;
    use cvm_shared::request::KeySource;
    use cvm_shared::state::Delivery;
    use cvm_shared::trail::Hand;

    use super::*;
    use crate::batch::sample::NOW;
    use crate::batch::sample::device;
    use crate::batch::sample::failed;
    use crate::batch::sample::in_state;
    use crate::batch::sample::issuing;
    use crate::batch::sample::own_key;
    use crate::batch::sample::requested;
    use crate::batch::sample::vended;

    const KEYS: KeySource = KeySource::Service;

    #[test]
    fn only_what_waits_is_taken_back() {
        let off = |row: &Record| call_off(row, None, NOW);
        assert_eq!(off(&requested(&KEYS)), CallingOff::Reset);
        let waiting = Delivery::Waiting { until: NOW };
        for row in [
            issuing(&KEYS),
            vended(&KEYS, waiting),
            failed(&KEYS, FailureCode::PolicyMissing, None),
            device(),
            in_state(State::Disabled),
            requested(&own_key()),
        ] {
            assert!(matches!(off(&row), CallingOff::Leave(_)), "{row:?}");
        }
    }

    #[test]
    fn what_a_device_asked_for_by_itself_is_left_to_it() {
        let row = requested(&KEYS);
        let later = NOW.plus(Duration::from_millis(1));
        let own = CallingOff::Leave("was asked for by the device itself");
        assert_eq!(call_off(&row, None, later), own);
        let trail = |deed, author| Trail {
            deed,
            hand: Hand::new(author, NOW),
            head: TrailHead::parse("0".repeat(64)).unwrap(),
        };
        let by = |deed, author| {
            let trail = Some(trail(deed, author));
            call_off(
                &Record {
                    trail,
                    ..row.clone()
                },
                None,
                NOW,
            )
        };
        assert_eq!(by(Deed::Apply, Author::Ingest), own);
        assert_eq!(by(Deed::Resend, Author::Janitor), CallingOff::Reset);
    }
}
