//! B30, B32, B45 to B47: the armour around a signing request, and good requests in odd armour.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_testkit::sample;
use rcgen::KeyPair;

use super::requests::accepted;
use super::requests::refused;
use crate::cast::KNOWN;
use crate::cast::fresh;
use crate::cast::token;
use crate::der::utf8;
use crate::draft::CHALLENGE_PASSWORD;
use crate::draft::Draft;
use crate::draft::Key;
use crate::draft::LABEL;
use crate::draft::attribute;
use crate::draft::pem;
use crate::event::Request;
use crate::event::body;
use crate::row::Row;
use crate::row::Rows;
use crate::row::too_large;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [armour(), sizes(), good_armour(), passwords(), good_keys()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

fn good() -> String {
    sample::csr_pem_of(KNOWN)
}

/// The DER form of a good request.
fn good_der() -> Vec<u8> {
    let key = Key::fresh();
    let draft = key.draft();
    draft.der(&key.sign(&draft.info()))
}

fn armour() -> Rows {
    let mut rows = Rows::of("B30");
    let (one, begin) = (
        "must be one PEM block",
        "-----BEGIN CERTIFICATE REQUEST-----",
    );
    let type_ = "must be a PEM block of type CERTIFICATE REQUEST";
    let private = KeyPair::generate().unwrap().serialize_pem();
    refused(&mut rows, "a private key", &private, type_).hides(&private[40..80]);
    let both = format!("{}{private}", good());
    refused(&mut rows, "a request and a private key", &both, one).hides(&private[40..80]);
    for (what, text, rule) in [
        ("nothing", String::new(), one),
        ("text", "x".to_owned(), one),
        ("two requests", good().repeat(2), one),
        ("a certificate", pem("CERTIFICATE", &good_der()), type_),
        ("a public key", pem("PUBLIC KEY", &good_der()), type_),
        ("an unknown label", pem("X", &good_der()), type_),
        (
            "the label in lower case",
            good().replace("REQUEST", "request"),
            type_,
        ),
        (
            "no end",
            good().replace("-----END CERTIFICATE REQUEST-----", ""),
            "ends as it began",
        ),
        (
            "another end",
            good().replace("END CERTIFICATE", "END X"),
            "ends as it began",
        ),
        ("an empty block", pem(LABEL, &[]), ""),
        (
            "a begin in a line",
            good().replace(begin, &format!("x{begin}")),
            one,
        ),
        (
            "DER without armour",
            BASE64_STANDARD.encode(good_der()),
            one,
        ),
        (
            "encrypted",
            good().replace(begin, &format!("{begin}\nProc-Type: 4,ENCRYPTED\n")),
            "of base64",
        ),
        (
            "not base64",
            format!("{begin}\n!!!!\n-----END CERTIFICATE REQUEST-----\n"),
            "of base64",
        ),
        (
            "the other alphabet",
            format!("{begin}\n_-_-\n-----END CERTIFICATE REQUEST-----\n"),
            "of base64",
        ),
        (
            "stray bits",
            format!("{begin}\nMAB=\n-----END CERTIFICATE REQUEST-----\n"),
            "of base64",
        ),
    ] {
        refused(&mut rows, what, &text, rule);
    }
    rows
}

fn sizes() -> Rows {
    let mut rows = Rows::of("B32");
    let rule = "must have at most 4096 characters";
    let good = good();
    for size in [4_097, 5_000, 7_000] {
        let padding = "x\n".repeat(size);
        let text = format!("{}{good}", &padding[..size - good.len()]);
        refused(&mut rows, &format!("{size} characters"), &text, rule);
    }
    let large = body(KNOWN, &token(KNOWN), Some(&"A".repeat(1_000_000)));
    rows.add("1 MB", &Request::submission(large), too_large())
        .hides(token(KNOWN));
    let name = [(crate::draft::CN, utf8(&"x".repeat(10_000)))];
    let key = Key::fresh();
    let text = key.draft().named(&name).signed(&key);
    refused(&mut rows, "a common name of 10 kB", &text, rule);
    rows
}

/// B45: what other tools write around a good request.
fn good_armour() -> Rows {
    let mut rows = Rows::of("B45");
    for what in [
        "CRLF",
        "no final newline",
        "text before BEGIN",
        "text after END",
        "one long line",
        "NEW",
    ] {
        let device = fresh();
        let text = sample::csr_pem_of(device.serial.as_str());
        let text = match what {
            "CRLF" => text.replace('\n', "\r\n"),
            "no final newline" => text.trim_end().to_owned(),
            "text before BEGIN" => format!("Certificate Request:\n    Data:\n{text}"),
            "text after END" => format!("{text}\nthat was it\n"),
            "NEW" => text.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
            _ => one_line(&text),
        };
        accepted(&mut rows, what, &text, device);
    }
    refused(&mut rows, "lower-case base64", &lower_case(&good()), "");
    rows
}

fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let body = lines[1..lines.len() - 1].concat();
    format!("{}\n{body}\n{}\n", lines[0], lines[lines.len() - 1])
}

fn lower_case(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let is_armour = line.starts_with("---");
        if is_armour {
            line.to_owned()
        } else {
            line.to_lowercase()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// B46: ignored, and never told to anybody.
fn passwords() -> Rows {
    let mut rows = Rows::of("B46");
    let device = fresh();
    let secret = "hush-challenge-password";
    let key = Key::fresh();
    let draft = key
        .draft()
        .with(&[attribute(CHALLENGE_PASSWORD, &[utf8(secret)])]);
    accepted(
        &mut rows,
        "a challenge password",
        &draft.signed(&key),
        device,
    )
    .hides(secret);
    refused(&mut rows, "one in a bad request", &draft.unsigned(), "").hides(secret);
    rows
}

fn good_keys() -> Rows {
    let mut rows = Rows::of("B47");
    for (what, algorithm) in [
        ("P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("RSA 2048", &rcgen::PKCS_RSA_SHA256),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(&key).unwrap();
        accepted(&mut rows, what, &request.pem().unwrap(), fresh());
    }
    let key = Key::fresh();
    let nobody = Draft::of(key.draft().key).signed(&key);
    accepted(&mut rows, "no subject", &nobody, fresh());
    rows
}
