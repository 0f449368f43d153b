//! Offers: which verifier a draft becomes, and what counts as the same in the table.

use cvm_shared::ids::PolicyName;
use cvm_shared::ids::ThingName;
use cvm_shared::record::Attributes;
use cvm_shared::record::PolicyFrom;

use super::*;

fn draft(secret: &str, salt: Option<Salt>, auth: Auth) -> Draft {
    Draft {
        serial: SerialNumber::parse("SN-1").unwrap(),
        token: DeviceToken::parse(secret).unwrap(),
        salt,
        auth,
        binding: Binding {
            thing: ThingName::parse("thing-1").unwrap(),
            thing_made: false,
            policy: PolicyFrom::Certificate(PolicyName::parse("fleet").unwrap()),
            thing_type: None,
            thing_group: None,
            attributes: Attributes::default(),
        },
    }
}

fn offer(secret: &str, salt: Option<Salt>) -> Offer {
    draft(secret, salt, Auth::Any).offer()
}

#[test]
fn a_salt_makes_a_stretched_verifier_and_none_a_plain_one() {
    let slow = draft("1234", Some([1; 16]), Auth::Any);
    assert!(slow.is_slow());
    assert!(slow.offer().record.verifier.to_text().starts_with("cvm1s."));
    let fast = draft("1234", None, Auth::Any);
    assert!(!fast.is_slow());
    assert!(fast.offer().record.verifier.to_text().starts_with("cvm1."));
}

#[test]
fn proof_binds_the_record_and_any_does_not() {
    assert!(draft("1234", None, Auth::Proof).offer().record.proof_only);
    assert!(!draft("1234", None, Auth::Any).offer().record.proof_only);
}

#[test]
fn a_secret_is_the_same_whatever_its_salt() {
    let (stretched, plain) = (
        offer("1234", Some([1; 16])).record,
        offer("1234", None).record,
    );
    let salted = offer("1234", Some([2; 16]));
    for stored in [&stretched, &plain] {
        assert_eq!(salted.differs(stored), [""; 0]);
        assert_eq!(offer("1235", None).differs(stored), [SECRET]);
    }
}

#[test]
fn another_binding_and_another_auth_are_told_by_their_columns() {
    let mut stored = offer("1234", None).record;
    stored.proof_only = true;
    stored.binding.thing = ThingName::parse("thing-2").unwrap();
    stored.binding.policy = PolicyFrom::Certificate(PolicyName::parse("other").unwrap());
    let told = offer("1234", None).differs(&stored);
    assert_eq!(told, [THING_NAME, POLICY_NAME, AUTH]);
}

#[test]
fn a_lean_binding_that_the_table_has_otherwise_is_told_by_its_columns() {
    let stored = offer("1234", None).record;
    let mut lean = offer("1234", None);
    lean.record.binding.thing_made = true;
    assert_eq!(lean.differs(&stored), [THING_MADE]);
    lean.record.binding.policy = PolicyFrom::Group;
    assert_eq!(
        lean.differs(&stored),
        [POLICY_NAME, POLICY_FROM, THING_MADE]
    );
    let same = lean.record.clone();
    assert_eq!(lean.differs(&same), [""; 0]);
}
