//! Certificate signing requests: what is accepted to be signed, checked before AWS IoT sees it.
//!
//! AWS IoT audits weak keys only after registration and signs a reused request again, so the rules
//! stand here. Each has its file, and [`Csr::parse`] goes through them from the cheapest to the dearest:
//!
//! | file | what it lets through |
//! |---|---|
//! | `pem` | one PEM block of a signing request |
//! | `strict` | DER, down to every INTEGER, nested 16 deep at most |
//! | `layout` | the fields of a request (PKCS#10, RFC 2986) and nothing between or after them |
//! | `subject` | at most one common name; place and organisation as free text |
//! | `attributes`, `extensions` | what an end entity may ask for, and no other name |
//! | `key`, `curve`, `rsa` | uncompressed points on P-256 and P-384; RSA of 2048, 3072 or 4096 bits |
//! | `factors`, `roca` | moduli that the known shortcuts do not factor |
//! | `blocked` | keys whose private half is not public |
//! | `signature` | requests signed with SHA-2 by the key that they hold |
//!
//! DER is read with the crate `der`, which takes nothing but DER (BER is a feature of it that stays off), so there
//! is no second reading of the same bytes. It leaves ANY unread, hence the walk in `strict`.
//!
//! What a request holds besides is kept, for its signature covers it: a challengePassword is ignored, but it stays in
//! the text that is stored with the row and that AWS IoT gets. It is never logged; no device should put a secret there.

mod attributes;
mod blocked;
mod curve;
mod extensions;
mod factors;
mod key;
mod layout;
mod pem;
mod roca;
mod rsa;
mod signature;
mod strict;
mod subject;

use sha2::Digest as _;
use sha2::Sha256;

use self::layout::Request;
use crate::ids::Malformed;
use crate::ids::SerialNumber;
use crate::ids::hex;

/// The longest request text, in characters (AWS IoT API reference, `CertificateSigningRequest`).
pub const CSR_MAX: usize = 4096;

/// SHA-256 of a DER-encoded SubjectPublicKeyInfo: names a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKeyDigest([u8; 32]);

impl PublicKeyDigest {
    /// The digest of the key in this SubjectPublicKeyInfo (DER).
    pub fn of(spki_der: &[u8]) -> Self {
        Self(Sha256::digest(spki_der).into())
    }

    /// The digest in lower-case hex.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Reads [`PublicKeyDigest::to_hex`] back.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let pairs = text.as_bytes().chunks_exact(2);
        let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
        let digest = bytes.filter(|_| text.len() == 64);
        let digest = digest.and_then(|bytes| bytes.try_into().ok());
        digest.map(Self).ok_or_else(|| {
            Malformed::new(
                "publicKey",
                "must be a SHA-256 digest in 64 lower-case hex digits",
            )
        })
    }
}

/// A signing request that may be signed. It holds no secret: the key stays with the device.
#[derive(Clone, PartialEq, Eq)]
pub struct Csr {
    pem: String,
    public_key: PublicKeyDigest,
    common_names: Vec<String>,
}

impl Csr {
    /// Accepts a PEM text that holds exactly one request which meets the policy, or names the rule
    /// that it breaks. Text before BEGIN, CRLF and a missing last newline do no harm.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > CSR_MAX {
            return Err(refuse(format!("must have at most {CSR_MAX} characters")));
        }
        let der = pem::sole_request(text)?;
        strict::check(&der)?;
        let pem = pem::rewritten(&der)?;
        let request = Request::read(&der)?;
        subject::check(request.subject)?;
        attributes::check(request.attributes)?;
        let kind = key::check(&request.key)?;
        let csr = Self::of(&request, pem)?;
        blocked::check_unblocked(csr.public_key)?;
        signature::check(&request, kind)?;
        Ok(csr)
    }

    /// Reads back a request that was accepted before. It met the policy of its day; checking it
    /// on every read of a row would be the dearest step of a poll.
    pub fn parse_stored(text: &str) -> Result<Self, Malformed> {
        let der = pem::sole_request(text)?;
        Self::of(&Request::read(&der)?, text.to_owned())
    }

    fn of(request: &Request<'_>, pem: String) -> Result<Self, Malformed> {
        Ok(Self {
            pem,
            public_key: PublicKeyDigest::of(request.key.raw),
            common_names: subject::common_names(request.subject)?,
        })
    }

    /// The certificate will carry the subject of the request, so that must name this device, byte for
    /// byte, or nobody. Apart from [`Csr::parse`], which does not know who asks.
    pub fn check_subject(&self, serial: &SerialNumber) -> Result<(), Malformed> {
        match self.common_names.as_slice() {
            [] => Ok(()),
            [name] if name == serial.as_str() => Ok(()),
            [_, ..] => Err(refuse(
                "must have no common name or the serial number of the device that asks",
            )),
        }
    }

    /// The request as PEM, written anew from what was parsed: nothing unread goes on to AWS IoT.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The key that a certificate for this request must carry.
    pub fn public_key(&self) -> PublicKeyDigest {
        self.public_key
    }
}

/// Names the key only: subject and attributes are the device's own words.
impl std::fmt::Debug for Csr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Csr({})", self.public_key.to_hex())
    }
}

fn refuse(rule: impl Into<String>) -> Malformed {
    Malformed::new("csr", rule)
}

#[cfg(test)]
mod craft;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
#[path = "csr_tests.rs"]
mod tests;
