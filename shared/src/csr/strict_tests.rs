//! B31: a request has one encoding, and no input can overwhelm what checks that.

use super::super::Csr;
use super::super::craft::CHALLENGE_PASSWORD;
use super::super::craft::CN;
use super::super::craft::Draft;
use super::super::craft::ORGANISATION;
use super::super::craft::Signer;
use super::super::craft::attribute;
use super::super::craft::oid;
use super::super::craft::seq;
use super::super::craft::set;
use super::super::craft::tlv;
use super::super::craft::utf8;
use super::super::pem::sole_request;
use super::super::pem::to_pem;
use super::super::tests::refusal;

const NOT_STRICT: &str = "csr: is not strict DER";
const TOO_DEEP: &str = "csr: is nested deeper than 16";
const NOT_A_REQUEST: &str = "csr: is not a PKCS#10 certificate request";
const UNSORTED: &str = "csr: has a set whose members are out of order or repeated";

fn good() -> Vec<u8> {
    let signer = Signer::new();
    sole_request(&signer.draft().signed(&signer)).unwrap()
}

fn refused(der: &[u8]) -> String {
    refusal(&to_pem(der))
}

/// A request that is well signed, with this value where any is allowed.
fn holding(value: &[u8]) -> String {
    let signer = Signer::new();
    let attribute = attribute(CHALLENGE_PASSWORD, &[value.to_vec()]);
    signer.draft().attributes(&[attribute]).signed(&signer)
}

fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(vec![], |inner, _| seq(&[inner]))
}

#[test]
fn b31_truncated_anywhere_it_is_refused() {
    let der = good();
    for end in 0..der.len() {
        assert_eq!(refused(&der[..end]), NOT_STRICT);
    }
}

#[test]
fn b31_trailing_bytes_are_refused() {
    let der = good();
    for tail in [vec![0], vec![0; 16], der.clone()] {
        assert_eq!(
            refused(&[der.clone(), tail].concat()),
            "csr: has bytes after the request"
        );
    }
}

#[test]
fn b31_lengths_have_one_form() {
    let der = good();
    assert_eq!(der[..2], [0x30, 0x81]);
    let (length, content) = (der[2], &der[3..]);
    let with = |header: &[u8]| refused(&[header, content].concat());
    assert_eq!(with(&[0x30, 0x82, 0, length]), NOT_STRICT);
    assert_eq!(with(&[0x30, 0x84, 0, 0, 0, length]), NOT_STRICT);
    let indefinite = [&[0x30, 0x80], content, &[0, 0]].concat();
    assert_eq!(refused(&indefinite), NOT_STRICT);
    assert_eq!(with(&[0x30, 0xff, length]), NOT_STRICT);
    // Deeper down, where only the walk looks.
    for value in [
        &[12, 0x81, 1, b'x'][..],
        &[0x30, 0x80, 0, 0],
        &[0x24, 3, 4, 1, b'x'],
    ] {
        assert_eq!(refusal(&holding(value)), NOT_STRICT);
    }
}

#[test]
fn b31_huge_length_claims_are_refused() {
    for header in [
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..],
        &[0x30, 0x85, 1, 0, 0, 0, 0],
        &[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(refused(header), NOT_STRICT);
        assert_eq!(refused(&[header, &good()].concat()), NOT_STRICT);
        assert_eq!(refusal(&holding(header)), NOT_STRICT);
    }
}

#[test]
fn b31_nesting_is_bounded() {
    assert_eq!(refused(&nested(200)), TOO_DEEP);
    assert_eq!(refused(&nested(600)), TOO_DEEP);
    assert_eq!(refused(&nested(17)), TOO_DEEP);
    assert_eq!(refused(&nested(16)), NOT_A_REQUEST);
    // Five values are around this one.
    assert_ne!(refusal(&holding(&nested(11))), TOO_DEEP);
    assert_eq!(refusal(&holding(&nested(12))), TOO_DEEP);
}

#[test]
fn b31_values_have_one_form() {
    let broken: [(&str, &[u8]); 12] = [
        ("BOOLEAN that is neither", &[1, 1, 1]),
        ("BOOLEAN of nothing", &[1, 0]),
        ("padded INTEGER", &[2, 2, 0, 1]),
        ("padded negative INTEGER", &[2, 2, 0xff, 0x80]),
        ("INTEGER of nothing", &[2, 0]),
        ("BIT STRING with unused bits set", &[3, 2, 4, 0xff]),
        ("BIT STRING of nothing", &[3, 0]),
        ("NULL of something", &[5, 1, 0]),
        ("padded OBJECT IDENTIFIER", &[6, 3, 0x55, 0x80, 4]),
        ("UTF8String that is not", &[12, 1, 0xff]),
        ("PrintableString that is not", &[19, 1, b'_']),
        ("UTCTime", &[23, 1, b'x']),
    ];
    for (what, value) in broken {
        let refused = Csr::parse(&holding(value)).map_err(|refusal| refusal.to_string());
        assert_eq!(refused, Err(NOT_STRICT.to_owned()), "{what}");
    }
    assert!(Csr::parse(&holding(&utf8("x"))).is_ok());
}

#[test]
fn b31_a_set_has_one_order() {
    let signer = Signer::new();
    let part = |kind: &str| seq(&[oid(kind), utf8("x")]);
    let joined = |parts: &[Vec<u8>]| {
        let mut draft = signer.draft();
        draft.subject = seq(&[set(parts)]);
        draft.signed(&signer)
    };
    assert!(Csr::parse(&joined(&[part(CN), part(ORGANISATION)])).is_ok());
    let swapped = joined(&[part(ORGANISATION), part(CN)]);
    assert_eq!(refusal(&swapped), UNSORTED);
    let repeated = joined(&[part(ORGANISATION), part(ORGANISATION)]);
    assert_eq!(refusal(&repeated), UNSORTED);
}

#[test]
fn b31_a_request_has_its_fields_and_no_others() {
    let signer = Signer::new();
    let draft = signer.draft();
    let odd = |change: fn(&mut Draft)| {
        let mut draft = draft.clone();
        change(&mut draft);
        draft.signed(&signer)
    };
    for request in [
        odd(|draft| draft.version = vec![2, 1, 1]),
        odd(|draft| draft.version = vec![]),
        odd(|draft| draft.attributes = vec![]),
        odd(|draft| draft.attributes = tlv(0xa1, &[])),
        odd(|draft| draft.attributes.extend([5, 0])),
        odd(|draft| draft.key = seq(&[draft.key.clone(), vec![5, 0]])),
        odd(|draft| draft.algorithm.extend([5, 0])),
        odd(|draft| draft.algorithm = seq(&[oid(CN), vec![5, 0], vec![5, 0]])),
    ] {
        assert_eq!(refusal(&request), NOT_A_REQUEST);
    }
    assert_eq!(
        refusal(&odd(|draft| draft.version = vec![2, 2, 0, 0])),
        NOT_STRICT
    );
}
