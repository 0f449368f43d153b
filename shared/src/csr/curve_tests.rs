//! B36, B41: which EC keys are accepted, and the keys that everybody has.

use super::super::craft::Draft;
use super::super::craft::EC;
use super::super::craft::P256;
use super::super::craft::Signer;
use super::super::craft::bits;
use super::super::craft::ec_key;
use super::super::craft::int;
use super::super::craft::null;
use super::super::craft::oid;
use super::super::craft::seq;
use super::super::craft::tlv;
use super::super::tests::refusal;
use num_bigint::BigUint;

const P384: &str = "1.3.132.0.34";
const OTHER_CURVE: &str = "csr: must hold an EC key on the named curve P-256 or P-384";
const OFF_CURVE: &str = "csr: must hold an EC point that is on its curve";
const NOT_IN_FULL: &str = "csr: must hold its EC point uncompressed";

/// A request of this key with a made-up signature: it is refused for the key or for that.
fn refused(key: Vec<u8>) -> String {
    refusal(&Draft::of(key).unsigned())
}

#[test]
fn b36_other_curves_are_refused() {
    // P-192, P-224, P-521, secp256k1, brainpoolP256r1.
    let curves = [
        ("1.2.840.10045.3.1.1", 24),
        ("1.3.132.0.33", 28),
        ("1.3.132.0.35", 66),
        ("1.3.132.0.10", 32),
        ("1.3.36.3.3.2.8.1.1.7", 32),
    ];
    for (curve, bytes) in curves {
        let point = [vec![4], vec![1; 2 * bytes]].concat();
        assert_eq!(refused(ec_key(curve, &point)), OTHER_CURVE);
    }
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key);
    assert_eq!(refusal(&request.unwrap().pem().unwrap()), OTHER_CURVE);
}

#[test]
fn b36_explicit_parameters_are_refused_even_those_of_p256() {
    let point = Signer::new().point();
    let number = |hex: &[u8]| int(&BigUint::parse_bytes(hex, 16).unwrap());
    let one = vec![2, 1, 1];
    let field = seq(&[
        oid("1.2.840.10045.1.1"),
        number(b"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
    ]);
    let explicit = seq(&[
        one.clone(),
        field,
        seq(&[tlv(4, &[0xff; 32]), tlv(4, &[0x5a; 32])]),
        tlv(4, &point),
        number(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        one,
    ]);
    for parameters in [vec![explicit], vec![null()], vec![]] {
        let algorithm = seq(&[vec![oid(EC)], parameters].concat());
        assert_eq!(refused(seq(&[algorithm, bits(0, &point)])), OTHER_CURVE);
    }
}

#[test]
fn b36_a_point_off_its_curve_is_refused() {
    let point = Signer::new().point();
    for index in [1, 32, 33, 64] {
        let mut off = point.clone();
        off[index] ^= 1;
        assert_eq!(refused(ec_key(P256, &off)), OFF_CURVE);
    }
    // Not a number below the prime; the origin; on P-256, but said to be on P-384.
    let large = [&[4][..], &[0xff; 64]].concat();
    assert_eq!(refused(ec_key(P256, &large)), OFF_CURVE);
    let origin = [&[4][..], &[0; 64]].concat();
    assert_eq!(refused(ec_key(P256, &origin)), OFF_CURVE);
    let origin = [&[4][..], &[0; 96]].concat();
    assert_eq!(refused(ec_key(P384, &origin)), OFF_CURVE);
    assert_eq!(refused(ec_key(P384, &point)), NOT_IN_FULL);
    // With a real signature of the key before it was bent.
    let signer = Signer::new();
    let mut off = signer.point();
    off[64] ^= 1;
    assert_eq!(
        refusal(&Draft::of(ec_key(P256, &off)).signed(&signer)),
        OFF_CURVE
    );
}

#[test]
fn b36_infinity_and_no_point_are_refused() {
    assert_eq!(
        refused(ec_key(P256, &[0])),
        "csr: may not hold the point at infinity"
    );
    for none in [vec![], vec![0; 65], vec![4], vec![4; 64], vec![4; 66]] {
        assert_eq!(refused(ec_key(P256, &none)), NOT_IN_FULL);
    }
}

#[test]
fn b36_compressed_and_hybrid_points_are_refused() {
    let signer = Signer::new();
    let point = signer.point();
    let parity = point[64] & 1;
    let compressed = [&[2 + parity], &point[1..33]].concat();
    let hybrid = [&[6 + parity], &point[1..]].concat();
    for form in [compressed, hybrid] {
        let draft = Draft::of(ec_key(P256, &form));
        assert_eq!(refusal(&draft.signed(&signer)), NOT_IN_FULL);
    }
}

#[test]
fn b36_other_kinds_of_keys_are_refused() {
    let rule = "csr: must hold an RSA or an EC key";
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key);
    assert_eq!(refusal(&request.unwrap().pem().unwrap()), rule);
    // DSA, RSASSA-PSS, X25519, ECDH-only.
    for kind in [
        "1.2.840.10040.4.1",
        "1.2.840.113549.1.1.10",
        "1.3.101.110",
        "1.3.132.1.12",
    ] {
        let point = Signer::new().point();
        let key = seq(&[seq(&[oid(kind), oid(P256)]), bits(0, &point)]);
        assert_eq!(refused(key), rule);
    }
}

#[test]
fn b41_a_key_on_the_blocked_list_is_refused() {
    // The private key 1: its public key is the curve's own base point (FIPS 186-4, D.1.2.3).
    let base = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let base = BigUint::parse_bytes(base.as_bytes(), 16).unwrap();
    assert_eq!(
        refused(ec_key(P256, &base.to_bytes_be())),
        "csr: must hold a key whose private half is not public"
    );
}

#[test]
fn b41_the_list_is_digests_in_order() {
    let all: Vec<_> = super::super::blocked::digests().collect();
    assert!(all.len() > 20);
    assert!(all.is_sorted_by(|before, after| before < after));
    for digest in all {
        assert_eq!(digest.len(), 64);
        assert!(
            digest
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        );
    }
}
