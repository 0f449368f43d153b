//! `FIRMWARE.md` against the vectors that it shows: no value on that page is its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::open;
use cvm_shared::secret::DeviceToken;
use serde_json::Value;

const PAGE: &str = include_str!("../FIRMWARE.md");
const PROOFS: &str = include_str!("../../../shared/vectors/proof.json");
const SEALS: &str = include_str!("../../../shared/vectors/seal.json");

fn vector(all: &str, list: &str, id: &str) -> Value {
    let all: Value = serde_json::from_str(all).unwrap();
    let list = all[list].as_array().unwrap().clone();
    list.into_iter().find(|vector| vector["id"] == id).unwrap()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn shows(what: &str) {
    assert!(PAGE.contains(what), "{what}");
}

/// The bytes of the hexdump that begins with these.
fn dumped(first: &str) -> Vec<u8> {
    let start = format!("00000000  {first}");
    let lines = PAGE.lines().skip_while(|line| !line.starts_with(&start));
    let lines = lines.take_while(|line| *line != "```");
    let bytes = lines.flat_map(|line| line[10..57].split_whitespace());
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

#[test]
fn the_keys_are_the_vectors() {
    let keys = vector(PROOFS, "derivations", "V0");
    shows(text(&keys, "secret_b64u"));
    shows(text(&keys, "serial"));
    for (name, key) in [
        ("Client", "client"),
        ("Stored", "stored"),
        ("Server", "server"),
    ] {
        let value = text(&keys, &format!("{key}_key_hex")).to_owned();
        shows(&format!("{name}Key {value}"));
    }
}

#[test]
fn the_request_is_the_vector() {
    let request = vector(PROOFS, "request_proofs", "V1");
    assert_eq!(
        dumped("43 56 4d 31 2d"),
        text(&request, "canonical").as_bytes()
    );
    for (name, field) in [
        ("SHA-256(canonical) ", "canonical_sha256_hex"),
        ("signature          ", "client_signature_hex"),
        ("proof              ", "proof_hex"),
        ("Authorization: ", "authorization_header"),
    ] {
        shows(&format!("{name}{}", text(&request, field)));
    }
}

#[test]
fn the_answer_is_the_vector_and_the_library_believes_it() {
    let answer = vector(PROOFS, "response_proofs", "V3");
    shows(text(&answer, "message"));
    shows(&format!("CVM1-Proof: {}", text(&answer, "proof_b64u")));
    shows(&format!(
        "answer {} `{}`",
        answer["status"],
        text(&answer, "body")
    ));
    let (keys, request) = (
        vector(PROOFS, "derivations", "V0"),
        vector(PROOFS, "request_proofs", "V1"),
    );
    let fields = &request["fields"];
    let serial = SerialNumber::parse(text(fields, "serial")).unwrap();
    let call = Call {
        method: text(fields, "method"),
        audience: text(fields, "audience"),
        path: text(fields, "path"),
        serial: &serial,
        stamp: Stamp::parse(text(fields, "ts")).unwrap(),
        nonce: &RequestNonce::parse(text(fields, "nonce")).unwrap(),
        body: text(fields, "body").as_bytes(),
    };
    let token = DeviceToken::parse(text(&keys, "secret_b64u")).unwrap();
    let prover = Prover::new(serial.clone(), &token);
    assert_eq!(
        prover.authorize(&call),
        text(&request, "authorization_header")
    );
    let (body, shown) = (
        text(&answer, "body").as_bytes(),
        text(&answer, "proof_b64u"),
    );
    assert!(prover.confirms(&call.canonical(), 202, body, shown));
    assert!(!prover.confirms(&call.canonical(), 200, body, shown));
}

#[test]
fn the_sealed_bundle_is_the_vector_and_the_library_opens_it() {
    let sealed = vector(SEALS, "vectors", "B1");
    let bytes = unhex(text(&sealed, "sealed_hex"));
    assert_eq!(dumped("43 56 4d 31 53 45 41 4c"), bytes[..64]);
    shows(&format!("{} bytes, of which the first 64", bytes.len()));
    for (name, field) in [
        ("salt  ", "salt_hex"),
        ("key   ", "key_hex"),
        ("nonce ", "nonce_hex"),
        ("request `", "requestId"),
        ("certificate `", "certificateId"),
    ] {
        shows(&format!("{name}{}", text(&sealed, field)));
    }
    shows(&format!("ServerKey {}", text(&sealed, "serverKey_hex")));
    let names = SealedFor {
        serial: &SerialNumber::parse(text(&sealed, "serialNumber")).unwrap(),
        request: &RequestId::parse(text(&sealed, "requestId")).unwrap(),
        certificate: &CertificateId::parse(text(&sealed, "certificateId")).unwrap(),
    };
    let key = unhex(text(&sealed, "serverKey_hex")).try_into().unwrap();
    let opened = open(&key, &names, &bytes).unwrap();
    assert_eq!(digest(&opened), digest(text(&sealed, "bundle").as_bytes()));
}

/// The limits that the page promises are those of the code.
#[test]
fn the_limits_are_those_of_the_code() {
    shows(&format!(
        "request body, at most | {} ",
        cvm_shared::api::BODY_MAX
    ));
    shows(&format!(
        "bundle, at most | {};",
        cvm_shared::api::INLINE_MAX
    ));
    shows(&format!(
        "It is good for {} seconds",
        cvm_shared::nonce::NONCE_LIFE
    ));
    for path in [
        cvm_shared::api::CERTIFICATES_PATH,
        cvm_shared::api::NONCE_PATH,
        cvm_shared::api::TRUST_BUNDLE_PATH,
        cvm_shared::api::INLINE_PREFERENCE,
    ] {
        shows(path);
    }
}
