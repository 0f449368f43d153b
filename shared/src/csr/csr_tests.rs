//! B47: what is accepted, and how it is kept.

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use super::Csr;
use super::craft::RSA_SHA256;
use super::craft::Signer;
use super::craft::null;
use super::craft::oid;
use super::craft::rsa_signed;
use super::craft::seq;
use super::pem::sole_request;
use super::pem::to_pem;

/// How this text is refused.
pub(super) fn refusal(text: &str) -> String {
    Csr::parse(text).unwrap_err().to_string()
}

fn made_by_rcgen(algorithm: &'static rcgen::SignatureAlgorithm) -> String {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key);
    request.unwrap().pem().unwrap()
}

#[test]
fn b47_both_curves_and_rsa_are_accepted() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let text = made_by_rcgen(algorithm);
        let csr = Csr::parse(&text).unwrap();
        assert_eq!(Csr::parse(csr.pem()).unwrap(), csr);
        assert_eq!(Csr::parse_stored(csr.pem()).unwrap(), csr);
    }
}

#[test]
fn b47_all_sizes_of_rsa_are_accepted() {
    for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
        let key = KeyPair::generate(size).unwrap();
        let algorithm = seq(&[oid(RSA_SHA256), null()]);
        assert!(Csr::parse(&rsa_signed(&key, &RSA_PKCS1_SHA256, algorithm)).is_ok());
    }
}

#[test]
fn what_goes_on_is_what_was_read() {
    let signer = Signer::new();
    let text = signer.draft().signed(&signer);
    let csr = Csr::parse(&format!("not read\n{text}not read")).unwrap();
    assert_eq!(csr.pem(), text);
}

#[test]
fn a_stored_request_is_not_judged_again() {
    let signer = Signer::new();
    let text = signer.draft().unsigned();
    assert!(Csr::parse(&text).is_err());
    assert_eq!(Csr::parse_stored(&text).unwrap().pem(), text);
    // But it must be a request.
    assert!(Csr::parse_stored("x").is_err());
    assert!(Csr::parse_stored(&to_pem(&[0x30, 0])).is_err());
    let der = sole_request(&text).unwrap();
    assert!(Csr::parse_stored(&to_pem(&der[..der.len() - 1])).is_err());
}
