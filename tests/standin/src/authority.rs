//! The certificate authority: real certificates, signed by one key made at start.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use rcgen::BasicConstraints;
use rcgen::Certificate;
use rcgen::CertificateParams;
use rcgen::CertificateSigningRequestParams;
use rcgen::DistinguishedName;
use rcgen::DnType;
use rcgen::Error;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::PKCS_RSA_SHA256;
use rcgen::SerialNumber;
use rcgen::date_time_ymd;

/// How many RSA keys there are for certificates whose key the service makes: making one takes a
/// tenth of a second, so they are handed out in turn, again and again.
const RSA_KEYS: usize = 4;

/// A CA that signs with a P-256 key.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    signed: AtomicU64,
}

impl Authority {
    #[expect(
        clippy::expect_used,
        reason = "constant parameters: a CA can be made of them"
    )]
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = amazon();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate().expect("a P-256 key can be made");
        Self {
            issuer: Issuer::new(params, key),
            signed: AtomicU64::new(0),
        }
    }

    /// Signs a request: its subject and key, and nothing else of it.
    pub(crate) fn sign(&self, csr_pem: &str) -> Result<Certificate, Error> {
        let mut request = CertificateSigningRequestParams::from_pem(csr_pem)?;
        request.params = self.params(request.params.distinguished_name);
        request.signed_by(&self.issuer)
    }

    /// Signs a certificate for one of the RSA keys.
    pub(crate) fn sign_for(&self, key: &KeyPair) -> Result<Certificate, Error> {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "AWS IoT Certificate");
        self.params(name).signed_by(key, &self.issuer)
    }

    /// Another serial number for each, so that the same request gives another certificate.
    fn params(&self, subject: DistinguishedName) -> CertificateParams {
        let number = self.signed.fetch_add(1, Ordering::Relaxed) + 1;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject;
        params.serial_number = Some(SerialNumber::from(number));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params
    }
}

fn amazon() -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationalUnitName, "Amazon Web Services");
    name.push(DnType::OrganizationName, "Amazon.com Inc.");
    name.push(DnType::LocalityName, "Seattle");
    name.push(DnType::StateOrProvinceName, "Washington");
    name.push(DnType::CountryName, "US");
    name
}

/// The next RSA key; the first ones are made now, away from the runtime's own threads.
pub(crate) async fn rsa_key() -> Option<&'static KeyPair> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static KEYS: [OnceLock<KeyPair>; RSA_KEYS] = [const { OnceLock::new() }; RSA_KEYS];
    let slot = &KEYS[NEXT.fetch_add(1, Ordering::Relaxed) % RSA_KEYS];
    if slot.get().is_none() {
        let made = tokio::task::spawn_blocking(|| KeyPair::generate_for(&PKCS_RSA_SHA256).ok());
        let made = made.await.ok()??;
        // Two may have made one at once; the first stays.
        let _ = slot.set(made);
    }
    slot.get()
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::FromDer as _;
    use x509_parser::prelude::X509Certificate;

    use super::*;

    fn csr(common_name: &str) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    #[test]
    fn each_certificate_has_its_own_number_and_the_subject_that_was_asked_for() {
        let authority = Authority::new();
        let csr = csr("SN-1");
        let (one, two) = (authority.sign(&csr).unwrap(), authority.sign(&csr).unwrap());
        let (_, one) = X509Certificate::from_der(one.der()).unwrap();
        let (_, two) = X509Certificate::from_der(two.der()).unwrap();
        assert_ne!(one.raw_serial(), two.raw_serial());
        assert_eq!(one.public_key(), two.public_key());
        assert_eq!(one.subject().to_string(), "CN=SN-1");
        assert_eq!(one.issuer(), two.issuer());
        assert!(one.issuer().to_string().contains("Amazon Web Services"));
    }

    #[test]
    fn every_certificate_is_signed_by_the_one_key() {
        let authority = Authority::new();
        let key = rcgen::PublicKeyData::subject_public_key_info(authority.issuer.key());
        let (_, key) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&key).unwrap();
        for name in ["SN-1", "SN-2"] {
            let signed = authority.sign(&csr(name)).unwrap();
            let (_, signed) = X509Certificate::from_der(signed.der()).unwrap();
            assert_eq!(signed.verify_signature(Some(&key)), Ok(()));
        }
        let other = Authority::new().sign(&csr("SN-3")).unwrap();
        let (_, other) = X509Certificate::from_der(other.der()).unwrap();
        assert!(other.verify_signature(Some(&key)).is_err());
    }
}
