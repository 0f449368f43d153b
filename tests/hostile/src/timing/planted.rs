//! Leaks on purpose: what this test must find, or it finds nothing.

use std::hint::black_box;

use cvm_ingest::problem::Refused;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::cast::device;
use crate::cast::device_token;
use crate::cast::serial;
use crate::timing::sample::interleaved;
use crate::timing::verdict::Comparison;

/// A leak, and what the stopwatch makes of it.
#[derive(Clone, Debug)]
pub struct Planted {
    /// What was done wrong.
    pub name: &'static str,
    /// The classes that it tells apart.
    pub found: Comparison,
}

/// Measures them all with so many samples each.
pub fn all(samples: usize, seed: u64) -> Vec<Planted> {
    vec![early_exit(samples, seed), byte_by_byte(samples, seed)]
}

/// A login that does not check the secret of a device that it does not know.
fn early_exit(samples: usize, seed: u64) -> Planted {
    let known = device("SN-known");
    let token = device_token("SN-wrong");
    let names = ["SN-known", "SN-other"].map(serial);
    let login = |name: &SerialNumber| careless_login(&known, name, &token);
    let mut random = StdRng::seed_from_u64(seed);
    let times = interleaved(2, samples, &mut random, |thing, _| &names[thing], login);
    Planted {
        name: "unknown serial leaves before the verifier",
        found: Comparison::of(&times[0], &times[1]),
    }
}

fn careless_login(known: &Record, name: &SerialNumber, token: &DeviceToken) -> String {
    let row = (known.serial == *name).then(|| known.clone());
    let admitted = row.is_some_and(|row| row.verifier.accepts(name, black_box(token)));
    assert!(!black_box(admitted));
    Refused::Unauthorized.answer().body
}

/// A compare of two secrets of 512 characters that stops at the first that differs.
fn byte_by_byte(samples: usize, seed: u64) -> Planted {
    let right = [b'x'; 512];
    let (mut early, mut late) = (right, right);
    early[0] = b'y';
    late[511] = b'y';
    let shown = [early, late];
    let compare = |shown: &[u8; 512]| {
        let mut pairs = right.iter().zip(shown);
        pairs.all(|(one, other)| black_box(one == other))
    };
    let mut random = StdRng::seed_from_u64(seed);
    let times = interleaved(2, samples, &mut random, |thing, _| &shown[thing], compare);
    Planted {
        name: "compare that stops at the first difference",
        found: Comparison::of(&times[0], &times[1]),
    }
}
