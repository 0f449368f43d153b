//! What a device asks for: a certificate for its own key, or a key and a certificate.

use sha2::Digest as _;
use sha2::Sha256;

use crate::csr::Csr;
use crate::csr::PublicKeyDigest;
use crate::ids::RequestId;
use crate::ids::SerialNumber;

/// Counts how often a device was provisioned anew. Work is keyed on (serial number, generation).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u32);

impl Generation {
    /// The generation of a device that was never reset.
    pub const FIRST: Self = Self(1);

    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Who makes the private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The device: its private key never leaves it (CSR mode, the default).
    Device(Csr),
    /// AWS IoT, for devices that cannot make a key (keys mode, the seed's `createKeysAndCertificate`).
    Service,
}

/// One request of one device in one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Derived from the rest: asking the same again is the same request.
    pub id: RequestId,
    /// Who makes the key.
    pub key: KeySource,
}

impl Request {
    /// The request of `serial` in `generation` for a key from `key`.
    ///
    /// The id covers the public key, not the request's encoding: a device that signs its request
    /// anew after a power cut is still asking the same thing.
    pub fn new(serial: &SerialNumber, generation: Generation, key: KeySource) -> Self {
        let public_key = match &key {
            KeySource::Device(csr) => Some(csr.public_key()),
            KeySource::Service => None,
        };
        Self {
            id: request_id(serial, generation, public_key),
            key,
        }
    }
}

/// The id of the request of `serial` in `generation` for this public key, or for one that AWS IoT
/// makes.
pub fn request_id(
    serial: &SerialNumber,
    generation: Generation,
    public_key: Option<PublicKeyDigest>,
) -> RequestId {
    let mut digest = Sha256::new();
    digest.update(b"cvm-v1:request:");
    digest.update(serial.as_str().as_bytes());
    digest.update(b"\n");
    digest.update(generation.0.to_be_bytes());
    match public_key {
        Some(key) => digest.update(key.to_hex().as_bytes()),
        None => digest.update(b"service"),
    }
    RequestId::from_digest(&digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_follows_serial_generation_and_key() {
        let serial = |text: &str| SerialNumber::parse(text).unwrap();
        let of = |text: &str, generation: u32| {
            Request::new(&serial(text), Generation(generation), KeySource::Service).id
        };
        assert_eq!(of("a", 1), of("a", 1));
        assert_ne!(of("a", 1), of("b", 1));
        assert_ne!(of("a", 1), of("a", 2));
    }

    #[test]
    fn the_same_key_signed_anew_is_the_same_request() {
        let key = rcgen::KeyPair::generate().unwrap();
        let ask = || {
            let params = rcgen::CertificateParams::default();
            let pem = params.serialize_request(&key).unwrap().pem().unwrap();
            let csr = Csr::parse(&pem).unwrap();
            let serial = SerialNumber::parse("a").unwrap();
            Request::new(&serial, Generation::FIRST, KeySource::Device(csr))
        };
        assert_eq!(ask().id, ask().id);
    }
}
