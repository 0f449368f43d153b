//! B33 to B35: which RSA keys are accepted.

use num_bigint::BigUint;

use super::super::craft::Draft;
use super::super::craft::RSA;
use super::super::craft::RSA_SHA256;
use super::super::craft::bits;
use super::super::craft::int;
use super::super::craft::null;
use super::super::craft::oid;
use super::super::craft::rsa_key;
use super::super::craft::seq;
use super::super::tests::refusal;

const UNSIGNED: &str = "csr: is not signed by the key that it holds";
const SIZES: &str = "csr: must hold an RSA key of 2048, 3072 or 4096 bits";
const SMALL: &str = "csr: must hold an RSA key without small factors";
const CLOSE: &str = "csr: must hold an RSA key whose primes are far apart";

/// A modulus from `vectors/csr-moduli.txt`, which says how each was made.
fn vector(name: &str) -> BigUint {
    let lines = include_str!("../../vectors/csr-moduli.txt").lines();
    let mut pairs = lines.filter_map(|line| line.split_once(' '));
    let (_, hex) = pairs.find(|(key, _)| *key == name).unwrap();
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

/// A request of this key with a made-up signature: it is refused for the key or, at last, for that.
fn refused_key(key: Vec<u8>) -> String {
    let algorithm = seq(&[oid(RSA_SHA256), null()]);
    refusal(&Draft::of(key).algorithm(algorithm).unsigned())
}

fn refused(modulus: &BigUint) -> String {
    refused_key(rsa_key(modulus, &BigUint::from(65_537_u32)))
}

/// A number of exactly so many bits, all set.
fn ones(bits: usize) -> BigUint {
    (BigUint::from(1_u32) << bits) - 1_u32
}

#[test]
fn b33_other_sizes_are_refused() {
    for bits in [
        1, 512, 1024, 1536, 2040, 2047, 2049, 2056, 3071, 3073, 4095, 4097, 8192, 16384,
    ] {
        assert_eq!(refused(&ones(bits)), SIZES, "{bits}");
    }
    // These are divisible by 3.
    for bits in [2048, 3072, 4096] {
        assert_eq!(refused(&ones(bits)), SMALL, "{bits}");
    }
    assert_eq!(refused(&vector("sound")), UNSIGNED);
}

#[test]
fn b34_other_exponents_are_refused() {
    let sound = vector("sound");
    let two = BigUint::from(2_u32);
    for exponent in [
        BigUint::ZERO,
        BigUint::from(1_u32),
        BigUint::from(3_u32),
        BigUint::from(65_536_u32),
        BigUint::from(65_539_u32),
        two.pow(64) + 1_u32,
        two.pow(32) + 65_537_u32,
        two.pow(2047) + 65_537_u32,
    ] {
        assert_eq!(
            refused_key(rsa_key(&sound, &exponent)),
            "csr: must hold an RSA key with the exponent 65537"
        );
    }
}

#[test]
fn b34_an_even_modulus_is_refused() {
    assert_eq!(
        refused(&vector("even")),
        "csr: must hold an RSA key of an odd modulus"
    );
}

#[test]
fn b34_a_modulus_with_a_small_factor_is_refused() {
    assert_eq!(refused(&vector("by3")), SMALL);
    assert_eq!(refused(&vector("by877")), SMALL);
    let primes: Vec<_> = super::factors::odd_primes(877).collect();
    assert_eq!((primes.len(), primes[0], primes[149]), (150, 3, 877));
}

#[test]
fn b34_the_square_of_a_prime_is_refused() {
    assert_eq!(
        refused(&vector("square")),
        "csr: must hold an RSA key of two different primes"
    );
}

#[test]
fn b34_a_key_is_two_numbers_that_are_not_negative() {
    let sound = vector("sound");
    let (n, e) = (int(&sound), vec![2, 3, 1, 0, 1]);
    let mut negative = n.clone();
    // Without its leading zero.
    negative.splice(..5, [2, 0x82, 1, 0]);
    let info = |key: Vec<u8>| seq(&[seq(&[oid(RSA), null()]), bits(0, &key)]);
    for key in [
        seq(&[negative, e.clone()]),
        seq(std::slice::from_ref(&n)),
        seq(&[n.clone(), e.clone(), e.clone()]),
        seq(&[n.clone(), vec![2, 4, 0, 1, 0, 1]]),
        [seq(&[n.clone(), e.clone()]), vec![0]].concat(),
        vec![],
    ] {
        assert_eq!(
            refused_key(info(key)),
            "csr: must hold an RSA key of a modulus and an exponent"
        );
    }
    let key = seq(&[n, e]);
    for parameters in [vec![], oid(RSA), seq(&[])] {
        let odd = seq(&[seq(&[oid(RSA), parameters]), bits(0, &key)]);
        assert_eq!(
            refused_key(odd),
            "csr: must hold an RSA key with NULL as its parameters"
        );
    }
}

#[test]
fn b35_a_roca_key_is_refused() {
    assert_eq!(
        refused(&vector("roca")),
        "csr: must hold an RSA key that CVE-2017-15361 (ROCA) does not affect"
    );
    assert!(!super::roca::is_suspect(&(vector("roca") + 2_u32)));
}

#[test]
fn b35_close_primes_are_refused_up_to_110_rounds() {
    assert_eq!(refused(&vector("near")), CLOSE);
    assert_eq!(refused(&vector("close")), CLOSE);
    assert_eq!(refused(&vector("apart")), UNSIGNED);
}

#[test]
fn b35_a_debian_weak_key_on_the_list_is_refused() {
    assert_eq!(
        refused(&vector("debian")),
        "csr: must hold a key whose private half is not public"
    );
}
