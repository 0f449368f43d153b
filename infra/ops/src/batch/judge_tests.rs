//! Every state, asked for the same and for another key.

use cvm_shared::failure::FailureCode;
use cvm_shared::state::Delivery;

use super::*;
use crate::batch::sample::NOW;
use crate::batch::sample::device;
use crate::batch::sample::failed;
use crate::batch::sample::in_state;
use crate::batch::sample::issued;
use crate::batch::sample::issuing;
use crate::batch::sample::own_key;
use crate::batch::sample::request;
use crate::batch::sample::requested;
use crate::batch::sample::vended;

const KEYS: KeySource = KeySource::Service;
const DELIVERIES: [Delivery; 3] = [
    Delivery::Waiting { until: NOW },
    Delivery::Confirmed { at: NOW },
    Delivery::Expired { at: NOW },
];

fn is_sent(row: Record, key: &KeySource) -> bool {
    match judge(row, key, NOW) {
        Verdict::Send(opening) => {
            let row = &opening.row;
            assert_eq!(opening.order.serial, row.serial);
            assert_eq!(opening.order.generation, row.generation);
            // The order is what the row will say.
            let after = next(row, &opening.event).unwrap();
            assert_eq!(after.state.open_request(), Some(&opening.order.request));
            true
        }
        Verdict::Already | Verdict::Vended | Verdict::Refused(_) => false,
    }
}

fn refused(row: Record, key: &KeySource) -> Why {
    match judge(row, key, NOW) {
        Verdict::Refused(why) => why,
        verdict @ (Verdict::Send(_) | Verdict::Already | Verdict::Vended) => panic!("{verdict:?}"),
    }
}

#[test]
fn a_registered_device_is_sent_in_either_mode() {
    assert!(is_sent(device(), &KEYS));
    assert!(is_sent(device(), &own_key()));
}

#[test]
fn a_disabled_device_is_refused() {
    assert_eq!(refused(in_state(State::Disabled), &KEYS), Why::Disabled);
}

#[test]
fn what_is_on_its_way_is_not_sent_again() {
    for row in [requested(&KEYS), issuing(&KEYS)] {
        assert_eq!(judge(row.clone(), &KEYS, NOW), Verdict::Already);
        assert_eq!(refused(row, &own_key()), Why::OtherRequest);
    }
}

#[test]
fn a_device_keeps_its_certificate_whatever_its_policy() {
    for delivery in DELIVERIES {
        for policy in [
            Reprovision::Never,
            Reprovision::Redeliver,
            Reprovision::Replace,
        ] {
            let mut row = vended(&KEYS, delivery);
            row.reprovision = Some(policy);
            assert_eq!(judge(row.clone(), &KEYS, NOW), Verdict::Vended);
            assert_eq!(refused(row, &own_key()), Why::OtherCertificate);
        }
    }
}

#[test]
fn what_failed_is_sent_again_if_that_can_help() {
    assert!(is_sent(
        failed(&KEYS, FailureCode::PolicyMissing, None),
        &KEYS
    ));
    let later = NOW.plus(Duration::from_secs(1));
    let spent = failed(&KEYS, FailureCode::BudgetSpent, Some(later));
    assert_eq!(refused(spent, &KEYS), Why::TooSoon(later));
    let spent = failed(&KEYS, FailureCode::BudgetSpent, Some(NOW));
    assert!(is_sent(spent, &KEYS));
    let key = own_key();
    let hopeless = failed(&key, FailureCode::CsrRefused, None);
    assert_eq!(
        refused(hopeless.clone(), &key),
        Why::FailedForGood("csr_refused")
    );
    assert!(is_sent(hopeless, &own_key()), "another key may be tried");
}

#[test]
fn no_other_key_beside_a_certificate_that_failed_half_way() {
    let row = in_state(State::Failed {
        request: request(&KEYS).id,
        issued: Some(issued()),
        failure: FailureCode::PolicyMissing,
        failed_at: NOW,
        retry_at: None,
    });
    assert!(is_sent(row.clone(), &KEYS));
    assert_eq!(refused(row, &own_key()), Why::OtherRequest);
}

#[test]
fn a_device_that_was_reset_is_asked_for_in_its_new_generation() {
    let row = next(&requested(&KEYS), &Event::Reset).unwrap();
    assert!(is_sent(row, &KEYS));
}

#[test]
fn a_mark_that_comes_late_does_no_harm() {
    let Verdict::Send(opening) = judge(device(), &KEYS, NOW) else {
        panic!("not sent")
    };
    let told = |row: Record| {
        let refusal = next(&row, &opening.event).unwrap_err();
        after_mark(&row, &opening.order, &refusal)
    };
    assert_eq!(told(issuing(&KEYS)), None);
    for delivery in DELIVERIES {
        assert_eq!(told(vended(&KEYS, delivery)), None);
    }
    assert_eq!(told(requested(&own_key())), Some(Why::OtherRequest));
    assert_eq!(told(in_state(State::Disabled)), Some(Why::Disabled));
    let reset = next(&requested(&KEYS), &Event::Reset).unwrap();
    assert_eq!(told(reset), Some(Why::Changed));
}
