//! Who asks, and the door that refuses them all.

use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use cvm_ingest::config::Terms;
use cvm_ingest::door::Door;
use cvm_ingest::door::Own;
use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_shared::ports::Clock as _;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::State;
use cvm_shared::trust::TrustBundle;
use cvm_shared::verifier::Verifier;
use cvm_testkit::guard::TestGuard;
use cvm_testkit::queue::TestQueue;
use cvm_testkit::sample;
use cvm_testkit::site::AUDIENCE;
use cvm_testkit::site::TERMS;
use cvm_testkit::site::asked;
use cvm_testkit::time::CountedRandom;
use cvm_testkit::time::HandClock;
use cvm_testkit::vault::TestVault;
use http::HeaderValue;
use http::Method;
use rand::rngs::StdRng;

use crate::cast::weak_looking_device;
use crate::timing::sample::shuffle;
use crate::timing::table::EvenTable;

/// How many devices of each kind there are: one alone would be warm in the caches.
const EACH: usize = 32;

/// The door on fakes that never wait.
pub type TimedDoor = Door<EvenTable, TestQueue, TestVault, TestGuard, HandClock, CountedRandom>;

/// How a login is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The secret itself.
    Token,
    /// The secret itself, at a door that stretches every one.
    Stretched,
    /// A proof.
    Proof,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Token, Self::Proof, Self::Stretched];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Stretched => "token, stretched",
            Self::Proof => "proof",
        }
    }
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Known,
    Unknown,
    Disabled,
    Weak,
    ProofOnly,
}

/// What it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Somebody else's secret.
    Wrong,
    /// The right secret or proof, but for its last bit.
    Near,
    /// The right one.
    Right,
}

/// Logins that all must be refused alike.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// What it is called.
    pub name: &'static str,
    kind: Kind,
    shown: Shown,
}

const fn class(name: &'static str, kind: Kind, shown: Shown) -> Class {
    Class { name, kind, shown }
}

/// The classes of a mode; the first is what the others are compared with.
pub fn classes(mode: Mode) -> Vec<Class> {
    let mut all = vec![
        class("wrong secret, known", Kind::Known, Shown::Wrong),
        class("wrong secret again", Kind::Known, Shown::Wrong),
        class("almost right, known", Kind::Known, Shown::Near),
        class("unknown", Kind::Unknown, Shown::Wrong),
        class("disabled, right secret", Kind::Disabled, Shown::Right),
        class("weak row, wrong secret", Kind::Weak, Shown::Wrong),
    ];
    all.push(match mode {
        Mode::Token | Mode::Stretched => class(
            "proof-only row, right secret",
            Kind::ProofOnly,
            Shown::Right,
        ),
        Mode::Proof => class("proof-only row, wrong proof", Kind::ProofOnly, Shown::Wrong),
    });
    all
}

/// What is asked between two classes, so that each finds the caches as the one before did.
pub const BETWEEN: Class = class("between", Kind::Known, Shown::Wrong);

/// Names of one length, so that no name is told by how long it takes to hash. Each class has devices of its own: what is
/// asked for more often is nearer in the caches.
fn serial(class: &Class, number: usize) -> String {
    let digest = cvm_shared::bundle::digest(format!("{} {number}", class.name).as_bytes());
    format!("SN-{}", &digest[..12])
}

/// 43 characters of base64url, as those of real devices.
fn secret(seed: &str) -> DeviceToken {
    use base64::Engine as _;
    let digest = cvm_shared::bundle::digest(seed.as_bytes());
    let text = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..32]);
    DeviceToken::parse(text).unwrap()
}

/// The same secret but for its last bit.
fn near(token: &DeviceToken) -> DeviceToken {
    use base64::Engine as _;
    let engine = base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let mut bytes = engine.decode(token.expose()).unwrap();
    bytes[31] ^= 1;
    DeviceToken::parse(engine.encode(bytes)).unwrap()
}

/// A device of a class, and whether it is in the table.
fn device(class: &Class, number: usize) -> (Record, bool) {
    let name = serial(class, number);
    let mut record = sample::device(&name);
    record.verifier = Verifier::derive(&record.serial, &secret(&name));
    if class.kind == Kind::Weak {
        record.verifier = weak_looking_device(&name).verifier;
    }
    record.proof_only = class.kind == Kind::ProofOnly;
    if class.kind == Kind::Disabled {
        record.state = State::Disabled;
    }
    (record, class.kind != Kind::Unknown)
}

/// A door of a mode. Where its rows come to lie in memory is chance.
pub fn door(mode: Mode, random: &mut StdRng) -> TimedDoor {
    let classes = classes(mode).into_iter().chain([BETWEEN]);
    let mut names: Vec<(Class, usize)> = classes
        .flat_map(|class| (0..EACH).map(move |number| (class, number)))
        .collect();
    shuffle(&mut names, random);
    let rows = names.iter().map(|(class, number)| device(class, *number));
    let (clock, random) = (HandClock::new(), CountedRandom::default());
    Door {
        registry: EvenTable::new(rows.collect()),
        queue: TestQueue::new(clock.clone()),
        vault: TestVault::default(),
        guard: TestGuard::default(),
        own: Own::fresh(&random),
        clock,
        random,
        terms: Terms {
            weak_secrets: mode == Mode::Stretched,
            ..TERMS
        },
        trust: TrustBundle::with_extra("").unwrap(),
    }
}

impl Class {
    /// Its request of this round.
    pub fn ask(&self, mode: Mode, door: &TimedDoor, round: usize) -> Asked {
        let name = serial(self, round % EACH);
        let mut poll = asked(Method::GET, "/v1/certificates/0123456789abcdef", None, b"");
        let value = match mode {
            Mode::Token | Mode::Stretched => self.token(&name, round),
            Mode::Proof => self.proof(&name, &poll, door, round),
        };
        let value = HeaderValue::from_str(&value).unwrap();
        poll.headers.insert("authorization", value);
        // From so many addresses that nobody fails too often from one.
        poll.source = format!("192.0.2.{}", round / 1024);
        poll
    }

    /// All are made each time, whichever is shown: how they are made must not show either.
    fn secret(&self, name: &str, round: usize) -> DeviceToken {
        // Nobody else's of this round: a text that was read a moment ago is read faster, whosever it is.
        let (wrong, right) = (secret(&format!("wrong {name} {round}")), secret(name));
        let near = near(&right);
        match self.shown {
            Shown::Wrong => wrong,
            Shown::Near => near,
            Shown::Right => right,
        }
    }

    fn token(&self, name: &str, round: usize) -> String {
        let token = self.secret(name, round);
        format!("CVM1-TOKEN serial=\"{name}\",token=\"{}\"", token.expose())
    }

    fn proof(&self, name: &str, poll: &Asked, door: &TimedDoor, round: usize) -> String {
        let own = match self.shown {
            Shown::Wrong => secret(&format!("wrong {name} {round}")),
            Shown::Near | Shown::Right => secret(name),
        };
        let prover = Prover::new(sample::serial(name), &own);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(round as u64).to_be_bytes());
        let header = prover.authorize(&Call {
            method: poll.method.as_str(),
            audience: AUDIENCE,
            path: &poll.path,
            serial: prover.serial(),
            stamp: Stamp::At(door.clock.now().seconds()),
            nonce: &RequestNonce::from_random(bytes),
            body: &poll.body,
        });
        if self.shown == Shown::Near {
            bent(&header)
        } else {
            header
        }
    }
}

/// A proof with the last bit of its 32 bytes turned: `proof="..X"`.
fn bent(header: &str) -> String {
    let (head, proof) = header.split_at(header.len() - 44);
    let proof = DeviceToken::parse(proof.trim_end_matches('"').to_owned()).unwrap();
    format!("{head}{}\"", near(&proof).expose())
}

/// The door's answer. On fakes it never waits.
pub fn answer(door: &TimedDoor, asked: Asked) -> Answer {
    let mut answered = pin!(door.answer(Ok(asked)));
    match answered
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a fake waits"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_class_is_refused_in_the_same_words() {
        // A stretched one takes a second each without optimisation.
        for mode in [Mode::Token, Mode::Proof] {
            let door = door(mode, &mut StdRng::seed_from_u64(1));
            let mut seen = BTreeSet::new();
            for class in classes(mode) {
                let answer = answer(&door, class.ask(mode, &door, 3));
                assert_eq!(answer.status, 401, "{mode:?} {class:?}");
                seen.insert(answer.body);
            }
            assert_eq!(seen.len(), 1);
        }
    }

    #[test]
    fn the_right_login_would_be_let_in() {
        for mode in [Mode::Token, Mode::Proof] {
            let door = door(mode, &mut StdRng::seed_from_u64(1));
            let right = Class {
                shown: Shown::Right,
                ..BETWEEN
            };
            assert_eq!(answer(&door, right.ask(mode, &door, 3)).status, 404);
        }
    }
}
