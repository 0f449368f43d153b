//! All that must stay where it is, with the places where it may be.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cvm_hostile::cast::token;
use cvm_hostile::evidence::Kind;
use cvm_hostile::evidence::Secret;
use cvm_hostile::forms::pem_lines;

use crate::lives::PASSWORD;
use crate::mischief::MARKS;
use crate::mischief::POISON;
use crate::play::Play;

/// Who sends its secret in a request, and who never does.
const SENDERS: [&str; 5] = [
    "SN-legacy",
    "SN-csr-token",
    "SN-keys-token",
    "SN-keys-4",
    "SN-keys-weak",
];
const PROVERS: [&str; 4] = [
    "SN-csr-proof",
    "SN-csr-inline",
    "SN-keys-proof",
    "SN-keys-inline",
];

/// All of them.
pub(crate) fn all(play: &Play) -> Vec<Secret> {
    let mut all = tokens();
    all.extend(derived(play));
    all.extend(private_keys(play));
    all.push(nonce_key(play));
    all.extend(in_passing(play));
    all.extend(
        MARKS
            .iter()
            .map(|mark| Secret::new(*mark, mark.as_bytes(), &[Kind::Event], &[Kind::Event])),
    );
    all.extend(POISON.iter().map(|mark| {
        let allowed = &[
            Kind::Event,
            Kind::Message,
            Kind::DeadLetter,
            Kind::Sent,
            Kind::Received,
        ];
        Secret::new(*mark, mark.as_bytes(), allowed, &[Kind::Event])
    }));
    let password = &[
        Kind::Event,
        Kind::Message,
        Kind::DeadLetter,
        Kind::Row,
        Kind::Sent,
        Kind::Received,
    ];
    all.push(Secret::new(
        "challenge password",
        PASSWORD.as_bytes(),
        password,
        &[Kind::Event, Kind::Message],
    ));
    all
}

fn tokens() -> Vec<Secret> {
    let sent = SENDERS.map(|serial| {
        let name = format!("token of {serial}");
        Secret::new(
            name,
            token(serial).as_bytes(),
            &[Kind::Event],
            &[Kind::Event],
        )
    });
    let kept = PROVERS.map(|serial| {
        Secret::new(
            format!("token of {serial}"),
            token(serial).as_bytes(),
            &[],
            &[],
        )
    });
    sent.into_iter().chain(kept).collect()
}

/// What the table keeps of a secret, and what it does not.
fn derived(play: &Play) -> Vec<Secret> {
    let mut all = Vec::new();
    for serial in SENDERS.into_iter().chain(PROVERS) {
        let row = play.stage.account().item(serial).unwrap();
        let verifier = row["accessToken"]["S"].as_str().unwrap().to_owned();
        let keys: Vec<&str> = verifier.rsplit('.').take(2).collect();
        for (name, key) in ["server key", "stored key"].into_iter().zip(keys) {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(key).unwrap();
            let allowed = &[Kind::Row, Kind::Sent, Kind::Received];
            all.push(Secret::new(
                format!("{name} of {serial}"),
                &bytes,
                allowed,
                &[Kind::Row],
            ));
        }
        let client = client_key(serial);
        all.push(Secret::new(
            format!("client key of {serial}"),
            &client,
            &[],
            &[],
        ));
    }
    all
}

fn client_key(serial: &str) -> Vec<u8> {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, token(serial).as_bytes());
    let label = format!("cvm-v1:client-key:{serial}");
    hmac::sign(&secret, label.as_bytes()).as_ref().to_vec()
}

/// By some of their lines, and by bytes that cut across lines.
fn private_keys(play: &Play) -> Vec<Secret> {
    let mut all = Vec::new();
    let allowed = &[Kind::Received, Kind::Inline];
    for (number, key) in play.keys.iter().enumerate() {
        let lines = pem_lines(key);
        for line in lines.iter().step_by(7) {
            all.push(Secret::new(
                format!("private key {number}"),
                line.as_bytes(),
                allowed,
                &[Kind::Received],
            ));
        }
        let der = BASE64_STANDARD.decode(lines[..lines.len() - 1].concat());
        if let Ok(der) = der {
            let name = format!("bytes of private key {number}");
            all.push(Secret::new(name, &der[100..160], allowed, &[]));
        }
    }
    all
}

fn nonce_key(play: &Play) -> Secret {
    let guarded = play.stage.account().guarded();
    let found = guarded.iter().find_map(|item| item["secret"]["B"].as_str());
    let bytes = BASE64_STANDARD.decode(found.unwrap()).unwrap();
    let allowed = &[Kind::Guard, Kind::Sent, Kind::Received];
    Secret::new("the nonces' key", &bytes, allowed, &[Kind::Guard])
}

/// Good for moments only, and nobody else's business even then.
fn in_passing(play: &Play) -> Vec<Secret> {
    let proofs = play
        .proofs
        .iter()
        .map(|proof| Secret::new("a proof", proof.as_bytes(), &[Kind::Event], &[Kind::Event]));
    let links = play.signatures.iter().map(|signature| {
        Secret::new(
            "a link's signature",
            signature.as_bytes(),
            &[Kind::Answer],
            &[Kind::Answer],
        )
    });
    proofs.chain(links).collect()
}
