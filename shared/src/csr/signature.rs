//! The sender holds the private key, and said so with a hash that is not broken.

use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1;
use aws_lc_rs::signature::ECDSA_P256_SHA384_ASN1;
use aws_lc_rs::signature::ECDSA_P384_SHA256_ASN1;
use aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA384;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA512;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use der::asn1::AnyRef;
use der::asn1::ObjectIdentifier;

use super::key::KeyKind;
use super::layout::Algorithm;
use super::layout::Request;
use super::refuse;
use crate::ids::Malformed;

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// The request is signed by the key that it holds.
pub(super) fn check(request: &Request<'_>, kind: KeyKind) -> Result<(), Malformed> {
    let verifier = verifier(request.algorithm, kind)
        .ok_or_else(|| refuse("must be signed by ECDSA or RSA PKCS#1 with SHA-2"))?;
    UnparsedPublicKey::new(verifier, request.key.key)
        .verify(request.signed, request.signature)
        .map_err(|_| refuse("is not signed by the key that it holds"))
}

/// What to verify with. The parameters are absent for ECDSA (RFC 5758) and NULL for RSA (RFC 4055).
fn verifier(algorithm: Algorithm<'_>, kind: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
    let null = algorithm.parameters.map(AnyRef::is_null);
    match (kind, algorithm.oid, null) {
        (KeyKind::P256, ECDSA_SHA256, None) => Some(&ECDSA_P256_SHA256_ASN1),
        (KeyKind::P256, ECDSA_SHA384, None) => Some(&ECDSA_P256_SHA384_ASN1),
        (KeyKind::P384, ECDSA_SHA256, None) => Some(&ECDSA_P384_SHA256_ASN1),
        (KeyKind::P384, ECDSA_SHA384, None) => Some(&ECDSA_P384_SHA384_ASN1),
        (KeyKind::Rsa, RSA_SHA256, Some(true)) => Some(&RSA_PKCS1_2048_8192_SHA256),
        (KeyKind::Rsa, RSA_SHA384, Some(true)) => Some(&RSA_PKCS1_2048_8192_SHA384),
        (KeyKind::Rsa, RSA_SHA512, Some(true)) => Some(&RSA_PKCS1_2048_8192_SHA512),
        (KeyKind::P256 | KeyKind::P384 | KeyKind::Rsa, _, _) => None,
    }
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
