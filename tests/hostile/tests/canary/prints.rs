//! Whoever prints a value of ours with `{:?}` prints no secret.

use cvm_device::identity::Identity;
use cvm_device::vend::VendConfig;
use cvm_hostile::cast::device;
use cvm_hostile::cast::device_token;
use cvm_hostile::cast::prover;
use cvm_hostile::cast::serial;
use cvm_hostile::cast::token;
use cvm_hostile::evidence::Kind;
use cvm_hostile::evidence::Place;
use cvm_hostile::evidence::Secret;
use cvm_hostile::evidence::judge;
use cvm_hostile::forms::pem_lines;
use cvm_ingest::credentials::Credentials;
use cvm_ingest::door::Own;
use cvm_ingest::http::Answer;
use cvm_ingest::problem::Refused;
use cvm_ingest::submission::Submission;
use cvm_shared::api::BundleLink;
use cvm_shared::api::BundleView;
use cvm_shared::api::InlineBundle;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::bundle::Bundle;
use cvm_shared::csr::Csr;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::message::Order;
use cvm_shared::nonce::NonceKey;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::ShownProof;
use cvm_shared::proof::Stamp;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::DeviceToken;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::verifier::Verifier;
use cvm_testkit::site::asked;
use cvm_testkit::site::submission;
use cvm_testkit::time::CountedRandom;
use http::Method;

const SERIAL: &str = "SN-printed";
const KEY: [u8; 32] = *b"hush-mark-of-32-bytes-0123456789";
const LINK: &str = "https://x/?X-Amz-Signature=hush-mark-signature";

/// What it looks like printed, in both ways.
fn print(name: &str, value: &dyn std::fmt::Debug) -> Place {
    Place {
        kind: Kind::Log,
        name: name.to_owned(),
        content: format!("{value:?}\n{value:#?}").into_bytes(),
    }
}

fn proof() -> String {
    let nonce = RequestNonce::from_random([1; 16]);
    let request = cvm_hostile::event::Request::get("/v1/certificates/x");
    request.proof(&prover(SERIAL), Stamp::At(1), &nonce)
}

fn own_key() -> PrivateKeyPem {
    PrivateKeyPem::new(rcgen::KeyPair::generate().unwrap().serialize_pem())
}

fn csr_with_password() -> Csr {
    use cvm_hostile::draft;
    let key = draft::Key::fresh();
    let password = cvm_hostile::der::utf8("hush-mark-password");
    let draft = key
        .draft()
        .with(&[draft::attribute(draft::CHALLENGE_PASSWORD, &[password])]);
    Csr::parse(&draft.signed(&key)).unwrap()
}

/// Values of the door.
fn of_the_door() -> Vec<Place> {
    let header = format!("CVM1-TOKEN serial=\"{SERIAL}\",token=\"{}\"", token(SERIAL));
    let asked_with_body = submission(SERIAL, &token(SERIAL), None);
    let mut asked_with_header = asked(Method::GET, "/v1/certificates/x", None, b"");
    asked_with_header
        .headers
        .insert("authorization", proof().parse().unwrap());
    let read = Submission::read(&asked_with_body).unwrap();
    let answer = Answer::text(http::StatusCode::OK, "text/plain", LINK).header("x", LINK);
    let wrong = Submission::read(&submission(SERIAL, &format!("{} ", token(SERIAL)), None));
    vec![
        print("Asked with a body", &asked_with_body),
        print("Asked with a header", &asked_with_header),
        print("Submission", &read),
        print("Credentials of a body", &read.credentials()),
        print("Credentials of a header", &Credentials::parse(&header)),
        print("Credentials with a proof", &Credentials::parse(&proof())),
        print("Answer", &answer),
        print(
            "what a door knows by itself",
            &Own::fresh(&CountedRandom::default()),
        ),
        print(
            "Query",
            &cvm_ingest::http::Query::new(format!("deviceToken={}", token(SERIAL))),
        ),
        print("a refused token", &wrong),
        print(
            "Refused",
            &wrong.map_err(|refused| (refused.answer(), Refused::Unauthorized)),
        ),
        print(
            "a refused header",
            &Credentials::parse(&header.replace("CVM1", "x")),
        ),
    ]
}

/// Values that all sides share.
fn shared() -> Vec<Place> {
    let request = RequestId::parse("0".repeat(32)).unwrap();
    let bundle = |view| StatusView {
        request_id: request.clone(),
        status: Status::Vended {
            certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
            endpoint: "x".to_owned(),
            bundle: view,
        },
    };
    let link = BundleLink {
        url: LINK.to_owned(),
        expires_at: 7,
        sha256: String::new(),
    };
    let inline = InlineBundle {
        content: "hush-mark-content".to_owned(),
        sha256: String::new(),
    };
    let key = KeySource::Device(csr_with_password());
    let order = Order {
        serial: serial(SERIAL),
        generation: Generation(1),
        request: Request::new(&serial(SERIAL), Generation(1), key),
    };
    vec![
        print("DeviceToken", &device_token(SERIAL)),
        print(
            "a refused DeviceToken",
            &DeviceToken::parse(format!("{}\n", token(SERIAL))),
        ),
        print(
            "a refused SerialNumber",
            &SerialNumber::parse(format!("{}\n", token(SERIAL))),
        ),
        print(
            "Verifier",
            &Verifier::derive(&serial(SERIAL), &device_token(SERIAL)),
        ),
        print("a refused Verifier", &Verifier::parse(&token(SERIAL))),
        print("Record", &device(SERIAL)),
        print("NonceKey", &NonceKey::new(KEY)),
        print("Prover", &prover(SERIAL)),
        print(
            "ShownProof",
            &ShownProof::parse(
                proof()
                    .rsplit_once("proof=\"")
                    .unwrap()
                    .1
                    .trim_end_matches('"'),
            ),
        ),
        print("a link", &bundle(BundleView::Link(link))),
        print("a bundle in an answer", &bundle(BundleView::Inline(inline))),
        print("Order", &order),
        print(
            "an unreadable Order",
            &Order::decode(&format!("{{\"v\":1,\"a\":\"{}\"}}", token(SERIAL))),
        ),
    ]
}

/// Values with private keys; the keys themselves are told beside them.
fn with_keys() -> (Vec<Place>, Vec<PrivateKeyPem>) {
    let (key, identity) = (own_key(), Identity::generate().unwrap());
    let bundle = Bundle {
        serial: serial(SERIAL),
        thing: ThingName::parse(SERIAL).unwrap(),
        certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
        certificate_pem: String::new(),
        private_key: Some(key.clone()),
        endpoint: String::new(),
    };
    let config = VendConfig::new("https://x", serial(SERIAL), device_token(SERIAL), "/");
    let broken = bundle.encode();
    let places = vec![
        print("PrivateKeyPem", &key),
        print("Bundle", &bundle),
        print(
            "an unreadable Bundle",
            &Bundle::decode(&broken[..broken.len() - 1]).map(drop),
        ),
        print("Identity", &identity),
        print("VendConfig", &config),
    ];
    (places, vec![key, identity.private_key().clone()])
}

#[test]
fn nothing_prints_what_is_secret_in_it() {
    let (mut places, keys) = with_keys();
    places.extend(of_the_door());
    places.extend(shared());
    assert!(places.iter().all(|place| place.content.len() > 2));
    let header = proof();
    let shown = header
        .rsplit_once("proof=\"")
        .unwrap()
        .1
        .trim_end_matches('"')
        .to_owned();
    let texts = [token(SERIAL), shown, "hush-mark".to_owned()];
    let mut secrets: Vec<Secret> = texts
        .map(|text| Secret::new(text.as_str(), text.as_bytes(), &[], &[]))
        .to_vec();
    secrets.push(Secret::new("32 bytes", &KEY, &[], &[]));
    secrets.push(Secret::new(
        "server key",
        prover(SERIAL).server_key(),
        &[],
        &[],
    ));
    let lines = keys.iter().flat_map(|key| pem_lines(key.expose()));
    secrets.extend(lines.map(|line| Secret::new("a private key", line.as_bytes(), &[], &[])));
    let faults = judge(&secrets, &places);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
