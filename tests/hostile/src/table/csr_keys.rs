//! B33 to B36, B41: signing requests with keys that nobody should have.

use super::requests::refused;
use crate::der::bits;
use crate::der::int;
use crate::der::null;
use crate::der::oid;
use crate::der::seq;
use crate::der::tlv;
use crate::draft::Draft;
use crate::draft::EC;
use crate::draft::Key;
use crate::draft::P256;
use crate::draft::ec_key;
use crate::draft::rsa_key;
use crate::row::Row;
use crate::row::Rows;

/// Moduli that are weak in one way each, made for the tests of the rules.
const MODULI: &str = include_str!("../../../../shared/vectors/csr-moduli.txt");

const EXPONENT: &[u8] = &[1, 0, 1];

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [sizes(), exponents(), weak(), curves(), points(), blocked()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

/// A request of this key that nobody has signed: it is refused for the key or for that.
fn key(rows: &mut Rows, what: &str, key: Vec<u8>, rule: &'static str) {
    refused(rows, what, &Draft::of(key).unsigned(), rule);
}

fn modulus(name: &str) -> Vec<u8> {
    let line = MODULI
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let digits = line.unwrap();
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn sizes() -> Rows {
    let mut rows = Rows::of("B33");
    let rule = "must hold an RSA key of 2048, 3072 or 4096 bits";
    for bits in [8, 512, 768, 1024, 1536, 2040, 2056, 4104, 8192, 16_384] {
        let mut number = vec![0xa5; bits / 8];
        *number.last_mut().unwrap() |= 1;
        key(
            &mut rows,
            &format!("RSA {bits}"),
            rsa_key(&number, EXPONENT),
            rule,
        );
    }
    let mut number = vec![0x7f; 256];
    key(&mut rows, "RSA 2047", rsa_key(&number, EXPONENT), rule);
    number[0] = 0x3f;
    key(&mut rows, "RSA 2046", rsa_key(&number, EXPONENT), rule);
    key(&mut rows, "RSA 0", rsa_key(&[0], EXPONENT), rule);
    rows
}

fn exponents() -> Rows {
    let mut rows = Rows::of("B34");
    let rule = "must hold an RSA key with the exponent 65537";
    let sound = modulus("sound");
    let large = [&[1], [0; 7].as_slice(), &[1]].concat();
    for (what, exponent) in [
        ("0", vec![0]),
        ("1", vec![1]),
        ("2", vec![2]),
        ("3", vec![3]),
        ("17", vec![17]),
        ("65536", vec![1, 0, 0]),
        ("65539", vec![1, 0, 3]),
        ("2^64 + 1", large),
        ("as large as the modulus", sound.clone()),
    ] {
        key(
            &mut rows,
            &format!("e = {what}"),
            rsa_key(&sound, &exponent),
            rule,
        );
    }
    let negative = seq(&[tlv(2, &sound), int(EXPONENT)]);
    let rsa = seq(&[oid(crate::draft::RSA), null()]);
    key(
        &mut rows,
        "a negative modulus",
        seq(&[rsa.clone(), bits(&negative)]),
        "",
    );
    let three = seq(&[int(&sound), int(EXPONENT), int(&[1])]);
    key(
        &mut rows,
        "a third number",
        seq(&[rsa.clone(), bits(&three)]),
        "",
    );
    key(&mut rows, "no number", seq(&[rsa, bits(&seq(&[]))]), "");
    let bare = seq(&[
        seq(&[oid(crate::draft::RSA)]),
        bits(&seq(&[int(&sound), int(EXPONENT)])),
    ]);
    key(
        &mut rows,
        "no parameters",
        bare,
        "with NULL as its parameters",
    );
    rows
}

fn weak() -> Rows {
    let mut rows = Rows::of("B35");
    for (name, rule) in [
        ("even", "of an odd modulus"),
        ("by3", "without small factors"),
        ("by877", "without small factors"),
        ("square", "of two different primes"),
        ("near", "whose primes are far apart"),
        ("close", "whose primes are far apart"),
        ("roca", "CVE-2017-15361"),
        ("debian", "whose private half is not public"),
        ("sound", "is not signed by the key that it holds"),
    ] {
        let text = rsa_request(&modulus(name));
        refused(&mut rows, &format!("modulus: {name}"), &text, rule);
    }
    rows
}

/// A request of an RSA key with a signature that is none.
fn rsa_request(modulus: &[u8]) -> String {
    let draft = Draft::of(rsa_key(modulus, EXPONENT));
    let sha256 = seq(&[oid("1.2.840.113549.1.1.11"), null()]);
    draft.said_to_be(sha256).unsigned()
}

fn curves() -> Rows {
    let mut rows = Rows::of("B36");
    let rule = "must hold an EC key on the named curve P-256 or P-384";
    for (what, curve, bytes) in [
        ("P-192", "1.2.840.10045.3.1.1", 24),
        ("P-224", "1.3.132.0.33", 28),
        ("P-521", "1.3.132.0.35", 66),
        ("secp256k1", "1.3.132.0.10", 32),
        ("brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7", 32),
    ] {
        let point = [vec![4], vec![1; 2 * bytes]].concat();
        key(&mut rows, what, ec_key(curve, &point), rule);
    }
    let point = Key::fresh().point();
    for (what, parameters) in [
        (
            "explicit parameters",
            vec![seq(&[int(&[1]), seq(&[]), seq(&[])])],
        ),
        ("NULL for a curve", vec![null()]),
        ("no curve", vec![]),
    ] {
        let algorithm = seq(&[vec![oid(EC)], parameters].concat());
        key(&mut rows, what, seq(&[algorithm, bits(&point)]), rule);
    }
    let rule = "must hold an RSA or an EC key";
    for (what, kind) in [
        ("DSA", "1.2.840.10040.4.1"),
        ("Ed25519", "1.3.101.112"),
        ("X25519", "1.3.101.110"),
        ("RSASSA-PSS", "1.2.840.113549.1.1.10"),
        ("ML-DSA-44", "2.16.840.1.101.3.4.3.17"),
    ] {
        let spki = seq(&[seq(&[oid(kind), oid(P256)]), bits(&point)]);
        key(&mut rows, what, spki, rule);
    }
    rows
}

fn points() -> Rows {
    let mut rows = Rows::of("B36");
    let point = Key::fresh().point();
    let off = "must hold an EC point that is on its curve";
    let form = "must hold its EC point uncompressed";
    let mut bent = point.clone();
    bent[64] ^= 1;
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let hybrid = [&[6 + (point[64] & 1)], &point[1..]].concat();
    for (what, odd, rule) in [
        ("off its curve", bent, off),
        ("the origin", [vec![4], vec![0; 64]].concat(), off),
        ("beyond the prime", [vec![4], vec![0xff; 64]].concat(), off),
        ("infinity", vec![0], "may not hold the point at infinity"),
        ("compressed", compressed, form),
        ("hybrid", hybrid, form),
        ("none", vec![], form),
        ("short", point[..64].to_vec(), form),
        ("long", [point.as_slice(), &[0]].concat(), form),
    ] {
        key(
            &mut rows,
            &format!("point: {what}"),
            ec_key(P256, &odd),
            rule,
        );
    }
    rows
}

/// B41: the private key 1, whose public key is the curve's base point.
fn blocked() -> Rows {
    let mut rows = Rows::of("B41");
    let base = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let pairs = (0..base.len()).step_by(2);
    let point: Vec<u8> = pairs
        .map(|at| u8::from_str_radix(&base[at..at + 2], 16).unwrap())
        .collect();
    key(
        &mut rows,
        "the private key 1",
        ec_key(P256, &point),
        "whose private half is not public",
    );
    rows
}
