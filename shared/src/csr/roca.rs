//! Keys made by Infineon's faulty library (ROCA, CVE-2017-15361), told by their modulus.
//!
//! Its primes are k * M + (65537^a mod M), with M a product of small primes. So modulo each of
//! those the modulus is a power of 65537, which chance does for all of them once in 2.4 * 10^8 keys.
//! See Nemec et al., The Return of Coppersmith's Attack, CCS 2017; the primes are those of
//! its authors' detector.

use num_bigint::BigUint;

use super::factors::odd_primes;
use super::factors::rest;

const GENERATOR: u32 = 65_537;
const LAST_PRIME: u32 = 167;

pub(super) fn is_suspect(modulus: &BigUint) -> bool {
    odd_primes(LAST_PRIME).all(|prime| is_power(rest(modulus, prime), prime))
}

/// Whether the generator raised to some power leaves this rest.
fn is_power(rest: u32, prime: u32) -> bool {
    let step = GENERATOR % prime;
    let mut power = 1;
    loop {
        if power == rest {
            return true;
        }
        power = power * step % prime;
        if power == 1 {
            return false;
        }
    }
}
