//! The stored verifier: what the table keeps instead of a secret.
//!
//! SCRAM-shaped (RFC 5802, section 3): whoever reads the table can check a token, not present one.
//! The same two keys serve plain tokens now and request proofs later.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;

use crate::ids::Malformed;
use crate::ids::SerialNumber;
use crate::secret::DeviceToken;

const PREFIX: &str = "cvm1";

/// What is stored of a device's secret, the table's `accessToken`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Verifier {
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl Verifier {
    /// Derives the verifier at registration; the secret is forgotten after it.
    pub fn derive(serial: &SerialNumber, token: &DeviceToken) -> Self {
        let secret = token.secret_bytes();
        let client_key = labelled(&secret, "client-key", serial);
        Self {
            stored_key: Sha256::digest(client_key).into(),
            server_key: labelled(&secret, "server-key", serial),
        }
    }

    /// A verifier that no token meets, for serials that may not log in: the refusal costs the same
    /// work as a wrong token does.
    pub fn dummy(key: &[u8; 32], serial: &SerialNumber) -> Self {
        Self {
            stored_key: labelled(key, "dummy-stored-key", serial),
            server_key: labelled(key, "dummy-server-key", serial),
        }
    }

    /// Whether the token is the secret that this verifier was made from, in constant time.
    pub fn accepts(&self, serial: &SerialNumber, token: &DeviceToken) -> bool {
        let shown = Self::derive(serial, token);
        self.stored_key.ct_eq(&shown.stored_key).into()
    }

    /// The text kept in the table: `cvm1.{stored key}.{server key}`, base64url without padding.
    pub fn to_text(&self) -> String {
        let encode = |key: &[u8; 32]| BASE64_URL_SAFE_NO_PAD.encode(key);
        format!(
            "{PREFIX}.{}.{}",
            encode(&self.stored_key),
            encode(&self.server_key)
        )
    }

    /// Reads [`Verifier::to_text`] back; anything else (a plain secret above all) is refused.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let refused = || Malformed::new("accessToken", "is not a stored verifier");
        let mut parts = text.split('.');
        let (Some(PREFIX), Some(stored), Some(server), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        let decode = |part: &str| -> Option<[u8; 32]> {
            BASE64_URL_SAFE_NO_PAD.decode(part).ok()?.try_into().ok()
        };
        Ok(Self {
            stored_key: decode(stored).ok_or_else(refused)?,
            server_key: decode(server).ok_or_else(refused)?,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier([REDACTED])")
    }
}

/// HMAC-SHA256 of `cvm-v1:{label}:{serial}` under `key`.
fn labelled(key: &[u8], label: &str, serial: &SerialNumber) -> [u8; 32] {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104)"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    mac.update(b"cvm-v1:");
    mac.update(label.as_bytes());
    mac.update(b":");
    mac.update(serial.as_str().as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;

    fn serial(text: &str) -> SerialNumber {
        SerialNumber::parse(text).unwrap()
    }

    fn token(text: &str) -> DeviceToken {
        DeviceToken::parse(text).unwrap()
    }

    /// Vector V0 of the request proof scheme.
    #[test]
    fn derivation_meets_the_vector() {
        let secret = token("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        let verifier = Verifier::derive(&serial("SN-0001:A_b"), &secret);
        assert_eq!(
            hex(&verifier.stored_key),
            "3684e7c0ba1aa24def2fd12f5a6e6eb8706c6ac24740c8e338ba5b3ba1c4229c"
        );
        assert_eq!(
            hex(&verifier.server_key),
            "e6af50a185b04c13f49c75c2eacf30f3c0b785fcd9c84f4eda8eedd8f0c06224"
        );
        assert!(verifier.accepts(&serial("SN-0001:A_b"), &secret));
    }

    #[test]
    fn another_serial_another_token_and_a_dummy_are_refused() {
        let own = Verifier::derive(&serial("a"), &token("one"));
        assert!(!own.accepts(&serial("b"), &token("one")));
        assert!(!own.accepts(&serial("a"), &token("two")));
        assert!(!Verifier::dummy(&[7; 32], &serial("a")).accepts(&serial("a"), &token("one")));
    }

    #[test]
    fn its_text_reads_back_and_nothing_else_does() {
        let verifier = Verifier::derive(&serial("a"), &token("one"));
        assert_eq!(Verifier::parse(&verifier.to_text()).unwrap(), verifier);
        for bad in [
            "",
            "one",
            "cvm1.a.b",
            "cvm1..",
            "cvm2.x.y",
            &format!("{}.x", verifier.to_text()),
        ] {
            assert!(Verifier::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{verifier:?}"), "Verifier([REDACTED])");
    }
}
