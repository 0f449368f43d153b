//! Keys that everybody has: their private half was published.
//!
//! `blocked.txt` holds what could be verified by holding the private key: the keys in RFCs and in the tests of
//! much used libraries, which is where firmware samples are copied from, and the smallest private keys. An
//! operator adds the keys of development boards and leaked firmware: a line with the digest that `openssl`
//! prints (the file says how), in order, then build. From then on the door and the worker refuse such a key.
//!
//! The keys of Debian's broken OpenSSL (CVE-2008-0166) are not in it but for one that serves the tests.
//! Their number is finite, but the list is only to be had from elsewhere, as digests of something else (the
//! package openssl-blacklist: half a SHA-1 of the modulus) or by running the broken library once for each
//! process id, size and architecture. AWS IoT Device Defender audits for them after registration
//! (`DEVICE_CERTIFICATE_KEY_QUALITY_CHECK`).

use std::collections::HashSet;
use std::sync::LazyLock;

use super::PublicKeyDigest;
use super::refuse;
use crate::ids::Malformed;

static BLOCKED: LazyLock<HashSet<&str>> = LazyLock::new(|| digests().collect());

/// Refuses a key on the list.
pub(super) fn check_unblocked(key: PublicKeyDigest) -> Result<(), Malformed> {
    if BLOCKED.contains(key.to_hex().as_str()) {
        return Err(refuse("must hold a key whose private half is not public"));
    }
    Ok(())
}

/// The first word of each line that is no comment.
pub(super) fn digests() -> impl Iterator<Item = &'static str> {
    include_str!("blocked.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
}
