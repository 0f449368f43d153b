//! Signing requests: what is accepted means the same to everybody, and none takes long to judge.
//!
//! An input is a PEM text. After `d` it is DER, and after `s` it is DER that is given a key of ours and
//! signed anew, so that what is wrong with it is not always its signature.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use cvm_shared::csr::Csr;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::ids::SerialNumber;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::texts::CANARY;
use crate::texts::armoured;
use crate::texts::unarmoured;
use crate::told::Told;

/// How long one may take.
const LIMIT: Duration = Duration::from_millis(5);

/// Parses one.
pub fn run(input: &[u8], told: &mut Told) {
    let text = match input.split_first() {
        Some((b'd', der)) => armoured(der),
        Some((b's', der)) => armoured(&signed_anew(der).unwrap_or_else(|| der.to_vec())),
        _ => String::from_utf8_lossy(input).into_owned(),
    };
    match told.timed(LIMIT, || Csr::parse(&text)) {
        Ok(csr) => {
            check(&csr, told);
            told.end("accepted");
        }
        Err(refusal) => {
            assert_eq!(refusal.field, "csr");
            assert!(!refusal.rule.contains(CANARY), "a refusal repeats");
            told.end("refused");
        }
    }
    // Rows hold only what was accepted, but a row is no place to panic at.
    if let Ok(stored) = Csr::parse_stored(&text) {
        let again = Csr::parse_stored(stored.pem()).unwrap();
        assert_eq!(again, stored);
    }
}

fn check(csr: &Csr, told: &mut Told) {
    assert_eq!(&Csr::parse(csr.pem()).unwrap(), csr);
    assert_eq!(&Csr::parse_stored(csr.pem()).unwrap(), csr);
    let der = unarmoured(csr.pem());
    assert_eq!(armoured(&der), csr.pem());
    // The second judge.
    let (rest, request) = X509CertificationRequest::from_der(&der).expect("a request");
    assert!(rest.is_empty(), "bytes after the request");
    request.verify_signature().expect("signed by its own key");
    let info = &request.certification_request_info;
    assert_eq!(PublicKeyDigest::of(info.subject_pki.raw), csr.public_key());
    let names = info.subject.iter_common_name();
    let names: Vec<&str> = names.map(|name| name.as_str().expect("a text")).collect();
    let serial = SerialNumber::parse("SN-1").unwrap();
    let is_ours = csr.check_subject(&serial).is_ok();
    assert_eq!(is_ours, names.iter().all(|name| *name == "SN-1"));
    told.end(if is_ours { "ours" } else { "another's" });
}

static KEY: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap());

/// SubjectPublicKeyInfo of a P-256 key, up to its point (RFC 5480).
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// `ecdsa-with-SHA256` as an algorithm identifier (RFC 5758).
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

/// The same request with a key of ours, signed with it; `None` if these bytes are nothing like one.
fn signed_anew(der: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = value(der)?;
    let (info, _) = value(content(whole)?)?;
    let (version, rest) = value(content(info)?)?;
    let (subject, rest) = value(rest)?;
    let (_, attributes) = value(rest)?;
    let key = [P256, KEY.public_key().as_ref()].concat();
    let info = sequence(&[version, subject, &key, attributes].concat());
    let signature = KEY.sign(&SystemRandom::new(), &info).ok()?;
    let bits = [&[0], signature.as_ref()].concat();
    let bits = tagged(3, &bits);
    Some(sequence(&[&info, ECDSA_SHA256, &bits].concat()))
}

/// The first value with its header, and what is behind it.
fn value(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, length) = header(der)?;
    der.split_at_checked(header.checked_add(length)?)
}

fn content(value: &[u8]) -> Option<&[u8]> {
    value.get(header(value)?.0..)
}

/// How long the header is, and what follows it.
fn header(der: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*der.get(1)?);
    let more = first.saturating_sub(0x80);
    if first < 0x80 {
        return Some((2, first));
    }
    let bytes = der.get(2..2 + more).filter(|bytes| bytes.len() <= 4)?;
    let length = bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some((2 + more, length))
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tagged(0x30, content)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let header = match length {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        0x100.. => vec![tag, 0x82, high, low],
    };
    [&header, content].concat()
}
