//! B31, B37, B49: signing requests whose encoding or signature is wrong.

use super::requests::refused;
use crate::der::bits;
use crate::der::null;
use crate::der::oid;
use crate::der::seq;
use crate::der::tlv;
use crate::der::utf8;
use crate::draft::Key;
use crate::draft::LABEL;
use crate::draft::pem;
use crate::row::Row;
use crate::row::Rows;

const STRICT: &str = "is not strict DER";

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [encoding(), signatures(), mutations()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

/// The DER form of a good request.
fn good_der() -> Vec<u8> {
    let key = Key::fresh();
    let draft = key.draft();
    draft.der(&key.sign(&draft.info()))
}

fn encoding() -> Rows {
    let mut rows = Rows::of("B31");
    let der = good_der();
    for length in (1..der.len()).step_by(5) {
        let cut = pem(LABEL, &der[..length]);
        refused(&mut rows, &format!("cut at {length}"), &cut, "");
    }
    let behind = |bytes: &[u8]| pem(LABEL, &[der.as_slice(), bytes].concat());
    refused(
        &mut rows,
        "a byte behind",
        &behind(&[0]),
        "has bytes after the request",
    );
    refused(
        &mut rows,
        "a value behind",
        &behind(&[5, 0]),
        "has bytes after the request",
    );
    refused(
        &mut rows,
        "itself behind",
        &behind(&der),
        "has bytes after the request",
    );
    let content = &der[3..];
    let lengths: [(&str, &[u8]); 6] = [
        ("an indefinite length", &[0x80]),
        ("a length that is not minimal", &[0x82, 0, 0]),
        ("a length of 4 GiB", &[0x84, 0xff, 0xff, 0xff, 0xff]),
        (
            "a length of 2^64",
            &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        ("a length of 127 bytes", &[0xff]),
        ("no length", &[]),
    ];
    for (what, length) in lengths {
        let text = pem(LABEL, &[&[0x30], length, content, &[0, 0]].concat());
        refused(&mut rows, what, &text, "");
    }
    for (depth, rule) in [
        (17, "is nested deeper than 16"),
        (200, "is nested deeper than 16"),
        (900, ""),
    ] {
        let nested = (0..depth).fold(null(), |inside, _| tlv(0x30, &inside));
        refused(
            &mut rows,
            &format!("{depth} deep"),
            &pem(LABEL, &nested),
            rule,
        );
    }
    for (what, odd) in [
        ("NULL", null()),
        ("an empty SEQUENCE", seq(&[])),
        ("a BIT STRING", bits(&[1])),
        (
            "three empty SEQUENCEs",
            seq(&[seq(&[]), seq(&[]), seq(&[])]),
        ),
        ("a list of NULL", seq(&vec![null(); 500])),
    ] {
        refused(
            &mut rows,
            what,
            &pem(LABEL, &odd),
            "is not a PKCS#10 certificate request",
        );
    }
    parts(&mut rows);
    rows
}

/// Single values of a request, badly encoded.
fn parts(rows: &mut Rows) {
    let key = Key::fresh();
    for (what, version, rule) in [
        ("version 2", vec![2, 1, 2], ""),
        ("version -1", vec![2, 1, 0xff], ""),
        ("no version", vec![], ""),
        ("a version in too many bytes", vec![2, 2, 0, 0], STRICT),
        ("a version of no bytes", vec![2, 0], STRICT),
        ("a version that is a text", utf8("0"), ""),
    ] {
        let mut draft = key.draft();
        draft.version = version;
        refused(rows, what, &draft.signed(&key), rule);
    }
    let mut draft = key.draft();
    draft.attributes = Vec::new();
    refused(rows, "no attributes at all", &draft.signed(&key), "");
    let unused = draft_with_unused_bits(&key);
    refused(rows, "unused bits that are set", &unused, STRICT);
}

fn draft_with_unused_bits(key: &Key) -> String {
    let draft = key.draft();
    let signature = key.sign(&draft.info());
    let crooked = tlv(3, &[&[3], signature.as_slice(), &[0xff]].concat());
    pem(LABEL, &seq(&[draft.info(), draft.algorithm, crooked]))
}

fn signatures() -> Rows {
    let mut rows = Rows::of("B37");
    let rule = "is not signed by the key that it holds";
    let (key, other) = (Key::fresh(), Key::fresh());
    let draft = key.draft();
    refused(
        &mut rows,
        "signed by another key",
        &draft.signed(&other),
        rule,
    );
    let over_other = draft.der(&key.sign(b"something else"));
    refused(&mut rows, "over other data", &pem(LABEL, &over_other), rule);
    refused(&mut rows, "signed by nobody", &draft.unsigned(), rule);
    for (what, signature) in [
        ("no signature", vec![]),
        (
            "zeros (CVE-2022-21449)",
            seq(&[vec![2, 1, 0], vec![2, 1, 0]]),
        ),
        ("a signature of NULL", null()),
        ("64 raw bytes", vec![7; 64]),
    ] {
        let text = pem(LABEL, &draft.der(&signature));
        refused(&mut rows, what, &text, rule);
    }
    let mut bent = key.sign(&draft.info());
    *bent.last_mut().unwrap() ^= 1;
    refused(
        &mut rows,
        "a bit flipped",
        &pem(LABEL, &draft.der(&bent)),
        rule,
    );
    let rule = "must be signed by ECDSA or RSA PKCS#1 with SHA-2";
    for (what, algorithm) in [
        ("ECDSA with SHA-1", "1.2.840.10045.4.1"),
        ("ECDSA with SHA-224", "1.2.840.10045.4.3.1"),
        ("RSA with MD5", "1.2.840.113549.1.1.4"),
        ("RSA with SHA-1", "1.2.840.113549.1.1.5"),
        ("RSA with SHA-256, by an EC key", "1.2.840.113549.1.1.11"),
        ("Ed25519", "1.3.101.112"),
        ("a hash alone", "2.16.840.1.101.3.4.2.1"),
        ("itself a key", "1.2.840.10045.2.1"),
    ] {
        let draft = key.draft().said_to_be(seq(&[oid(algorithm)]));
        refused(&mut rows, what, &draft.signed(&key), rule);
    }
    let odd = seq(&[oid(crate::draft::ECDSA_SHA256), null()]);
    refused(
        &mut rows,
        "NULL beside ECDSA",
        &key.draft().said_to_be(odd).signed(&key),
        rule,
    );
    rows
}

/// B49, a little of it: each byte of a good request bent in one way. The rest is fuzzed elsewhere.
fn mutations() -> Rows {
    let mut rows = Rows::of("B49");
    let der = good_der();
    for index in 0..der.len() {
        let mut bent = der.clone();
        bent[index] ^= [1, 0x80, 0xff, 0x20][index % 4];
        refused(
            &mut rows,
            &format!("byte {index} bent"),
            &pem(LABEL, &bent),
            "",
        );
    }
    rows
}
