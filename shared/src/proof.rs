//! The request proof CVM1: a device shows that it knows its secret without sending it.
//!
//! SCRAM-shaped (RFC 5802, section 3), in one round trip: the proof covers the method, the host, the
//! path, the serial number, a moment or a server's nonce, and the body. The answer carries a proof
//! too, so that a device which trusts no CA yet knows that its own server answered. Every value here
//! is held to the vectors in `shared/vectors/proof.json`.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::Choice;
use zeroize::Zeroizing;

use crate::bundle::digest;
use crate::ids::Malformed;
use crate::ids::SerialNumber;
use crate::secret::DeviceToken;
use crate::verifier::Keys;

/// The first line of what is signed.
const SCHEME: &str = "CVM1-HMAC-SHA256";

/// How far a device's clock may be off, in seconds.
pub const CLOCK_SKEW: u64 = 300;

/// When a device says that it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// At this moment, in whole seconds since 1970, by the device's clock.
    At(u64),
    /// The device has no clock: it holds a server's nonce instead.
    NoClock,
}

impl Stamp {
    /// Reads `-` or a decimal number without leading zeros.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "-" {
            return Ok(Self::NoClock);
        }
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let seconds = text.parse().ok().filter(|_| plain);
        seconds
            .map(Self::At)
            .ok_or_else(|| Malformed::new("ts", "must be whole seconds since 1970, or -"))
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(seconds) => write!(f, "{seconds}"),
            Self::NoClock => f.write_str("-"),
        }
    }
}

/// What makes a proof good for one request only: 22 to 86 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestNonce(String);

impl RequestNonce {
    /// Reads the text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(22..=86).contains(&text.len()) || !text.bytes().all(fits) {
            let rule = "must be 22 to 86 characters of base64url without padding";
            return Err(Malformed::new("nonce", rule));
        }
        Ok(Self(text.to_owned()))
    }

    /// A device's own nonce, from 16 bytes that were never used before.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Under what a used nonce is remembered: SHA-256 of the serial number and the nonce, in hex.
    /// Neither alphabet holds a line feed, so no two pairs run together.
    pub fn used_by(&self, serial: &SerialNumber) -> String {
        digest(format!("{serial}\n{}", self.0).as_bytes())
    }
}

/// A request as a proof sees it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The method in upper case.
    pub method: &'a str,
    /// The host that is asked, in lower case, with its port unless that is 443.
    pub audience: &'a str,
    /// The path as it is sent; a request with a query is never proven.
    pub path: &'a str,
    /// Who asks.
    pub serial: &'a SerialNumber,
    /// When.
    pub stamp: Stamp,
    /// What makes it the only one.
    pub nonce: &'a RequestNonce,
    /// The bytes of the body.
    pub body: &'a [u8],
}

impl Call<'_> {
    /// The text that is signed.
    pub fn canonical(&self) -> Canonical {
        let (stamp, body) = (self.stamp.to_string(), digest(self.body));
        Canonical(
            [
                SCHEME,
                self.method,
                self.audience,
                self.path,
                self.serial.as_str(),
                &stamp,
                self.nonce.as_str(),
                &body,
            ]
            .join("\n"),
        )
    }
}

/// The canonical text of a request: what its proof and the proof of its answer cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical(String);

impl Canonical {
    /// The bytes that are signed.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// What the proof of an answer covers.
    pub(crate) fn response(&self, status: u16, body: &[u8]) -> String {
        let request = digest(self.bytes());
        format!("CVM1-RESPONSE\n{request}\n{status}\n{}", digest(body))
    }
}

/// The 32 bytes that a device shows. Whether its text was well formed is kept beside them and judged
/// together with them, so that the time taken tells nothing.
#[derive(Clone)]
pub struct ShownProof {
    bytes: [u8; 32],
    well_formed: Choice,
}

impl ShownProof {
    /// Reads 43 characters of canonical base64url; anything else is a proof that is never accepted.
    pub fn parse(text: &str) -> Self {
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let bytes: Option<[u8; 32]> = decoded.and_then(|bytes| bytes.try_into().ok());
        Self {
            bytes: bytes.unwrap_or_default(),
            well_formed: Choice::from(u8::from(bytes.is_some())),
        }
    }

    /// The client key behind this proof, if it was made with `stored_key` and this text, and whether
    /// it was well formed at all.
    pub(crate) fn client_key(
        &self,
        stored_key: &[u8; 32],
        text: &Canonical,
    ) -> (Zeroizing<[u8; 32]>, Choice) {
        let mut key = Zeroizing::new(hmac(stored_key, text.bytes()));
        for (byte, shown) in key.iter_mut().zip(self.bytes) {
            *byte ^= shown;
        }
        (key, self.well_formed)
    }
}

impl std::fmt::Debug for ShownProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownProof([REDACTED])")
    }
}

/// The device's side: proves requests and checks answers.
#[derive(Clone)]
pub struct Prover {
    serial: SerialNumber,
    keys: Keys,
}

impl Prover {
    /// The prover of this device.
    pub fn new(serial: SerialNumber, token: &DeviceToken) -> Self {
        let keys = Keys::derive(&serial, &token.secret_bytes());
        Self { serial, keys }
    }

    /// The device.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// The value of the `Authorization` header for this call.
    pub fn authorize(&self, call: &Call<'_>) -> String {
        let proof = self.proof(&call.canonical());
        format!(
            "{scheme} serial=\"{serial}\",ts=\"{stamp}\",nonce=\"{nonce}\",proof=\"{proof}\"",
            scheme = crate::api::PROOF_SCHEME,
            serial = call.serial,
            stamp = call.stamp,
            nonce = call.nonce.as_str(),
        )
    }

    fn proof(&self, text: &Canonical) -> String {
        let mut proof = hmac(&self.keys.stored_key(), text.bytes());
        for (byte, key) in proof.iter_mut().zip(self.keys.client_key()) {
            *byte ^= key;
        }
        BASE64_URL_SAFE_NO_PAD.encode(proof)
    }

    /// Whether the server that keeps this device's verifier gave this answer to this call.
    pub fn confirms(&self, text: &Canonical, status: u16, body: &[u8], shown: &str) -> bool {
        let expected = answer_proof(self.keys.server_key(), text, status, body);
        subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), shown.as_bytes()).into()
    }

    /// The key that this device's bundles are sealed under, and the server's answers proven with.
    pub fn server_key(&self) -> &[u8; 32] {
        self.keys.server_key()
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prover({})", self.serial)
    }
}

/// The proof of an answer: base64url without padding.
pub(crate) fn answer_proof(
    server_key: &[u8; 32],
    text: &Canonical,
    status: u16,
    body: &[u8],
) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hmac(server_key, text.response(status, body).as_bytes()))
}

/// HMAC-SHA256.
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104)"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
#[path = "proof_tests.rs"]
pub(crate) mod tests;
