//! The devices' rows and keys. Keys are made once: making them is slow, and no run looks for two.

use std::sync::OnceLock;

use cvm_shared::csr::Csr;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_testkit::sample;

use crate::scenario::DEVICES_MOST;
use crate::scenario::DevicePlan;

/// How many keys a device can have, one after another.
pub const KEYS: usize = 4;

/// The AWS IoT policy that an operator has still to make.
pub const LATER_POLICY: &str = "later";

/// The serial number of the device with this number.
pub fn serial(number: usize) -> SerialNumber {
    sample::serial(&format!("SN-{number}"))
}

/// The row of a device as it is imported.
pub fn row(plan: &DevicePlan) -> Record {
    static ROWS: OnceLock<Vec<Record>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        let names = (0..DEVICES_MOST).map(serial);
        names.map(|name| sample::device(name.as_str())).collect()
    });
    let mut row = rows[plan.number].clone();
    row.reprovision = plan.reprovision;
    plan.lean.bind(&mut row);
    if plan.policy_missing {
        row.binding.policy = sample::policy(LATER_POLICY);
    }
    row
}

/// The signing request of this device for this key of its own, as text and as read.
pub fn request(device: usize, key: usize) -> &'static (String, Csr) {
    &requests()[device][key % KEYS]
}

/// Whose key that is.
pub fn owner(key: PublicKeyDigest) -> Option<usize> {
    requests()
        .iter()
        .position(|keys| keys.iter().any(|(_, csr)| csr.public_key() == key))
}

fn requests() -> &'static [Vec<(String, Csr)>] {
    static REQUESTS: OnceLock<Vec<Vec<(String, Csr)>>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let request = |serial: &SerialNumber| {
            let pem = sample::csr_pem_of(serial.as_str());
            let csr = Csr::parse(&pem).unwrap();
            (pem, csr)
        };
        let keys = |serial: SerialNumber| (0..KEYS).map(|_| request(&serial)).collect();
        (0..DEVICES_MOST).map(serial).map(keys).collect()
    })
}
