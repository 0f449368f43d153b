//! Which EC keys may be certified: points on P-256 or P-384, named and written out in full.
//!
//! A compressed point is refused: RFC 5480 leaves it to the reader whether to take one, so AWS IoT need not, and
//! one key in two forms would be two keys to whoever compares digests.

use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1;
use aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1;
use aws_lc_rs::signature::EcdsaVerificationAlgorithm;
use aws_lc_rs::signature::ParsedPublicKey;
use der::asn1::AnyRef;
use der::asn1::ObjectIdentifier;

use super::key::KeyKind;
use super::refuse;
use crate::ids::Malformed;

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// The first byte of a point (SEC 1, section 2.3.3).
const INFINITY: u8 = 0;
const UNCOMPRESSED: u8 = 4;

/// The curve that the point is on, if it is one of ours.
pub(super) fn check(curve: Option<AnyRef<'_>>, point: &[u8]) -> Result<KeyKind, Malformed> {
    match curve.and_then(|name| name.decode_as().ok()) {
        Some(P256) => {
            check_point(&ECDSA_P256_SHA256_ASN1, 32, point)?;
            Ok(KeyKind::P256)
        }
        Some(P384) => {
            check_point(&ECDSA_P384_SHA384_ASN1, 48, point)?;
            Ok(KeyKind::P384)
        }
        // Another curve, or one spelled out in parameters (CVE-2020-0601).
        Some(_) | None => Err(refuse(
            "must hold an EC key on the named curve P-256 or P-384",
        )),
    }
}

fn check_point(
    curve: &'static EcdsaVerificationAlgorithm,
    coordinate_bytes: usize,
    point: &[u8],
) -> Result<(), Malformed> {
    match point {
        [INFINITY] => Err(refuse("may not hold the point at infinity")),
        [UNCOMPRESSED, coordinates @ ..] if coordinates.len() == 2 * coordinate_bytes => {
            // AWS-LC makes a key only of a point that solves the curve's equation.
            ParsedPublicKey::new(curve, point)
                .map(drop)
                .map_err(|_| refuse("must hold an EC point that is on its curve"))
        }
        _ => Err(refuse("must hold its EC point uncompressed")),
    }
}

#[cfg(test)]
#[path = "curve_tests.rs"]
mod tests;
