//! B37: the key that a request holds has signed it, in one of the ways that are not broken.

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use aws_lc_rs::signature::RSA_PKCS1_SHA384;
use aws_lc_rs::signature::RSA_PKCS1_SHA512;
use aws_lc_rs::signature::RSA_PSS_SHA256;

use super::super::Csr;
use super::super::craft::ECDSA_SHA256;
use super::super::craft::RSA_SHA256;
use super::super::craft::Signer;
use super::super::craft::null;
use super::super::craft::oid;
use super::super::craft::rsa_signed;
use super::super::craft::seq;
use super::super::craft::utf8;
use super::super::pem::sole_request;
use super::super::pem::to_pem;
use super::super::tests::refusal;

const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";
const RSA_SHA384: &str = "1.2.840.113549.1.1.12";
const RSA_SHA512: &str = "1.2.840.113549.1.1.13";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const UNSIGNED: &str = "csr: is not signed by the key that it holds";
const OTHER_WAY: &str = "csr: must be signed by ECDSA or RSA PKCS#1 with SHA-2";

#[test]
fn b37_a_signature_by_another_key_or_over_other_data_is_refused() {
    let (signer, other) = (Signer::new(), Signer::new());
    let draft = signer.draft();
    assert!(Csr::parse(&draft.signed(&signer)).is_ok());
    assert_eq!(refusal(&draft.signed(&other)), UNSIGNED);
    assert_eq!(refusal(&draft.unsigned()), UNSIGNED);
    let over_other_data = signer.sign(b"other data");
    for signature in [&over_other_data[..], &[], &[0x30, 0]] {
        let der = draft.with_signature(signature);
        assert_eq!(refusal(&to_pem(&der)), UNSIGNED);
    }
}

#[test]
fn b37_a_changed_byte_breaks_the_signature() {
    let signer = Signer::new();
    let named = signer.draft().subject(&[("2.5.4.10", utf8("Example"))]);
    let text = named.signed(&signer);
    let changed = sole_request(&text).unwrap();
    let at = changed.windows(7).position(|bytes| bytes == b"Example");
    for index in [at.unwrap(), changed.len() - 1] {
        let mut changed = changed.clone();
        changed[index] ^= 1;
        assert_eq!(refusal(&to_pem(&changed)), UNSIGNED);
    }
}

#[test]
fn b37_broken_hashes_and_other_schemes_are_refused() {
    let signer = Signer::new();
    for algorithm in [
        "1.2.840.113549.1.1.4",  // MD5 with RSA
        "1.2.840.113549.1.1.5",  // SHA-1 with RSA
        "1.3.14.3.2.29",         // the same, by an older name
        "1.2.840.10045.4.1",     // ECDSA with SHA-1
        "1.2.840.10045.4.3.1",   // ECDSA with SHA-224
        "1.2.840.113549.1.1.14", // SHA-224 with RSA
        RSA_PSS,
        "1.3.101.112", // Ed25519
        RSA_SHA256,    // fine, but not for this key
    ] {
        for parameters in [vec![], null()] {
            let algorithm = seq(&[oid(algorithm), parameters]);
            let draft = signer.draft().algorithm(algorithm);
            assert_eq!(refusal(&draft.signed(&signer)), OTHER_WAY);
        }
    }
}

#[test]
fn b37_a_signature_is_by_the_hash_that_it_names() {
    let signer = Signer::new();
    let mislabelled = signer.draft().algorithm(seq(&[oid(ECDSA_SHA384)]));
    assert_eq!(refusal(&mislabelled.signed(&signer)), UNSIGNED);
}

#[test]
fn b37_parameters_are_absent_for_ecdsa() {
    let signer = Signer::new();
    for parameters in [null(), seq(&[]), oid(ECDSA_SHA256)] {
        let algorithm = seq(&[oid(ECDSA_SHA256), parameters]);
        let draft = signer.draft().algorithm(algorithm);
        assert_eq!(refusal(&draft.signed(&signer)), OTHER_WAY);
    }
}

#[test]
fn b37_rsa_signs_with_pkcs1_and_sha2_and_null_parameters() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let named = |name| seq(&[oid(name), null()]);
    for (how, name) in [
        (&RSA_PKCS1_SHA256, RSA_SHA256),
        (&RSA_PKCS1_SHA384, RSA_SHA384),
        (&RSA_PKCS1_SHA512, RSA_SHA512),
    ] {
        assert!(Csr::parse(&rsa_signed(&key, how, named(name))).is_ok());
        for parameters in [vec![], seq(&[]), oid(name)] {
            let algorithm = seq(&[oid(name), parameters]);
            assert_eq!(refusal(&rsa_signed(&key, how, algorithm)), OTHER_WAY);
        }
    }
    let crossed = rsa_signed(&key, &RSA_PKCS1_SHA256, named(RSA_SHA384));
    assert_eq!(refusal(&crossed), UNSIGNED);
    let pss = rsa_signed(&key, &RSA_PSS_SHA256, named(RSA_SHA256));
    assert_eq!(refusal(&pss), UNSIGNED);
}
