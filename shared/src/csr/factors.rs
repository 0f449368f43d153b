//! Moduli that a moment's arithmetic factors (as letsencrypt/boulder's `goodkey` tests for).

use num_bigint::BigUint;

/// The last of the first 150 odd primes.
const SMALL_PRIME_MAX: u32 = 877;

/// As many as Boulder tries: finds primes of 1024 bits that differ by 2^516 or less.
const FERMAT_ROUNDS: usize = 110;

pub(super) fn is_even(modulus: &BigUint) -> bool {
    !modulus.bit(0)
}

pub(super) fn has_small_factor(modulus: &BigUint) -> bool {
    odd_primes(SMALL_PRIME_MAX).any(|prime| rest(modulus, prime) == 0)
}

pub(super) fn is_square(number: &BigUint) -> bool {
    let root = number.sqrt();
    &root * &root == *number
}

/// Fermat's method: looks for a square a above the modulus from which a square b remains. Then
/// a² - b² = (a - b)(a + b) are the factors; the closer they are, the sooner it finds them.
pub(super) fn are_close(modulus: &BigUint) -> bool {
    let first = modulus.sqrt() + 1_u32;
    (0..FERMAT_ROUNDS).any(|round| {
        let a = &first + round;
        let remains = &a * &a - modulus;
        may_be_square(&remains) && is_square(&remains)
    })
}

/// Spares most roots: of all numbers, one in 140 leaves a square's rest by all four.
fn may_be_square(number: &BigUint) -> bool {
    [64, 63, 65, 11].into_iter().all(|by| {
        let rest = rest(number, by);
        (0..by).any(|root| root * root % by == rest)
    })
}

/// The odd primes up to the given one.
pub(super) fn odd_primes(last: u32) -> impl Iterator<Item = u32> {
    (3..=last)
        .step_by(2)
        .filter(|n| (3..*n).step_by(2).all(|by| n % by != 0))
}

/// What is left of the number when it is divided by this one.
pub(super) fn rest(number: &BigUint, by: u32) -> u32 {
    // Smaller than what it was divided by, so it is one digit or none.
    (number % by).iter_u32_digits().next().unwrap_or(0)
}
