//! Which RSA keys may be certified: 2048, 3072 or 4096 bits, the usual exponent, and no known weakness.

use der::Reader as _;
use der::SliceReader;
use der::asn1::AnyRef;
use der::asn1::UintRef;
use num_bigint::BigUint;

use super::factors;
use super::refuse;
use super::roca;
use crate::ids::Malformed;

const SIZES_BITS: [u64; 3] = [2048, 3072, 4096];

/// 65537: small ones turn mistakes in padding into attacks, and nobody needs another one.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The key is of a good size and shape, and none of the known shortcuts factors it.
pub(super) fn check(parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<(), Malformed> {
    if parameters != Some(AnyRef::NULL) {
        return Err(refuse("must hold an RSA key with NULL as its parameters"));
    }
    let (modulus, exponent) =
        read(key).map_err(|_| refuse("must hold an RSA key of a modulus and an exponent"))?;
    let modulus = BigUint::from_bytes_be(modulus.as_bytes());
    if !SIZES_BITS.contains(&modulus.bits()) {
        return Err(refuse("must hold an RSA key of 2048, 3072 or 4096 bits"));
    }
    if exponent.as_bytes() != EXPONENT {
        return Err(refuse("must hold an RSA key with the exponent 65537"));
    }
    check_strength(&modulus)
}

type Weakness = fn(&BigUint) -> bool;

fn check_strength(modulus: &BigUint) -> Result<(), Malformed> {
    let known: [(Weakness, &str); 5] = [
        (factors::is_even, "must hold an RSA key of an odd modulus"),
        (
            factors::has_small_factor,
            "must hold an RSA key without small factors",
        ),
        (
            factors::is_square,
            "must hold an RSA key of two different primes",
        ),
        (
            roca::is_suspect,
            "must hold an RSA key that CVE-2017-15361 (ROCA) does not affect",
        ),
        (
            factors::are_close,
            "must hold an RSA key whose primes are far apart",
        ),
    ];
    match known.iter().find(|(is_weak, _)| is_weak(modulus)) {
        Some((_, rule)) => Err(refuse(*rule)),
        None => Ok(()),
    }
}

/// What RFC 8017 calls an `RSAPublicKey`. Unsigned, so a negative modulus is none.
fn read(key: &[u8]) -> der::Result<(UintRef<'_>, UintRef<'_>)> {
    let mut reader = SliceReader::new(key)?;
    let both = reader.sequence(|pair| Ok::<_, der::Error>((pair.decode()?, pair.decode()?)))?;
    reader.finish()?;
    Ok(both)
}

#[cfg(test)]
#[path = "rsa_tests.rs"]
mod tests;
