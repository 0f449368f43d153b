//! What kinds of keys may be certified: those that AWS IoT signs.

use der::asn1::ObjectIdentifier;

use super::curve;
use super::layout::PublicKeyInfo;
use super::refuse;
use super::rsa;
use crate::ids::Malformed;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A kind of key that is accepted.
#[derive(Clone, Copy)]
pub(super) enum KeyKind {
    P256,
    P384,
    Rsa,
}

/// The kind of this key, if it is one of ours and the key a good one.
pub(super) fn check(key: &PublicKeyInfo<'_>) -> Result<KeyKind, Malformed> {
    match key.algorithm.oid {
        EC => curve::check(key.algorithm.parameters, key.key),
        RSA => {
            rsa::check(key.algorithm.parameters, key.key)?;
            Ok(KeyKind::Rsa)
        }
        _ => Err(refuse("must hold an RSA or an EC key")),
    }
}
