//! The devices: one that is asked for all the time, its neighbour, and those that nobody may tell from strangers.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use cvm_lambda::backend::Backend;
use cvm_shared::ids::SerialNumber;
use cvm_shared::proof::Prover;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::State;
use cvm_shared::verifier::Verifier;
use cvm_testkit::sample;

/// A device that may log in.
pub const KNOWN: &str = "SN-1";
/// Another one.
pub const NEIGHBOUR: &str = "SN-2";
/// One that is not registered.
pub const UNKNOWN: &str = "SN-nobody";
/// One that an operator has disabled.
pub const DISABLED: &str = "SN-off";
/// One that must prove its secret.
pub const PROOF_ONLY: &str = "SN-proof";
/// One whose secret was stretched.
pub const WEAK: &str = "SN-weak";
/// Rows that cannot be read, with what is done to them.
pub const BROKEN: [(&str, &str, Option<&str>); 6] = [
    ("SN-no-verifier", "accessToken", None),
    ("SN-empty-verifier", "accessToken", Some(r#"{"S":""}"#)),
    ("SN-null-verifier", "accessToken", Some(r#"{"NULL":true}"#)),
    ("SN-plain-secret", "accessToken", Some(r#"{"S":"plain"}"#)),
    ("SN-odd-auth", "auth", Some(r#"{"S":"none"}"#)),
    ("SN-no-state", "applyState", None),
];

/// The secret of a device.
pub fn token(serial: &str) -> String {
    format!("hush-{serial}-0123456789abcdef")
}

/// The same, parsed.
pub fn device_token(serial: &str) -> DeviceToken {
    DeviceToken::parse(token(serial)).unwrap()
}

/// What makes a device's proofs.
pub fn prover(serial: &str) -> Prover {
    Prover::new(sample::serial(serial), &device_token(serial))
}

/// A registered device with its own secret.
pub fn device(serial: &str) -> Record {
    let mut record = sample::device(serial);
    record.verifier = Verifier::derive(&record.serial, &device_token(serial));
    record
}

/// A device with a stretched secret.
pub fn weak_device(serial: &str) -> Record {
    let mut record = device(serial);
    record.verifier = Verifier::derive_slowly(&record.serial, &device_token(serial), [5; 16]);
    record
}

/// One that looks like it, of some secret that nobody knows: to derive a real one takes its time.
pub fn weak_looking_device(serial: &str) -> Record {
    let mut record = device(serial);
    record.verifier = Verifier::derive(&record.serial, &device_token("somebody"));
    let salt = format!("cvm1s.{}.", "A".repeat(22));
    let salted = record.verifier.to_text().replacen("cvm1.", &salt, 1);
    record.verifier = Verifier::parse(&salted).unwrap();
    record
}

/// A device that nobody else asks for.
pub fn fresh() -> Record {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    device(&format!("OK-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// One of a few devices that are registered again and again, for requests that get past the login and no further: one
/// device may not ask so often.
pub fn busy() -> Record {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    device(&format!("K-{}", COUNT.fetch_add(1, Ordering::Relaxed) / 25))
}

/// Imports them all.
pub async fn import(backend: &Backend) {
    let mut disabled = device(DISABLED);
    disabled.state = State::Disabled;
    let mut proof_only = device(PROOF_ONLY);
    proof_only.proof_only = true;
    let broken = BROKEN.map(|(serial, ..)| device(serial));
    let all = [device(KNOWN), device(NEIGHBOUR), disabled, proof_only];
    for record in all
        .into_iter()
        .chain([weak_looking_device(WEAK)])
        .chain(broken)
    {
        backend.put(&record).await.unwrap();
    }
    for (serial, column, value) in BROKEN {
        damage(backend, serial, column, value);
    }
}

/// Takes a column away, or gives it another value.
fn damage(backend: &Backend, serial: &str, column: &str, value: Option<&str>) {
    let account = backend.account().unwrap();
    let mut item = account.item(serial).unwrap();
    match value {
        Some(value) => item[column] = serde_json::from_str(value).unwrap(),
        None => drop(item.as_object_mut().unwrap().remove(column)),
    }
    account.put_item(item);
}

/// A serial number.
pub fn serial(text: &str) -> SerialNumber {
    sample::serial(text)
}
