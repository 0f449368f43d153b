//! Server nonces for devices without a clock: stateless, so that asking for one leaves nothing behind.
//!
//! `0x01 || expiry as u64 big-endian || 16 random bytes || HMAC(key, "cvm-v1:nonce:" || head)[0..16]`,
//! 41 bytes, sent as base64url. One is remembered only once it came with a valid proof.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;

use crate::proof::hmac;
use crate::time::UnixMillis;

/// How long a nonce is good, in seconds.
pub const NONCE_LIFE: u64 = 300;

/// How long a used nonce, a server's or a device's own, must be remembered, in seconds: longer than
/// any proof with it can still be in time. A device's stamp may lie [`crate::proof::CLOCK_SKEW`] ahead.
pub const NONCE_MEMORY: u64 = 900;

const _: () = assert!(NONCE_MEMORY > 2 * crate::proof::CLOCK_SKEW && NONCE_MEMORY > NONCE_LIFE);

const VERSION: u8 = 1;
const HEAD: usize = 25;

/// The key that nonces are made with, the same for all processes of the door.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// Takes the key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key in clear, for the one place that stores it.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A nonce that is good for [`NONCE_LIFE`] from now on.
    pub fn issue(&self, now: UnixMillis, random: [u8; 16]) -> String {
        let mut nonce = vec![VERSION];
        nonce.extend((now.seconds() + NONCE_LIFE).to_be_bytes());
        nonce.extend(random);
        nonce.extend(self.tag(&nonce));
        BASE64_URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether this is a nonce of ours and still good.
    pub fn accepts(&self, text: &str, now: UnixMillis) -> bool {
        let Some((head, tag)) = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .filter(|nonce| nonce.len() == HEAD + 16 && nonce[0] == VERSION)
            .map(|mut nonce| {
                let tag = nonce.split_off(HEAD);
                (nonce, tag)
            })
        else {
            return false;
        };
        let genuine: bool = self.tag(&head).ct_eq(tag.as_slice()).into();
        // The first byte is the version, the next eight are the expiry.
        let expiry = head[1..9]
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        genuine && now.seconds() < expiry
    }

    fn tag(&self, head: &[u8]) -> [u8; 16] {
        let mac = hmac(&self.0, &[b"cvm-v1:nonce:", head].concat());
        let mut tag = [0; 16];
        tag.copy_from_slice(&mac[..16]);
        tag
    }
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::unhex;
    use crate::proof::tests::vectors;

    fn key(vector: &serde_json::Value) -> NonceKey {
        let bytes = unhex(&vector["nonce_key_hex"]);
        NonceKey::new(bytes.try_into().unwrap())
    }

    fn judged(vector: &serde_json::Value) -> bool {
        let now = UnixMillis(vector["check_at_unix"].as_u64().unwrap() * 1000);
        key(vector).accepts(vector["nonce_b64u"].as_str().unwrap(), now)
    }

    #[test]
    fn nonces_are_judged_as_the_vectors_say() {
        let all = vectors();
        for good in all["server_nonces"].as_array().unwrap() {
            assert!(judged(good), "{good}");
            let random = unhex(&good["rand_hex"]).try_into().unwrap();
            let made = UnixMillis((good["exp_unix"].as_u64().unwrap() - NONCE_LIFE) * 1000);
            assert_eq!(key(good).issue(made, random), good["nonce_b64u"]);
        }
        let bad = all["server_nonces_negative"].as_array().unwrap();
        assert_eq!(bad.len(), 6);
        for bad in bad {
            assert!(!judged(bad), "{bad}");
        }
    }

    #[test]
    fn a_nonce_is_good_until_its_last_second() {
        let key = NonceKey::new([7; 32]);
        let made = UnixMillis(1_000_000);
        let nonce = key.issue(made, [1; 16]);
        assert!(key.accepts(&nonce, made));
        assert!(key.accepts(&nonce, UnixMillis(1_000_000 + 299_999)));
        assert!(!key.accepts(&nonce, UnixMillis(1_000_000 + 300_000)));
        assert!(!format!("{key:?}").contains('7'));
    }
}
