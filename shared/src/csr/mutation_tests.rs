//! B49 in small: requests changed at random never panic, and what is accepted all the same is strict DER that two
//! other parsers read alike. (The fuzz targets do this for longer.)

use der::Decode as _;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use x509_cert::der::Encode as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::Csr;
use super::PublicKeyDigest;
use super::craft::CHALLENGE_PASSWORD;
use super::craft::CN;
use super::craft::Draft;
use super::craft::EXTENSION_REQUEST;
use super::craft::ORGANISATION;
use super::craft::RSA_SHA256;
use super::craft::Signer;
use super::craft::attribute;
use super::craft::bits;
use super::craft::extension;
use super::craft::null;
use super::craft::oid;
use super::craft::rsa_signed;
use super::craft::seq;
use super::craft::tlv;
use super::craft::utf8;
use super::pem::sole_request;
use super::pem::to_pem;

const MUTANTS: usize = 10_000;

/// A request with something of each kind in it.
fn rich(signer: &Signer) -> Draft {
    let usage = extension("2.5.29.15", true, &bits(7, &[0x80]));
    let purposes = extension("2.5.29.37", false, &seq(&[oid("1.3.6.1.5.5.7.3.2")]));
    let wishes = seq(&[usage, purposes, extension("2.5.29.19", true, &seq(&[]))]);
    signer
        .draft()
        .subject(&[(ORGANISATION, utf8("Example")), (CN, utf8("SN-1"))])
        .attributes(&[
            attribute(CHALLENGE_PASSWORD, &[utf8("secret")]),
            attribute(EXTENSION_REQUEST, &[wishes]),
        ])
}

/// One to three bytes changed, put in or taken out.
fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..=3) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes.insert(at, random.random()),
            _ => drop(bytes.remove(at)),
        }
    }
}

/// Whether the request was accepted; if so, it holds up.
fn survives(text: &str) -> bool {
    let Ok(csr) = Csr::parse(text) else {
        return false;
    };
    let der = sole_request(csr.pem()).unwrap();
    assert_eq!(to_pem(&der), csr.pem());
    let reread = x509_cert::request::CertReq::from_der(&der).unwrap();
    assert_eq!(reread.to_der().unwrap(), der);
    let (rest, parsed) = X509CertificationRequest::from_der(&der).unwrap();
    assert!(rest.is_empty());
    parsed.verify_signature().unwrap();
    let info = &parsed.certification_request_info;
    assert_eq!(PublicKeyDigest::of(info.subject_pki.raw), csr.public_key());
    true
}

#[test]
fn b49_changed_requests_are_refused_or_hold_up() {
    let mut random = StdRng::seed_from_u64(49);
    let signer = Signer::new();
    let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let rsa = rsa_signed(
        &rsa,
        &aws_lc_rs::signature::RSA_PKCS1_SHA256,
        seq(&[oid(RSA_SHA256), null()]),
    );
    let originals = [
        signer.draft().signed(&signer),
        rich(&signer).signed(&signer),
        rsa,
    ];
    for text in &originals {
        assert!(survives(text));
    }
    for turn in 0..MUTANTS {
        // RSA is dear: it has its turn now and then.
        let original = &originals[if turn % 20 == 0 { 2 } else { turn % 2 }];
        let mut der = sole_request(original).unwrap();
        mutate(&mut der, &mut random);
        survives(&to_pem(&der));
    }
}

/// Signed after the change, so that nothing but the rules on form and content stands in the way.
#[test]
fn b49_changed_and_then_signed_requests_are_refused_or_hold_up() {
    let mut random = StdRng::seed_from_u64(4949);
    let signer = Signer::new();
    let original = rich(&signer);
    let mut survivors = 0;
    for _ in 0..MUTANTS {
        let mut draft = original.clone();
        let part = match random.random_range(0..3) {
            0 => &mut draft.subject,
            1 => &mut draft.attributes,
            _ => &mut draft.algorithm,
        };
        mutate(part, &mut random);
        survivors += usize::from(survives(&draft.signed(&signer)));
    }
    assert!(survivors > 100, "only {survivors} tell anything");
}

/// The dearest requests that come this far, good and bad. The best of several runs, for the machine does other things.
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures the real time taken")]
fn b49_each_is_judged_within_5_ms() {
    let limit_ms = if cfg!(debug_assertions) { 25 } else { 5 };
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa4096).unwrap();
    let algorithm = seq(&[oid(RSA_SHA256), null()]);
    let how = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
    let signer = Signer::new();
    let deep = (0..1000).fold(vec![], |inner, _| [&[0x30, 0x80], &inner[..]].concat());
    for text in [
        rsa_signed(&key, how, algorithm),
        rich(&signer).signed(&signer),
        to_pem(&deep),
        to_pem(&[0x30, 0].repeat(1400)),
        to_pem(&tlv(0x31, &[5, 0].repeat(1400))),
        "-----BEGIN ".repeat(372),
        "x".repeat(1 << 20),
    ] {
        let taken = |_| {
            let start = std::time::Instant::now();
            let _ = Csr::parse(&text);
            start.elapsed()
        };
        let best = (0..10).map(taken).min().unwrap();
        assert!(best.as_millis() < limit_ms, "{best:?}: {text:.60}");
    }
}
