//! The device's own key, made here and kept here, and the request that is signed with it.

use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::PrivateKeyPem;
use rcgen::CertificateParams;
use rcgen::DistinguishedName;
use rcgen::DnType;
use rcgen::KeyPair;
use rcgen::PKCS_ECDSA_P256_SHA256;
use rcgen::PublicKeyData as _;

/// The longest common name (X.520, ub-common-name).
const COMMON_NAME_MAX: usize = 64;

/// Why a key cannot be used. Says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private key is not readable")]
pub struct Unusable;

/// A P-256 key pair.
#[derive(Debug)]
pub struct Identity {
    key: KeyPair,
    pem: PrivateKeyPem,
}

impl Identity {
    /// A new key.
    pub fn generate() -> Result<Self, Unusable> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| Unusable)?;
        let pem = PrivateKeyPem::new(key.serialize_pem());
        Ok(Self { key, pem })
    }

    /// The key that an earlier run made.
    pub fn from_pem(pem: PrivateKeyPem) -> Result<Self, Unusable> {
        let key = KeyPair::from_pem(pem.expose()).map_err(|_| Unusable)?;
        Ok(Self { key, pem })
    }

    /// The private key.
    #[must_use]
    pub fn private_key(&self) -> &PrivateKeyPem {
        &self.pem
    }

    /// The public key as SubjectPublicKeyInfo (DER).
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    /// A signing request in PEM form. The serial number is its common name, if it is short enough
    /// for one: the server takes no request for another name.
    pub fn csr(&self, serial: &SerialNumber) -> Result<String, Unusable> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if serial.as_str().len() <= COMMON_NAME_MAX {
            let name = &mut params.distinguished_name;
            name.push(DnType::CommonName, serial.as_str());
        }
        let request = params.serialize_request(&self.key).map_err(|_| Unusable)?;
        request.pem().map_err(|_| Unusable)
    }
}

/// The public half of a private key in PEM form (PKCS#8, PKCS#1 as AWS IoT sends, or SEC1) as
/// SubjectPublicKeyInfo (DER).
pub fn public_half(pem: &PrivateKeyPem) -> Result<Vec<u8>, Unusable> {
    let key = KeyPair::from_pem(pem.expose()).map_err(|_| Unusable)?;
    Ok(key.subject_public_key_info())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvm_shared::csr::Csr;

    fn serial(text: &str) -> SerialNumber {
        SerialNumber::parse(text).unwrap()
    }

    #[test]
    fn the_request_meets_the_servers_key_policy() {
        let identity = Identity::generate().unwrap();
        let csr = Csr::parse(&identity.csr(&serial("SN-1")).unwrap()).unwrap();
        let digest = cvm_shared::csr::PublicKeyDigest::of(&identity.public_key());
        assert_eq!(csr.public_key(), digest);
    }

    #[test]
    fn a_key_read_back_signs_for_the_same_public_key() {
        let first = Identity::generate().unwrap();
        let again = Identity::from_pem(first.private_key().clone()).unwrap();
        assert_eq!(first.public_key(), again.public_key());
    }

    #[test]
    fn a_serial_too_long_for_a_common_name_still_gets_a_request() {
        let identity = Identity::generate().unwrap();
        let csr = identity.csr(&serial(&"x".repeat(128))).unwrap();
        assert!(Csr::parse(&csr).is_ok());
    }

    #[test]
    fn rubbish_is_no_key_and_is_not_repeated() {
        let error = public_half(&PrivateKeyPem::new("hunter2".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "the private key is not readable");
    }
}
