//! Whole lives of devices: asked for, worked on, polled, confirmed, asked for again.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_aws::system::SystemClock;
use cvm_hostile::cast::prover;
use cvm_hostile::cast::token;
use cvm_hostile::der::utf8;
use cvm_hostile::draft::CHALLENGE_PASSWORD;
use cvm_hostile::draft::CN;
use cvm_hostile::draft::Key;
use cvm_hostile::draft::attribute;
use cvm_hostile::event::Request;
use cvm_hostile::event::body;
use cvm_hostile::evidence::Kind;
use cvm_lambda::function::Function;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::StatusView;
use cvm_shared::bundle::Bundle;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::Clock as _;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::is_sealed;
use cvm_shared::seal::open;
use serde_json::Value;

use crate::play::Play;

/// What every device here hides in its signing request, against all advice.
pub(crate) const PASSWORD: &str = "hush-mark-challenge-password";

/// A life.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) serial: &'static str,
    keys: bool,
    proof: bool,
    inline: bool,
    pub(crate) weak: bool,
}

impl Life {
    pub(crate) const fn csr(serial: &'static str) -> Self {
        Self {
            serial,
            keys: false,
            proof: true,
            inline: false,
            weak: false,
        }
    }

    pub(crate) const fn keys(serial: &'static str) -> Self {
        Self {
            keys: true,
            ..Self::csr(serial)
        }
    }

    pub(crate) const fn by_token(mut self) -> Self {
        self.proof = false;
        self
    }

    pub(crate) const fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    pub(crate) const fn weak(mut self) -> Self {
        self.weak = true;
        self
    }

    /// The same life of another device, one with a good secret.
    pub(crate) const fn of_another(mut self, serial: &'static str) -> Self {
        self.serial = serial;
        self.weak = false;
        self
    }

    /// The same request with this device's login.
    fn login(self, play: &mut Play, request: Request) -> Request {
        if !self.proof {
            return request.token(self.serial, &token(self.serial));
        }
        let count = u128::from(play.proofs.len() as u64) + 1;
        let nonce = RequestNonce::from_random((count << 64).to_be_bytes());
        let stamp = Stamp::At(SystemClock.now().seconds());
        let proven = request.proven(&prover(self.serial), stamp, &nonce);
        let (_, header) = proven.headers.last().unwrap();
        let (_, proof) = header.rsplit_once("proof=\"").unwrap();
        play.proofs.push(proof.trim_end_matches('"').to_owned());
        proven
    }

    fn submission(self, play: &mut Play, csr: Option<&str>) -> Request {
        if self.proof {
            let body = csr.map_or_else(
                || "{}".to_owned(),
                |csr| serde_json::json!({ "csr": csr }).to_string(),
            );
            return self.login(play, Request::submission(body));
        }
        Request::submission(body(self.serial, &token(self.serial), csr))
    }

    fn poll(self, play: &mut Play, path: &str) -> Request {
        let request = Request::get(path);
        let request = if self.inline {
            request.header("prefer", "bundle=inline")
        } else {
            request
        };
        self.login(play, request)
    }

    fn csr_text(self) -> Option<String> {
        let key = Key::fresh();
        let draft = key.draft().named(&[(CN, utf8(self.serial))]);
        let draft = draft.with(&[attribute(CHALLENGE_PASSWORD, &[utf8(PASSWORD)])]);
        (!self.keys).then(|| draft.signed(&key))
    }
}

fn door_of(play: &Play, life: Life) -> Function {
    if life.weak {
        play.lenient.clone()
    } else {
        play.door.clone()
    }
}

/// Lives it to its end.
pub(crate) async fn live(play: &mut Play, life: Life) {
    let (door, csr) = (door_of(play, life), life.csr_text());
    let request = life.submission(play, csr.as_deref());
    let answer = play.ask_noted(&door, &request).await;
    assert_eq!(answer["statusCode"], 202, "{life:?} {answer}");
    let path = answer["headers"]["location"].as_str().unwrap().to_owned();
    play.work(600).await;
    let request = life.poll(play, &path);
    let answer = play.ask(&door, &request).await;
    assert_eq!(answer["statusCode"], 200, "{life:?} {answer}");
    learn(play, life, &answer);
    for _ in 0..2 {
        let confirm = life.login(play, Request::new("POST", format!("{path}/confirm")));
        let answer = play.ask_noted(&door, &confirm).await;
        assert_eq!(answer["statusCode"], 204, "{life:?} {answer}");
    }
    for request in [
        life.poll(play, &path),
        life.submission(play, csr.as_deref()),
    ] {
        play.ask_noted(&door, &request).await;
    }
}

/// A device of a published machine, with its secret in the query; the answer holds the private key.
pub(crate) async fn live_as_of_old(play: &mut Play, serial: &'static str) {
    let query = format!("serialNumber={serial}&deviceToken={}", token(serial));
    let request = Request::get("/getcert").query(query);
    let (legacy, event) = (play.legacy.clone(), request.event());
    play.note(Kind::Event, "ingest-legacy", event.to_string());
    let asked = tokio::spawn(async move { legacy.invoke(&event).await.unwrap() });
    while !asked.is_finished() {
        play.work(600).await;
        SystemClock.sleep(Duration::from_millis(50)).await;
    }
    let answer = asked.await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    play.note(Kind::Inline, serial, answer.to_string());
    let told: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let key = told["keyPair"]["PrivateKey"].as_str().unwrap().to_owned();
    if !play.keys.contains(&key) {
        play.keys.push(key);
    }
    let wrong =
        Request::get("/getcert").query("serialNumber=SN-legacy&deviceToken=hush-mark-wrong-token");
    play.ask_noted(&play.legacy.clone(), &wrong).await;
}

/// Tries to, with whatever comes back.
pub(crate) async fn try_to_live(play: &mut Play, life: Life) {
    let (door, csr) = (door_of(play, life), life.csr_text());
    for _ in 0..4 {
        let request = life.submission(play, csr.as_deref());
        let answer = play.ask(&door, &request).await;
        let path = answer["headers"]["location"]
            .as_str()
            .unwrap_or(CERTIFICATES_PATH)
            .to_owned();
        learn(play, life, &answer);
        play.work(1).await;
        for request in [
            life.poll(play, &path),
            life.login(play, Request::new("POST", format!("{path}/confirm"))),
        ] {
            let answer = play.ask(&door, &request).await;
            learn(play, life, &answer);
        }
    }
}

/// Notes an answer by what is in it: a link, a bundle, or nothing of worth.
fn learn(play: &mut Play, life: Life, answer: &Value) {
    let told: Value =
        serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
    if let Some(url) = told["bundle"]["url"].as_str() {
        let (_, signature) = url.split_once("X-Amz-Signature=").unwrap();
        play.signatures.push(
            signature
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .collect(),
        );
    }
    let staged = bundle(play, life, &told);
    let is_open = life.weak && staged.is_some();
    let kind = if is_open { Kind::Inline } else { Kind::Answer };
    play.note(kind, life.serial, answer.to_string());
    if let Some(staged) = staged {
        let kind = if is_open { Kind::Inline } else { Kind::Object };
        play.note(kind, life.serial, &staged);
        learn_key(play, life, &told, &staged);
    }
}

/// The bundle in an answer, or the one that its row names.
fn bundle(play: &mut Play, life: Life, told: &Value) -> Option<Vec<u8>> {
    if let Some(content) = told["bundle"]["content"].as_str() {
        return Some(BASE64_STANDARD.decode(content).unwrap());
    }
    told["bundle"]["url"].as_str()?;
    let row = play.stage.account().item(life.serial)?;
    let columns = row.as_object().unwrap().values();
    let mut texts = columns.filter_map(|value| value["S"].as_str());
    let key = texts.find(|text| text.starts_with("b/")).unwrap();
    play.stage.account().object(key)
}

/// In keys mode a bundle is sealed, and holds the key.
fn learn_key(play: &mut Play, life: Life, told: &Value, staged: &[u8]) {
    assert_eq!(is_sealed(staged), life.keys && !life.weak, "{life:?}");
    let opened = if is_sealed(staged) {
        unsealed(life, told, staged)
    } else {
        staged.to_vec()
    };
    let bundle = Bundle::decode(&opened).unwrap();
    assert_eq!(bundle.private_key.is_some(), life.keys);
    if let Some(key) = bundle.private_key
        && !play.keys.iter().any(|known| known == key.expose())
    {
        play.keys.push(key.expose().to_owned());
    }
}

fn unsealed(life: Life, told: &Value, staged: &[u8]) -> Vec<u8> {
    let view: StatusView = serde_json::from_value(told.clone()).unwrap();
    let certificate = told["certificateId"].as_str().unwrap();
    let (prover, request): (_, RequestId) = (prover(life.serial), view.request_id);
    let names = SealedFor {
        serial: prover.serial(),
        request: &request,
        certificate: &CertificateId::parse(certificate).unwrap(),
    };
    open(prover.server_key(), &names, staged).unwrap().to_vec()
}
