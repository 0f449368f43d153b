//! The stored verifier: what the table keeps instead of a secret.
//!
//! SCRAM-shaped (RFC 5802, section 3): whoever reads the table can check a token or a proof, not make
//! one. The same two keys serve plain tokens and request proofs ([`crate::proof`]). A secret of few
//! bits could be guessed from them, so it is stretched first, with a salt of its own (argon2id, 19 MiB,
//! two passes: OWASP's password storage cheat sheet); its device is bound to plain tokens, as it does
//! not know the salt.

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Params;
use argon2::Version;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;
use zeroize::Zeroizing;

use crate::ids::Malformed;
use crate::ids::SerialNumber;
use crate::proof::Canonical;
use crate::proof::ShownProof;
use crate::proof::answer_proof;
use crate::proof::hmac;
use crate::proof::sha256;
use crate::secret::DeviceToken;

const PREFIX: &str = "cvm1";
const STRETCHED: &str = "cvm1s";

/// The salt of a stretched secret.
pub type Salt = [u8; 16];

/// What a secret is turned into, on the side that has it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys {
    client_key: [u8; 32],
    server_key: [u8; 32],
}

impl Keys {
    pub(crate) fn derive(serial: &SerialNumber, secret: &[u8]) -> Self {
        Self {
            client_key: labelled(secret, "client-key", serial),
            server_key: labelled(secret, "server-key", serial),
        }
    }

    pub(crate) fn client_key(&self) -> &[u8; 32] {
        &self.client_key
    }

    pub(crate) fn server_key(&self) -> &[u8; 32] {
        &self.server_key
    }

    pub(crate) fn stored_key(&self) -> [u8; 32] {
        sha256(&self.client_key)
    }
}

/// What is stored of a device's secret, the table's `accessToken`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Verifier {
    salt: Option<Salt>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl Verifier {
    /// Derives the verifier at registration; the secret is forgotten after it.
    pub fn derive(serial: &SerialNumber, token: &DeviceToken) -> Self {
        Self::from_secret(serial, &token.secret_bytes(), None)
    }

    /// Derives the verifier of a secret that could be guessed: slowly, and with a fresh salt.
    pub fn derive_slowly(serial: &SerialNumber, token: &DeviceToken, salt: Salt) -> Self {
        Self::from_secret(serial, &*stretched(token, &salt), Some(salt))
    }

    fn from_secret(serial: &SerialNumber, secret: &[u8], salt: Option<Salt>) -> Self {
        let keys = Keys::derive(serial, secret);
        Self {
            salt,
            stored_key: keys.stored_key(),
            server_key: keys.server_key,
        }
    }

    /// A verifier that no token meets, for serials that may not log in: the refusal costs the same
    /// work as a wrong token does.
    pub fn dummy(key: &[u8; 32], serial: &SerialNumber) -> Self {
        Self {
            salt: None,
            stored_key: labelled(key, "dummy-stored-key", serial),
            server_key: labelled(key, "dummy-server-key", serial),
        }
    }

    /// Whether the secret was stretched: its device can send it, not prove it.
    pub fn is_stretched(&self) -> bool {
        self.salt.is_some()
    }

    /// Whether the token is the secret that this verifier was made from, in constant time. A
    /// stretched verifier accepts nothing here.
    pub fn accepts(&self, serial: &SerialNumber, token: &DeviceToken) -> bool {
        self.meets(serial, &token.secret_bytes()) & self.salt.is_none()
    }

    /// The same for a table with stretched secrets in it: whoever asks, the token is stretched, so
    /// that the time tells nothing of the row. About 25 ms and 19 MiB a call.
    pub fn accepts_slowly(&self, serial: &SerialNumber, token: &DeviceToken) -> bool {
        let slow = stretched(token, &self.salt.unwrap_or_default());
        let met = self.meets(serial, &*slow) & self.salt.is_some();
        met | self.accepts(serial, token)
    }

    fn meets(&self, serial: &SerialNumber, secret: &[u8]) -> bool {
        let shown = Self::from_secret(serial, secret, None);
        self.stored_key.ct_eq(&shown.stored_key).into()
    }

    /// Whether the proof was made by who knows the secret, for this very request, in constant time.
    pub fn accepts_proof(&self, text: &Canonical, shown: &ShownProof) -> bool {
        let (client_key, well_formed) = shown.client_key(&self.stored_key, text);
        (sha256(&*client_key).ct_eq(&self.stored_key) & well_formed).into()
    }

    /// The proof that this server gave this answer.
    pub fn prove_answer(&self, text: &Canonical, status: u16, body: &[u8]) -> String {
        answer_proof(&self.server_key, text, status, body)
    }

    /// The key that this device's bundles are sealed under.
    pub fn server_key(&self) -> &[u8; 32] {
        &self.server_key
    }

    /// The text kept in the table: `cvm1.{stored key}.{server key}`, or of a stretched secret
    /// `cvm1s.{salt}.{stored key}.{server key}`, all base64url without padding.
    pub fn to_text(&self) -> String {
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let keys = format!("{}.{}", encode(&self.stored_key), encode(&self.server_key));
        match &self.salt {
            None => format!("{PREFIX}.{keys}"),
            Some(salt) => format!("{STRETCHED}.{}.{keys}", encode(salt)),
        }
    }

    /// Reads [`Verifier::to_text`] back; anything else (a plain secret above all) is refused.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let parts: Vec<&str> = text.split('.').collect();
        let read = match parts.as_slice() {
            [PREFIX, stored, server] => Self::read(None, stored, server),
            [STRETCHED, salt, stored, server] => {
                decoded(salt).and_then(|salt| Self::read(Some(salt), stored, server))
            }
            _ => None,
        };
        read.ok_or_else(|| Malformed::new("accessToken", "is not a stored verifier"))
    }

    fn read(salt: Option<Salt>, stored: &str, server: &str) -> Option<Self> {
        Some(Self {
            salt,
            stored_key: decoded(stored)?,
            server_key: decoded(server)?,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier([REDACTED])")
    }
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
    bytes.as_slice().try_into().ok()
}

/// The token through argon2id.
fn stretched(token: &DeviceToken, salt: &Salt) -> Zeroizing<[u8; 32]> {
    let mut secret = Zeroizing::new([0; 32]);
    #[expect(
        clippy::expect_used,
        reason = "the parameters are constants within argon2's bounds, a token has at most 512 bytes"
    )]
    Params::new(19 * 1024, 2, 1, Some(32))
        .and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                &token.secret_bytes(),
                salt,
                secret.as_mut_slice(),
            )
        })
        .expect("constants within bounds");
    secret
}

/// HMAC-SHA256 of `cvm-v1:{label}:{serial}` under `key`.
fn labelled(key: &[u8], label: &str, serial: &SerialNumber) -> [u8; 32] {
    hmac(key, format!("cvm-v1:{label}:{serial}").as_bytes())
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
    fn a_stretched_secret_is_checked_slowly_and_only_so() {
        let (own, secret) = (serial("a"), token("1234"));
        let slow = Verifier::derive_slowly(&own, &secret, [5; 16]);
        assert!(slow.is_stretched() && slow.accepts_slowly(&own, &secret));
        assert!(!slow.accepts(&own, &secret));
        assert!(!slow.accepts_slowly(&own, &token("1235")));
        assert_ne!(slow, Verifier::derive_slowly(&own, &secret, [6; 16]));
        assert_eq!(Verifier::parse(&slow.to_text()).unwrap(), slow);
        let fast = Verifier::derive(&own, &secret);
        assert!(fast.accepts_slowly(&own, &secret));
        assert!(!Verifier::dummy(&[7; 32], &own).accepts_slowly(&own, &secret));
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
