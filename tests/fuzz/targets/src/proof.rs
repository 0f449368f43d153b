//! Credentials, stamps, nonces, proofs, verifiers and bundles: what is accepted has one form, and that
//! form is what was made.
//!
//! The first byte says which reader gets the rest. In texts `@proof` stands for a proof that holds and
//! `@nonce` for a server's nonce that is good, `@old` for one that has just ended.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cvm_ingest::credentials::Credentials;
use cvm_ingest::credentials::Shown;
use cvm_ingest::problem::Refused;
use cvm_shared::bundle::Bundle;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NONCE_LIFE;
use cvm_shared::nonce::NonceKey;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::ShownProof;
use cvm_shared::proof::Stamp;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::is_sealed;
use cvm_shared::seal::open;
use cvm_shared::seal::seal;
use cvm_shared::time::UnixMillis;
use cvm_shared::verifier::Verifier;
use cvm_testkit::guard::NONCE_KEY;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use zeroize::Zeroizing;

use crate::texts::CANARY;
use crate::texts::filled;
use crate::told::Told;

/// When everything here happens.
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

const SERVER_KEY: [u8; 32] = [7; 32];

/// Gives the rest of the input to the reader that its first byte names.
pub fn run(input: &[u8], told: &mut Told) {
    let (reader, bytes) = input.split_first().unwrap_or((&b'c', &[]));
    let issued = |at| NonceKey::new(NONCE_KEY).issue(UnixMillis(at), [1; 16]);
    let names = [
        ("@proof", right_proof()),
        ("@nonce", issued(NOW.0)),
        ("@old", issued(NOW.0 - NONCE_LIFE * 1000)),
    ];
    let names = names.each_ref().map(|(name, text)| (*name, text.as_str()));
    let filled = filled(bytes, &names);
    let text = String::from_utf8_lossy(&filled);
    let taken = match reader {
        b's' => stamp(&text),
        b'n' => nonces(&text),
        b'p' => shown(&text),
        b'v' => verifier(&text),
        b'b' => bundle(&filled),
        b'o' => sealed(bytes),
        b't' => tampered(bytes),
        _ => credentials(&text),
    };
    told.end(if taken { "accepted" } else { "refused" });
}

fn credentials(text: &str) -> bool {
    match Credentials::parse(text) {
        Ok(read) => {
            // What was read names the same device whoever reads it again.
            let again = Credentials::parse(&written(&read)).unwrap();
            assert_eq!(written(&again), written(&read));
            true
        }
        Err(refused) => {
            let answer = refused.answer();
            assert_eq!(answer.status, 400);
            assert!(matches!(
                refused,
                Refused::BadRequest(_) | Refused::BadNonce(_)
            ));
            assert!(!answer.body.contains(CANARY), "a refusal repeats");
            false
        }
    }
}

fn written(read: &Credentials) -> String {
    let serial = &read.serial;
    match &read.shown {
        Shown::Token(token) => format!(
            "CVM1-TOKEN serial=\"{serial}\",token=\"{}\"",
            token.expose()
        ),
        Shown::Proof { stamp, nonce, .. } => {
            let nonce = nonce.as_str();
            format!("CVM1 serial=\"{serial}\",ts=\"{stamp}\",nonce=\"{nonce}\",proof=\"\"")
        }
    }
}

fn stamp(text: &str) -> bool {
    let read = Stamp::parse(text);
    if let Ok(stamp) = read {
        assert_eq!(stamp.to_string(), text);
    }
    read.is_ok()
}

fn nonces(text: &str) -> bool {
    let read = RequestNonce::parse(text);
    if let Ok(nonce) = &read {
        assert_eq!(nonce.as_str(), text);
        let used = nonce.used_by(&sample::serial("SN-1"));
        assert_ne!(used, nonce.used_by(&sample::serial("SN-2")));
    }
    let key = NonceKey::new(NONCE_KEY);
    let accepted = key.accepts(text, NOW);
    if accepted {
        assert!(read.is_ok(), "a server's nonce is no nonce");
        assert_eq!(issued_again(&key, text), text);
    }
    accepted
}

/// The nonce that this one must be, from the moment and the randomness in it.
fn issued_again(key: &NonceKey, text: &str) -> String {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let expiry = u64::from_be_bytes(bytes[1..9].try_into().unwrap());
    assert!(expiry > NOW.seconds(), "a nonce that is over");
    let issued = UnixMillis((expiry - NONCE_LIFE) * 1000);
    key.issue(issued, bytes[9..25].try_into().unwrap())
}

fn call<'a>(prover: &'a Prover, nonce: &'a RequestNonce) -> Call<'a> {
    Call {
        method: "POST",
        audience: "api.example.com",
        path: "/v1/certificates",
        serial: prover.serial(),
        stamp: Stamp::At(NOW.seconds()),
        nonce,
        body: b"{}",
    }
}

/// The only text that is a proof of our call.
fn right_proof() -> String {
    let (prover, nonce) = (prover("SN-1"), RequestNonce::from_random([2; 16]));
    let header = prover.authorize(&call(&prover, &nonce));
    let (_, proof) = header.split_once("proof=\"").unwrap();
    proof.trim_end_matches('"').to_owned()
}

fn shown(text: &str) -> bool {
    let (prover, nonce) = (prover("SN-1"), RequestNonce::from_random([2; 16]));
    let canonical = call(&prover, &nonce).canonical();
    let verifier = sample::device("SN-1").verifier;
    let accepted = verifier.accepts_proof(&canonical, &ShownProof::parse(text));
    assert_eq!(accepted, text == right_proof());
    accepted
}

fn verifier(text: &str) -> bool {
    let read = Verifier::parse(text);
    match &read {
        Ok(verifier) => assert_eq!(verifier.to_text(), text),
        Err(refusal) => assert!(!refusal.to_string().contains(CANARY), "a refusal repeats"),
    }
    read.is_ok()
}

fn bundle(bytes: &[u8]) -> bool {
    match Bundle::decode(bytes) {
        Ok(bundle) => {
            let encoded = bundle.encode();
            assert_eq!(Bundle::decode(&encoded).unwrap().encode(), encoded);
            assert!(!is_sealed(&encoded));
            true
        }
        Err(refusal) => {
            assert!(!refusal.to_string().contains(CANARY), "a refusal repeats");
            false
        }
    }
}

fn with_names<T>(work: impl FnOnce(&SealedFor<'_>) -> T) -> T {
    let serial = SerialNumber::parse("SN-1").unwrap();
    let request = RequestId::parse("0".repeat(32)).unwrap();
    let certificate = CertificateId::parse("0".repeat(64)).unwrap();
    work(&SealedFor {
        serial: &serial,
        request: &request,
        certificate: &certificate,
    })
}

/// What opens was sealed with our key: sealing it again gives the same.
fn sealed(bytes: &[u8]) -> bool {
    with_names(|names| match open(&SERVER_KEY, names, bytes) {
        Ok(inside) => {
            let salt = bytes[8..40].try_into().unwrap();
            assert_eq!(seal(&SERVER_KEY, names, salt, &inside).as_slice(), bytes);
            true
        }
        Err(_) => false,
    })
}

/// A sealed bundle opens to what was sealed, and with one byte changed it does not open.
fn tampered(bytes: &[u8]) -> bool {
    let [first, second, change, inside @ ..] = bytes else {
        return false;
    };
    let inside = Zeroizing::new(inside.to_vec());
    with_names(|names| {
        let mut sealed = seal(&SERVER_KEY, names, [*first; 32], &inside);
        assert_eq!(open(&SERVER_KEY, names, &sealed).unwrap(), inside);
        let place = (usize::from(*first) << 8 | usize::from(*second)) % sealed.len();
        sealed[place] ^= change;
        let opened = open(&SERVER_KEY, names, &sealed).is_ok();
        assert_eq!(opened, *change == 0);
        opened
    })
}
