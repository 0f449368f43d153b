//! What becomes of the message after a run. Pure.

use std::time::Duration;

use backon::BackoffBuilder as _;
use backon::ExponentialBuilder;
use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;
use cvm_shared::outcome::Ack;
use cvm_shared::outcome::Outcome;
use cvm_shared::outcome::ParkReason;
use cvm_shared::outcome::Retry;

use crate::ending::Done;
use crate::ending::Stop;

/// What the queue says of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// How often the message was received, this time included.
    pub receives: u32,
    /// After how many a fault is final; the queue itself gives up at this number or later.
    pub max_receives: u32,
    /// Spreads delays, so that what failed together does not come back together.
    pub jitter: u64,
}

impl Attempt {
    /// Whether a fault is final now.
    pub fn is_last(&self) -> bool {
        self.receives >= self.max_receives
    }
}

/// The outcome of a run.
pub fn settle(result: Result<Done, Stop>, attempt: Attempt) -> Outcome {
    match result {
        Ok(Done::Vended { .. }) => Outcome::Ack(Ack::Vended),
        Ok(Done::AlreadyVended) => Outcome::Ack(Ack::AlreadyDone),
        Ok(Done::Superseded) => Outcome::Ack(Ack::Superseded),
        Err(Stop::UnknownDevice) => Outcome::Park(ParkReason::UnknownDevice),
        Err(Stop::Disabled) => Outcome::Park(ParkReason::DeviceDisabled),
        Err(Stop::Failed(failure)) => Outcome::Park(ParkReason::Failed(failure.code())),
        Err(Stop::GivenBack(failure)) => given_back(&failure, attempt),
    }
}

fn given_back(failure: &Failure, attempt: Attempt) -> Outcome {
    let (after, spends_attempt) = match failure.class() {
        Class::Wait => (pause(failure, attempt), false),
        // The row could not be marked Failed, or not even be read: then the message tells why.
        Class::Retry | Class::Operator | Class::Never if attempt.is_last() => {
            return Outcome::Park(ParkReason::Failed(failure.code()));
        }
        Class::Retry | Class::Operator | Class::Never => (backoff(FAULT, attempt), true),
    };
    Outcome::Retry(Retry {
        after,
        code: failure.code(),
        spends_attempt,
    })
}

/// Delays that grow from the first number of seconds to the last, three times as long each time.
type Growth = (u64, u64);

/// For a throttle: short, for nothing is wrong.
const THROTTLE: Growth = (2, 60);
/// For a fault: ten attempts outlast an outage of an hour.
const FAULT: Growth = (5, 900);

/// Until the lease in the way ends; else a growing pause.
fn pause(failure: &Failure, attempt: Attempt) -> Duration {
    if let Failure::LeaseHeld { remaining } = failure {
        return *remaining + Duration::from_secs(1);
    }
    backoff(THROTTLE, attempt)
}

/// With jitter of up to the delay itself on top.
fn backoff((least, most): Growth, attempt: Attempt) -> Duration {
    let most = Duration::from_secs(most);
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(least))
        .with_max_delay(most)
        .with_factor(3.0)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(attempt.jitter)
        .build();
    let earlier = attempt.receives.saturating_sub(1).min(16) as usize;
    delays.nth(earlier).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use cvm_shared::failure::FailureCode;

    use super::*;

    fn attempt(receives: u32) -> Attempt {
        Attempt {
            receives,
            max_receives: 5,
            jitter: 7,
        }
    }

    fn retry(failure: Failure, receives: u32) -> Retry {
        match settle(Err(Stop::GivenBack(failure)), attempt(receives)) {
            Outcome::Retry(retry) => retry,
            other @ (Outcome::Ack(_) | Outcome::Park(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_throttle_spends_nothing_and_a_fault_does() {
        assert!(!retry(Failure::Throttled { service: "iot" }, 1).spends_attempt);
        assert!(!retry(Failure::OutOfTime, 1).spends_attempt);
        let fault = Failure::Unavailable {
            service: "iot",
            detail: "500".to_owned(),
        };
        assert!(retry(fault, 1).spends_attempt);
    }

    #[test]
    fn delays_grow_up_to_a_bound_and_differ_between_messages() {
        let at = |receives, jitter| {
            backoff(
                FAULT,
                Attempt {
                    jitter,
                    ..attempt(receives)
                },
            )
            .as_secs_f64()
        };
        for (receives, least) in [(1, 5.0), (2, 15.0), (3, 45.0), (9, 900.0)] {
            assert!(
                (least..=2.0 * least).contains(&at(receives, 1)),
                "{receives}"
            );
        }
        assert!(at(1000, 1) <= 1800.0);
        assert!((at(3, 1) - at(3, 2)).abs() > f64::EPSILON);
    }

    #[test]
    fn ten_attempts_outlast_an_hour() {
        let waits = (1..10).map(|receives| backoff(FAULT, attempt(receives)));
        assert!(waits.sum::<Duration>() > Duration::from_hours(1));
    }

    #[test]
    fn the_last_attempt_of_an_unreadable_row_is_parked_with_its_reason() {
        let corrupt = Failure::CorruptRow { field: "certID" };
        let parked = settle(Err(Stop::GivenBack(corrupt)), attempt(5));
        assert_eq!(
            parked,
            Outcome::Park(ParkReason::Failed(FailureCode::CorruptRow))
        );
    }

    #[test]
    fn a_held_lease_is_waited_out() {
        let held = Failure::LeaseHeld {
            remaining: Duration::from_secs(30),
        };
        assert_eq!(retry(held, 1).after, Duration::from_secs(31));
    }

    #[test]
    fn what_cannot_be_helped_is_parked_with_its_reason() {
        let failed = settle(Err(Stop::Failed(Failure::PolicyMissing)), attempt(1));
        assert_eq!(
            failed,
            Outcome::Park(ParkReason::Failed(FailureCode::PolicyMissing))
        );
        let unknown = settle(Err(Stop::UnknownDevice), attempt(1));
        assert_eq!(unknown, Outcome::Park(ParkReason::UnknownDevice));
    }
}
