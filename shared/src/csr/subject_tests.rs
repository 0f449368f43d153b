//! B38: a request names the device that asks, or nobody.

use super::super::Csr;
use super::super::craft::CN;
use super::super::craft::ORGANISATION;
use super::super::craft::Signer;
use super::super::craft::oid;
use super::super::craft::seq;
use super::super::craft::set;
use super::super::craft::tlv;
use super::super::craft::utf8;
use super::super::tests::refusal;
use crate::ids::SerialNumber;

fn request(parts: &[(&str, Vec<u8>)]) -> String {
    let signer = Signer::new();
    signer.draft().subject(parts).signed(&signer)
}

fn named(name: &str) -> String {
    request(&[(CN, utf8(name))])
}

/// What a device is told that asks with this request.
fn judged(text: &str, serial: &str) -> Result<(), String> {
    let serial = SerialNumber::parse(serial).unwrap();
    Csr::parse(text)
        .and_then(|csr| csr.check_subject(&serial))
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn b38_an_empty_subject_and_the_own_serial_are_accepted() {
    assert_eq!(judged(&request(&[]), "SN-1"), Ok(()));
    assert_eq!(judged(&named("SN-1"), "SN-1"), Ok(()));
    let printable = request(&[(CN, tlv(19, b"SN-1"))]);
    assert_eq!(judged(&printable, "SN-1"), Ok(()));
    let longest = "x".repeat(128);
    assert_eq!(judged(&named(&longest), &longest), Ok(()));
}

#[test]
fn b38_another_name_than_the_own_serial_is_refused() {
    let rule = "csr: must have no common name or the serial number of the device that asks";
    for other in ["SN-2", "sn-1", "SN-1 ", "SN-10", "ЅN-1", "*"] {
        assert_eq!(judged(&named(other), "SN-1"), Err(rule.to_owned()));
    }
    let nameless = request(&[(CN, utf8(""))]);
    assert!(judged(&nameless, "SN-1").is_err());
    // `parse` does not know who asks.
    assert!(Csr::parse(&named("SN-2")).is_ok());
}

#[test]
fn b38_a_stored_request_still_knows_its_name() {
    let csr = Csr::parse(&named("SN-1")).unwrap();
    let stored = Csr::parse_stored(csr.pem()).unwrap();
    assert_eq!(stored, csr);
    assert!(
        stored
            .check_subject(&SerialNumber::parse("SN-2").unwrap())
            .is_err()
    );
}

#[test]
fn b38_ten_names_are_refused_and_so_are_two() {
    for count in [2, 10] {
        let names = vec![(CN, utf8("SN-1")); count];
        assert_eq!(
            refusal(&request(&names)),
            "csr: must have at most one common name"
        );
    }
    let signer = Signer::new();
    let mut draft = signer.draft();
    let one = |name| seq(&[oid(CN), utf8(name)]);
    draft.subject = seq(&[set(&[one("SN-1"), one("SN-2")])]);
    assert_eq!(
        refusal(&draft.signed(&signer)),
        "csr: must have at most one common name"
    );
}

#[test]
fn b38_control_characters_in_a_name_are_refused() {
    for name in ["SN-1\0", "SN-1\0.example", "\0", "SN\n1", "SN\u{85}1"] {
        assert_eq!(
            refusal(&named(name)),
            "csr: may not have control characters in its subject"
        );
    }
}

#[test]
fn b38_a_long_name_is_refused() {
    let rule = "csr: must have 1 to 128 bytes in each part of its subject";
    assert_eq!(refusal(&named(&"x".repeat(129))), rule);
    assert_eq!(refusal(&named(&"x".repeat(2048))), rule);
    assert_eq!(
        refusal(&named(&"x".repeat(10 * 1024))),
        "csr: must have at most 4096 characters"
    );
}

#[test]
fn b38_names_in_other_alphabets_are_refused() {
    let rule = "csr: must have a subject of UTF8String or PrintableString";
    for tag in [20, 22, 28, 30] {
        let refused = refusal(&request(&[(CN, tlv(tag, b"SN-1"))]));
        // 28 is a UniversalString, which `der` does not know.
        assert!(refused == rule || (tag == 28 && refused == "csr: is not strict DER"));
    }
}

#[test]
fn b38_place_and_organisation_are_free_text_and_bounded() {
    let free = |count| vec![(ORGANISATION, utf8("Example, Inc.")); count];
    let mut parts = free(3);
    parts.extend(["2.5.4.6", "2.5.4.7", "2.5.4.8", "2.5.4.11"].map(|kind| (kind, utf8("SN-2"))));
    parts.push((CN, utf8("SN-1")));
    assert_eq!(judged(&request(&parts), "SN-1"), Ok(()));
    assert_eq!(judged(&request(&free(10)), "SN-1"), Ok(()));
    assert_eq!(
        refusal(&request(&free(11))),
        "csr: must have a subject of at most 10 parts"
    );
}

#[test]
fn b38_kinds_that_a_policy_may_refer_to_are_refused() {
    // serialNumber, title, dnQualifier, emailAddress.
    for kind in ["2.5.4.5", "2.5.4.12", "2.5.4.46", "1.2.840.113549.1.9.1"] {
        assert_eq!(
            refusal(&request(&[(kind, utf8("SN-2"))])),
            "csr: may only have CN, C, L, ST, O and OU in its subject"
        );
    }
}

#[test]
fn b38_a_subject_that_is_no_name_is_refused() {
    let signer = Signer::new();
    for odd in [
        set(&[]),
        seq(&[set(&[])]),
        seq(&[seq(&[])]),
        seq(&[set(&[seq(&[])])]),
    ] {
        let mut draft = signer.draft();
        draft.subject = odd;
        assert_eq!(
            refusal(&draft.signed(&signer)),
            "csr: has a subject that is not a name"
        );
    }
}
