//! Sealed bundles: what lies in the bucket is worthless without the device's secret or its row.
//!
//! In keys mode a bundle holds a private key. It is encrypted under a key that only the device (from
//! its secret) and the record (from its verifier) can derive, so that a leaked URL opens nothing:
//!
//! ```text
//! sealed     = "CVM1SEAL" || salt (32 random bytes) || ciphertext || tag (16 bytes)
//! key, nonce = HKDF-SHA256(ikm = ServerKey, salt = salt, info = label), 32 and 12 bytes (RFC 5869)
//! label      = "cvm-v1 bundle" LF serial number LF request id LF certificate id
//! ciphertext = ChaCha20-Poly1305(key, nonce, bundle, aad = "CVM1SEAL" || label)   (RFC 8439)
//! ```
//!
//! The salt is new for every bundle and a bundle is sealed once, so no key and nonce ever meet two
//! texts. `shared/vectors/seal.json` holds vectors.

use chacha20poly1305::AeadInOut as _;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::KeyInit as _;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::ids::CertificateId;
use crate::ids::Malformed;
use crate::ids::RequestId;
use crate::ids::SerialNumber;

const MAGIC: &[u8; 8] = b"CVM1SEAL";
const SALT: usize = 32;
const TAG: usize = 16;

/// What a sealed bundle is bound to: under another name it does not open.
#[derive(Clone, Copy, Debug)]
pub struct SealedFor<'a> {
    /// The device.
    pub serial: &'a SerialNumber,
    /// Its request.
    pub request: &'a RequestId,
    /// The certificate inside.
    pub certificate: &'a CertificateId,
}

impl SealedFor<'_> {
    fn label(&self) -> Vec<u8> {
        let (serial, request, certificate) = (self.serial, self.request, self.certificate);
        format!("cvm-v1 bundle\n{serial}\n{request}\n{certificate}").into_bytes()
    }
}

/// Whether these bytes are a sealed bundle and not one in clear.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Seals a bundle. `salt` must be fresh randomness for each call.
pub fn seal(
    server_key: &[u8; 32],
    names: &SealedFor<'_>,
    salt: [u8; SALT],
    bundle: &Zeroizing<Vec<u8>>,
) -> Zeroizing<Vec<u8>> {
    let label = names.label();
    let (cipher, nonce) = keyed(server_key, &salt, &label);
    // Encrypted where it will lie: no second copy of the key is left behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(8 + SALT + bundle.len() + TAG));
    sealed.extend(MAGIC);
    sealed.extend(salt);
    sealed.extend(bundle.iter());
    let aad = [MAGIC.as_slice(), &label].concat();
    #[expect(
        clippy::expect_used,
        reason = "the cipher refuses only texts of more than 256 GiB"
    )]
    let tag = cipher
        .encrypt_inout_detached(&nonce.into(), &aad, sealed[8 + SALT..].as_mut().into())
        .expect("a bundle is no such text");
    sealed.extend(tag);
    sealed
}

/// Opens a sealed bundle, or refuses what was changed, cut or sealed for another name.
pub fn open(
    server_key: &[u8; 32],
    names: &SealedFor<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let refuse = || Malformed::new("bundle", "is not sealed for this device and request");
    let rest = sealed.strip_prefix(MAGIC).ok_or_else(refuse)?;
    let (salt, rest) = rest.split_at_checked(SALT).ok_or_else(refuse)?;
    let end = rest.len().checked_sub(TAG).ok_or_else(refuse)?;
    let (text, tag) = rest.split_at(end);
    let label = names.label();
    let (cipher, nonce) = keyed(server_key, salt, &label);
    let aad = [MAGIC.as_slice(), &label].concat();
    let mut bundle = Zeroizing::new(text.to_vec());
    let tag = tag.try_into().map_err(|_| refuse())?;
    cipher
        .decrypt_inout_detached(&nonce.into(), &aad, bundle.as_mut_slice().into(), &tag)
        .map_err(|_| refuse())?;
    Ok(bundle)
}

fn keyed(server_key: &[u8; 32], salt: &[u8], label: &[u8]) -> (ChaCha20Poly1305, [u8; 12]) {
    let mut material = Zeroizing::new([0; 44]);
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 expands to 8160 bytes (RFC 5869, 2.3)"
    )]
    Hkdf::<Sha256>::new(Some(salt), server_key)
        .expand(label, material.as_mut_slice())
        .expect("44 bytes are few");
    let (mut key, mut nonce) = (Zeroizing::new([0; 32]), [0; 12]);
    key.copy_from_slice(&material[..32]);
    nonce.copy_from_slice(&material[32..]);
    (ChaCha20Poly1305::new((&*key).into()), nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::unhex;

    struct Names(SerialNumber, RequestId, CertificateId);

    impl Names {
        fn new(serial: &str) -> Self {
            Self(
                SerialNumber::parse(serial).unwrap(),
                RequestId::parse("1".repeat(32)).unwrap(),
                CertificateId::parse("a".repeat(64)).unwrap(),
            )
        }

        fn all(&self) -> SealedFor<'_> {
            SealedFor {
                serial: &self.0,
                request: &self.1,
                certificate: &self.2,
            }
        }
    }

    fn sealed() -> Zeroizing<Vec<u8>> {
        let text = Zeroizing::new(b"PRIVATE KEY".to_vec());
        seal(&[9; 32], &Names::new("SN-1").all(), [3; 32], &text)
    }

    #[test]
    fn what_was_sealed_opens_and_shows_nothing() {
        let sealed = sealed();
        assert!(is_sealed(&sealed) && !sealed.windows(7).any(|part| part == b"PRIVATE"));
        let opened = open(&[9; 32], &Names::new("SN-1").all(), &sealed).unwrap();
        assert_eq!(*opened, b"PRIVATE KEY");
    }

    #[test]
    fn another_key_name_or_byte_does_not_open() {
        let names = Names::new("SN-1");
        assert!(open(&[8; 32], &names.all(), &sealed()).is_err());
        assert!(open(&[9; 32], &Names::new("SN-2").all(), &sealed()).is_err());
        for at in 0..sealed().len() {
            let mut changed = sealed();
            changed[at] ^= 1;
            assert!(open(&[9; 32], &names.all(), &changed).is_err(), "byte {at}");
            assert!(open(&[9; 32], &names.all(), &sealed()[..at]).is_err());
        }
    }

    /// The vector was computed by another implementation.
    #[test]
    fn sealing_meets_the_vector() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../vectors/seal.json")).unwrap();
        for vector in all["vectors"].as_array().unwrap() {
            let text = |name: &str| vector[name].as_str().unwrap().to_owned();
            let names = Names(
                SerialNumber::parse(text("serialNumber")).unwrap(),
                RequestId::parse(text("requestId")).unwrap(),
                CertificateId::parse(text("certificateId")).unwrap(),
            );
            let key = unhex(&vector["serverKey_hex"]).try_into().unwrap();
            let salt = unhex(&vector["salt_hex"]).try_into().unwrap();
            let bundle = Zeroizing::new(text("bundle").into_bytes());
            let sealed = seal(&key, &names.all(), salt, &bundle);
            assert_eq!(*sealed, unhex(&vector["sealed_hex"]));
            assert_eq!(*open(&key, &names.all(), &sealed).unwrap(), *bundle);
        }
    }
}
