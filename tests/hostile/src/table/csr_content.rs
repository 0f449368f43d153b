//! B33 to B36, B38 to B44: signing requests with a bad key, another's name, or wishes above their station.

use cvm_testkit::sample;

use super::requests::refused;
use crate::cast::KNOWN;
use crate::cast::NEIGHBOUR;
use crate::der::bits;
use crate::der::int;
use crate::der::null;
use crate::der::oid;
use crate::der::seq;
use crate::der::set;
use crate::der::tlv;
use crate::der::utf8;
use crate::draft::CHALLENGE_PASSWORD;
use crate::draft::CN;
use crate::draft::Draft;
use crate::draft::EC;
use crate::draft::EXTENSION_REQUEST;
use crate::draft::Key;
use crate::draft::P256;
use crate::draft::attribute;
use crate::draft::ec_key;
use crate::draft::extension;
use crate::draft::rsa_key;
use crate::row::Row;
use crate::row::Rows;

/// Moduli that are weak in one way each, made for the tests of the rules.
const MODULI: &str = include_str!("../../../../shared/vectors/csr-moduli.txt");
const EXPONENT: &[u8] = &[1, 0, 1];

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [
        sizes(),
        exponents(),
        weak(),
        curves(),
        points(),
        names(),
        extensions(),
        attributes(),
        blocked(),
        of_another(),
    ];
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

/// B38 and B44: who the request says it is.
fn names() -> Rows {
    let mut rows = Rows::of("B38");
    let key = Key::fresh();
    let own = "must have no common name or the serial number of the device that asks";
    for (what, name, rule) in [
        ("another device", NEIGHBOUR.to_owned(), own),
        ("another case", "sn-1".to_owned(), own),
        ("a blank behind", "SN-1 ".to_owned(), own),
        ("a look-alike", "ЅN-1".to_owned(), own),
        ("a wild card", "*".to_owned(), own),
        ("a NUL", "SN-1\0".to_owned(), "control characters"),
        (
            "a NUL before another",
            "SN-1\0.example.com".to_owned(),
            "control characters",
        ),
        ("a line feed", "SN-1\nSN-2".to_owned(), "control characters"),
        ("nothing", String::new(), "must have 1 to 128 bytes"),
        (
            "1,000 characters",
            "x".repeat(1_000),
            "must have 1 to 128 bytes",
        ),
    ] {
        let text = key.draft().named(&[(CN, utf8(&name))]).signed(&key);
        refused(&mut rows, &format!("CN: {what}"), &text, rule);
    }
    let two = [(CN, utf8(KNOWN)), (CN, utf8(NEIGHBOUR))];
    refused(
        &mut rows,
        "two CNs",
        &key.draft().named(&two).signed(&key),
        "at most one common name",
    );
    let ten = vec![(CN, utf8(KNOWN)); 10];
    refused(
        &mut rows,
        "ten CNs",
        &key.draft().named(&ten).signed(&key),
        "at most one common name",
    );
    let many = vec![("2.5.4.11", utf8("x")); 11];
    refused(
        &mut rows,
        "11 parts",
        &key.draft().named(&many).signed(&key),
        "at most 10 parts",
    );
    for (what, kind) in [
        ("e-mail", "1.2.840.113549.1.9.1"),
        ("serialNumber", "2.5.4.5"),
        ("UID", "0.9.2342.19200300.100.1.1"),
    ] {
        let text = key.draft().named(&[(kind, utf8("x"))]).signed(&key);
        refused(
            &mut rows,
            what,
            &text,
            "may only have CN, C, L, ST, O and OU",
        );
    }
    for (what, value) in [
        ("BMPString", tlv(30, b"\0S")),
        ("T61String", tlv(20, b"SN-1")),
        ("OCTET STRING", tlv(4, b"SN-1")),
    ] {
        let text = key.draft().named(&[(CN, value)]).signed(&key);
        refused(&mut rows, what, &text, "UTF8String or PrintableString");
    }
    let bad_utf8 = key.draft().named(&[(CN, tlv(12, b"\xff"))]).signed(&key);
    refused(&mut rows, "no UTF-8", &bad_utf8, "is not strict DER");
    rows
}

fn extensions() -> Rows {
    let mut rows = Rows::of("B39");
    let key = Key::fresh();
    let authority = "may not ask to be an authority";
    let yes = vec![1, 1, 0xff];
    for (what, wish, rule) in [
        (
            "CA:TRUE",
            extension("2.5.29.19", true, &seq(&[yes.clone()])),
            authority,
        ),
        (
            "CA:TRUE, path length",
            extension("2.5.29.19", true, &seq(&[yes, vec![2, 1, 0]])),
            authority,
        ),
        (
            "keyCertSign",
            extension("2.5.29.15", true, &tlv(3, &[2, 4])),
            "key usages",
        ),
        (
            "cRLSign",
            extension("2.5.29.15", true, &tlv(3, &[1, 2])),
            "key usages",
        ),
        (
            "codeSigning",
            extension("2.5.29.37", false, &seq(&[oid("1.3.6.1.5.5.7.3.3")])),
            "extended key usages",
        ),
        (
            "anyExtendedKeyUsage",
            extension("2.5.29.37", false, &seq(&[oid("2.5.29.37.0")])),
            "extended key usages",
        ),
        (
            "SAN of another",
            extension("2.5.29.17", false, &seq(&[tlv(0x82, b"SN-2")])),
            "alternative names",
        ),
        (
            "SAN of itself",
            extension("2.5.29.17", false, &seq(&[tlv(0x82, b"SN-1")])),
            "alternative names",
        ),
        (
            "CT poison",
            extension("1.3.6.1.4.1.11129.2.4.3", true, &null()),
            "precertificate",
        ),
        (
            "name constraints",
            extension("2.5.29.30", true, &seq(&[])),
            "not known here",
        ),
        (
            "an unknown one, critical",
            extension("1.3.6.1.4.1.99999.1", true, &null()),
            "not known here",
        ),
        (
            "an unknown one",
            extension("1.3.6.1.4.1.99999.1", false, &null()),
            "not known here",
        ),
        (
            "a long key id",
            extension("2.5.29.14", false, &tlv(4, &[7; 65])),
            "long subject key identifier",
        ),
        (
            "rubbish inside",
            extension("2.5.29.19", true, &[0x30, 0x81, 0]),
            "is not strict DER",
        ),
    ] {
        refused(
            &mut rows,
            what,
            &key.draft().asking_for(&[wish]).signed(&key),
            rule,
        );
    }
    let basic = extension("2.5.29.19", true, &seq(&[]));
    let twice = key.draft().asking_for(&[basic.clone(), basic]).signed(&key);
    refused(&mut rows, "one twice", &twice, "each extension once only");
    rows
}

fn attributes() -> Rows {
    let mut rows = Rows::of("B39");
    let key = Key::fresh();
    let authority = seq(&[extension("2.5.29.19", true, &seq(&[vec![1, 1, 0xff]]))]);
    let only = "may only have the attributes";
    for (what, odd, rule) in [
        (
            "Microsoft's request for extensions",
            attribute("1.3.6.1.4.1.311.2.1.14", std::slice::from_ref(&authority)),
            only,
        ),
        (
            "two lists of extensions",
            attribute(EXTENSION_REQUEST, &[seq(&[]), authority.clone()]),
            only,
        ),
        (
            "no list of extensions",
            attribute(EXTENSION_REQUEST, &[]),
            only,
        ),
        (
            "an unknown attribute",
            attribute("1.2.3", &[utf8("x")]),
            only,
        ),
        (
            "a password that is no text",
            attribute(CHALLENGE_PASSWORD, &[tlv(4, b"x")]),
            "only have text",
        ),
        ("no attribute", seq(&[oid("1.2.3")]), ""),
        (
            "a value for a set",
            seq(&[oid(EXTENSION_REQUEST), authority.clone()]),
            "",
        ),
        (
            "members out of order",
            attribute(CHALLENGE_PASSWORD, &[utf8("b"), utf8("a")]),
            "out of order",
        ),
    ] {
        refused(
            &mut rows,
            what,
            &key.draft().with(&[odd]).signed(&key),
            rule,
        );
    }
    let [first, second] = [seq(&[]), authority].map(|wish| attribute(EXTENSION_REQUEST, &[wish]));
    let twice = key
        .draft()
        .with(&[first.clone(), second.clone()])
        .signed(&key);
    refused(
        &mut rows,
        "an attribute twice",
        &twice,
        "each attribute once only",
    );
    let mut draft = key.draft();
    draft.attributes = set(&[first, second]);
    refused(
        &mut rows,
        "attributes under another tag",
        &draft.signed(&key),
        "",
    );
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

/// B44: a good request of another device.
fn of_another() -> Rows {
    let mut rows = Rows::of("B44");
    let rule = "must have no common name or the serial number of the device that asks";
    refused(
        &mut rows,
        "a good one of another device",
        &sample::csr_pem_of(NEIGHBOUR),
        rule,
    );
    rows
}
