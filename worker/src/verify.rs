//! The certificate that came back against the key that was asked for.

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use cvm_shared::bundle::digest;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ports::NewCertificate;
use cvm_shared::request::KeySource;
use cvm_shared::secret::PrivateKeyPem;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;

/// Refuses a certificate whose id is not its own digest, or that carries another key.
pub fn verify(
    made: &NewCertificate,
    asked: &KeySource,
    key: Option<&PrivateKeyPem>,
) -> Result<(), Failure> {
    let block = sole_block(&made.pem)?;
    // AWS IoT names a certificate by the SHA-256 of its DER form.
    if digest(&block.contents) != made.names.id.as_str() {
        return Err(Failure::KeyMismatch);
    }
    let certificate = block.parse_x509().map_err(|_| Failure::KeyMismatch)?;
    let matches = match (asked, key) {
        (KeySource::Device(csr), None) => {
            PublicKeyDigest::of(certificate.public_key().raw) == csr.public_key()
        }
        (KeySource::Service, Some(key)) => carries(&certificate, key)?,
        (KeySource::Device(_), Some(_)) | (KeySource::Service, None) => false,
    };
    if matches {
        Ok(())
    } else {
        Err(Failure::KeyMismatch)
    }
}

/// Whether the certificate's public key is the one of this RSA key (AWS IoT makes RSA 2048 only).
fn carries(certificate: &X509Certificate<'_>, key: &PrivateKeyPem) -> Result<bool, Failure> {
    let block = zeroize::Zeroizing::new(sole_block(key.expose())?.contents);
    let pair = KeyPair::from_der(&block)
        .or_else(|_| KeyPair::from_pkcs8(&block))
        .map_err(|_| Failure::KeyMismatch)?;
    let own = pair.public_key().as_ref();
    Ok(certificate.public_key().subject_public_key.data.as_ref() == own)
}

fn sole_block(text: &str) -> Result<Pem, Failure> {
    let mut blocks = Pem::iter_from_buffer(text.as_bytes());
    match (blocks.next(), blocks.next()) {
        (Some(Ok(block)), None) => Ok(block),
        (Some(_) | None, _) => Err(Failure::KeyMismatch),
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::csr::Csr;
    use cvm_shared::ids::CertificateId;
    use cvm_shared::ports::CertificateRef;
    use rcgen::CertificateParams;

    use super::*;

    fn certificate_of(key: &rcgen::KeyPair) -> NewCertificate {
        let params = CertificateParams::new(vec!["x".to_owned()]).unwrap();
        let certificate = params.self_signed(key).unwrap();
        NewCertificate {
            names: CertificateRef {
                id: CertificateId::parse(digest(certificate.der())).unwrap(),
                arn: "arn".to_owned(),
            },
            pem: certificate.pem(),
        }
    }

    fn asked_by(key: &rcgen::KeyPair) -> KeySource {
        let request = CertificateParams::default().serialize_request(key).unwrap();
        KeySource::Device(Csr::parse(&request.pem().unwrap()).unwrap())
    }

    #[test]
    fn only_the_asked_key_passes_in_csr_mode() {
        let (own, other) = (
            rcgen::KeyPair::generate().unwrap(),
            rcgen::KeyPair::generate().unwrap(),
        );
        let made = certificate_of(&own);
        assert_eq!(verify(&made, &asked_by(&own), None), Ok(()));
        assert_eq!(
            verify(&made, &asked_by(&other), None),
            Err(Failure::KeyMismatch)
        );
    }

    #[test]
    fn only_the_matching_key_passes_in_keys_mode() {
        let rsa = || rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let (own, other) = (rsa(), rsa());
        let made = certificate_of(&own);
        let pem = |key: &rcgen::KeyPair| PrivateKeyPem::new(key.serialize_pem());
        assert_eq!(verify(&made, &KeySource::Service, Some(&pem(&own))), Ok(()));
        let refused = Err(Failure::KeyMismatch);
        assert_eq!(
            verify(&made, &KeySource::Service, Some(&pem(&other))),
            refused
        );
        assert_eq!(verify(&made, &KeySource::Service, None), refused);
    }

    #[test]
    fn an_id_that_is_not_the_digest_is_refused() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut made = certificate_of(&key);
        made.names.id = CertificateId::parse("0".repeat(64)).unwrap();
        assert_eq!(
            verify(&made, &asked_by(&key), None),
            Err(Failure::KeyMismatch)
        );
    }
}
