//! The proof against its vectors, good and bad, from both sides.

use serde_json::Value;

use super::*;
use crate::verifier::Verifier;

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/proof.json")).unwrap()
}

pub(crate) fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn by_id<'a>(list: &'a Value, id: &Value) -> &'a Value {
    let all = list.as_array().unwrap().iter();
    all.clone().find(|vector| vector["id"] == *id).unwrap()
}

/// The canonical text of a vector's fields, made by our code and compared with the vector's own.
fn canonical(vector: &Value) -> Canonical {
    let field = |name: &str| vector["fields"][name].as_str().unwrap();
    let text = Call {
        method: field("method"),
        audience: field("audience"),
        path: field("path"),
        serial: &SerialNumber::parse(field("serial")).unwrap(),
        stamp: Stamp::parse(field("ts")).unwrap(),
        nonce: &RequestNonce::parse(field("nonce")).unwrap(),
        body: field("body").as_bytes(),
    }
    .canonical();
    assert_eq!(text.0, vector["canonical"]);
    assert_eq!(digest(text.bytes()), vector["canonical_sha256_hex"]);
    text
}

fn prover(derivation: &Value) -> Prover {
    let text = |name: &str| derivation[name].as_str().unwrap();
    let serial = SerialNumber::parse(text("serial")).unwrap();
    Prover::new(serial, &DeviceToken::parse(text("secret_b64u")).unwrap())
}

fn verifier(stored: &Value) -> Verifier {
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(unhex(stored));
    Verifier::parse(&format!("cvm1.{encoded}.{encoded}")).unwrap()
}

#[test]
fn proofs_are_made_and_accepted_as_the_vectors_say() {
    let all = vectors();
    for vector in all["request_proofs"].as_array().unwrap() {
        let derivation = by_id(&all["derivations"], &vector["derivation"]);
        let (prover, text) = (prover(derivation), canonical(vector));
        assert_eq!(prover.proof(&text), vector["proof_b64u"]);
        let shown = ShownProof::parse(vector["proof_b64u"].as_str().unwrap());
        assert!(verifier(&derivation["stored_key_hex"]).accepts_proof(&text, &shown));
        let header = vector["authorization_header"].as_str().unwrap();
        assert!(header.ends_with(&format!("proof=\"{}\"", prover.proof(&text))));
    }
}

#[test]
fn bad_proofs_are_refused_as_the_vectors_say() {
    let all = vectors();
    let bad = all["request_proofs_negative"].as_array().unwrap();
    assert_eq!(bad.len(), 9);
    for vector in bad {
        let shown = ShownProof::parse(vector["proof_b64u"].as_str().unwrap());
        let verifier = verifier(&vector["stored_key_hex"]);
        assert!(
            !verifier.accepts_proof(&canonical(vector), &shown),
            "{}",
            vector["why"]
        );
    }
}

#[test]
fn badly_written_proofs_are_refused_as_the_vectors_say() {
    let all = vectors();
    let bad = all["proof_encoding_negative"].as_array().unwrap();
    assert_eq!(bad.len(), 6);
    for vector in bad {
        let good = by_id(&all["request_proofs"], &vector["based_on"]);
        let derivation = by_id(&all["derivations"], &good["derivation"]);
        let shown = ShownProof::parse(vector["text"].as_str().unwrap());
        let verifier = verifier(&derivation["stored_key_hex"]);
        assert!(
            !verifier.accepts_proof(&canonical(good), &shown),
            "{vector}"
        );
    }
}

#[test]
fn answers_are_proven_and_checked_as_the_vectors_say() {
    let all = vectors();
    let told = |vector: &Value| {
        let derivation = by_id(&all["derivations"], &vector["derivation"]);
        let text = canonical(by_id(&all["request_proofs"], &vector["request"]));
        let status = u16::try_from(vector["status"].as_u64().unwrap()).unwrap();
        let body = vector["body"].as_str().unwrap().as_bytes().to_vec();
        let shown = vector["proof_b64u"].as_str().unwrap().to_owned();
        let token = DeviceToken::parse(derivation["secret_b64u"].as_str().unwrap()).unwrap();
        let serial = SerialNumber::parse(derivation["serial"].as_str().unwrap()).unwrap();
        let ours = Verifier::derive(&serial, &token).prove_answer(&text, status, &body);
        let confirmed = prover(derivation).confirms(&text, status, &body, &shown);
        (confirmed, ours == shown)
    };
    for good in all["response_proofs"].as_array().unwrap() {
        assert_eq!(told(good), (true, true));
    }
    let bad = all["response_proofs_negative"].as_array().unwrap();
    assert_eq!(bad.len(), 3);
    for bad in bad {
        assert_eq!(told(bad), (false, false), "{}", bad["why"]);
    }
}

#[test]
fn plain_tokens_meet_the_same_verifier() {
    let all = vectors();
    for vector in all["plain_mode"].as_array().unwrap() {
        let derivation = by_id(&all["derivations"], &vector["derivation"]);
        let serial = SerialNumber::parse(derivation["serial"].as_str().unwrap()).unwrap();
        let token = DeviceToken::parse(vector["presented"].as_str().unwrap()).unwrap();
        assert!(verifier(&derivation["stored_key_hex"]).accepts(&serial, &token));
    }
}

#[test]
fn stamps_are_plain_decimal() {
    assert_eq!(Stamp::parse("1767225600"), Ok(Stamp::At(1_767_225_600)));
    assert_eq!(Stamp::parse("-"), Ok(Stamp::NoClock));
    let far = "9".repeat(30);
    for bad in ["", "0", "01", "-1", "+1", "1e9", "1.0", " 1", "٣", &far] {
        assert!(Stamp::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn nonces_are_base64url_of_a_bounded_length() {
    for good in ["A".repeat(22), "-_".repeat(43)] {
        assert!(RequestNonce::parse(&good).is_ok());
    }
    for bad in [
        "A".repeat(21),
        "A".repeat(87),
        "=".repeat(30),
        "é".repeat(20),
    ] {
        assert!(RequestNonce::parse(&bad).is_err());
    }
}

#[test]
fn nothing_of_a_proof_prints() {
    let prover = Prover::new(
        SerialNumber::parse("SN-1").unwrap(),
        &DeviceToken::parse("hunter2-hunter2").unwrap(),
    );
    let shown = ShownProof::parse("hunter2");
    let printed = format!("{prover:?} {shown:?}");
    assert_eq!(printed, "Prover(SN-1) ShownProof([REDACTED])");
}
