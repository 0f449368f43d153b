//! What is believed of a bundle, and why: every check that a device can make before it installs.

use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::is_sealed;
use cvm_shared::seal::open;
use cvm_shared::time::UnixMillis;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;

use crate::identity::public_half;

/// How far the device's clock may be behind the issuer's, in seconds.
const CLOCK_SKEW: i64 = 300;

/// Why a bundle is not installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The bytes are not those that were announced.
    #[error("its bytes do not have the announced SHA-256")]
    Digest,
    /// The bytes are no bundle.
    #[error("{0}")]
    Unreadable(#[from] Malformed),
    /// A private key came in clear by a link that others could use.
    #[error("it holds a private key and is not sealed")]
    Unsealed,
    /// It is for another device.
    #[error("it is for another serial number")]
    Serial,
    /// It holds no certificate, or more than one.
    #[error("it does not hold exactly one certificate")]
    Certificate,
    /// Certificate, its id and the announced id do not belong together.
    #[error("the certificate does not have the announced id")]
    CertificateId,
    /// The certificate is for another key.
    #[error("the certificate is for another key")]
    Key,
    /// Keys mode, and there is no usable private key in it.
    #[error("it holds no usable private key")]
    KeyMissing,
    /// CSR mode, and there is a private key in it.
    #[error("it holds a private key that this device did not ask for")]
    KeyUnexpected,
    /// The certificate is not valid now.
    #[error("the certificate is not valid {0} by this device's clock")]
    Validity(&'static str),
    /// The certificate names a known issuer that did not sign it.
    #[error("the certificate is not signed by the issuer that it names")]
    Issuer,
    /// The trust bundle is not one.
    #[error("the trust bundle is not a set of certificates")]
    Roots,
}

/// What the bundle must agree with. Holds a key, so it does not print.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The device.
    pub serial: &'a SerialNumber,
    /// The request that the bundle answers.
    pub request_id: &'a RequestId,
    /// The key that this device's bundles are sealed under.
    pub server_key: &'a [u8; 32],
    /// Whether the bundle came in the server's own answer, which is as secret as the connection.
    pub inline: bool,
    /// The certificate that the server announced.
    pub certificate_id: &'a CertificateId,
    /// The SHA-256 of the bundle that the server announced.
    pub sha256: &'a str,
    /// The key that the request was signed with (SubjectPublicKeyInfo); none in keys mode.
    pub public_key: Option<&'a [u8]>,
    /// The trust bundle.
    pub roots_pem: &'a str,
    /// A further CA that may have issued the certificate, or nothing.
    pub issuer_pem: &'a str,
    /// The present.
    pub now: UnixMillis,
}

/// Whether the certificate's signature could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// It was signed by a CA that the device knows.
    Verified,
    /// AWS IoT does not publish the CA that signs device certificates, so this is usual there.
    IssuerUnknown,
}

/// Reads the bundle and checks it against everything that is known.
pub fn check(bytes: &[u8], expected: &Expected<'_>) -> Result<(Bundle, Chain), Flaw> {
    if digest(bytes) != expected.sha256 {
        return Err(Flaw::Digest);
    }
    let bundle = opened(bytes, expected)?;
    if bundle.serial != *expected.serial {
        return Err(Flaw::Serial);
    }
    let der = sole_certificate(&bundle.certificate_pem)?;
    check_id(&der, &bundle, expected)?;
    let certificate = parse(&der)?;
    check_key(&certificate, &bundle, expected)?;
    check_validity(&certificate, expected.now)?;
    let chain = check_issuer(&certificate, expected)?;
    Ok((bundle, chain))
}

/// The bundle in clear. One with a private key must have been sealed, for whoever saw its link could
/// have fetched it, or must have come in the server's own answer: a server opens the bundle for a device
/// whose stored secret is stretched, as that device cannot derive the key.
fn opened(bytes: &[u8], expected: &Expected<'_>) -> Result<Bundle, Flaw> {
    if is_sealed(bytes) {
        let names = SealedFor {
            serial: expected.serial,
            request: expected.request_id,
            certificate: expected.certificate_id,
        };
        return Ok(Bundle::decode(&open(expected.server_key, &names, bytes)?)?);
    }
    let bundle = Bundle::decode(bytes)?;
    if bundle.private_key.is_some() && !expected.inline {
        return Err(Flaw::Unsealed);
    }
    Ok(bundle)
}

fn sole_certificate(pem: &str) -> Result<Vec<u8>, Flaw> {
    let mut blocks = Pem::iter_from_buffer(pem.as_bytes());
    let (Some(Ok(block)), None) = (blocks.next(), blocks.next()) else {
        return Err(Flaw::Certificate);
    };
    if block.label != "CERTIFICATE" {
        return Err(Flaw::Certificate);
    }
    Ok(block.contents)
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Flaw> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(Flaw::Certificate),
    }
}

/// AWS IoT's id of a certificate is the SHA-256 of its DER form: anyone can check it.
fn check_id(der: &[u8], bundle: &Bundle, expected: &Expected<'_>) -> Result<(), Flaw> {
    let announced = expected.certificate_id;
    if bundle.certificate_id != *announced || digest(der) != announced.as_str() {
        return Err(Flaw::CertificateId);
    }
    Ok(())
}

fn check_key(
    certificate: &X509Certificate<'_>,
    bundle: &Bundle,
    expected: &Expected<'_>,
) -> Result<(), Flaw> {
    let key = match (expected.public_key, &bundle.private_key) {
        (Some(own), None) => own.to_vec(),
        (None, Some(sent)) => public_half(sent).map_err(|_| Flaw::KeyMissing)?,
        (Some(_), Some(_)) => return Err(Flaw::KeyUnexpected),
        (None, None) => return Err(Flaw::KeyMissing),
    };
    if certificate.public_key().raw != key {
        return Err(Flaw::Key);
    }
    Ok(())
}

fn check_validity(certificate: &X509Certificate<'_>, now: UnixMillis) -> Result<(), Flaw> {
    let now = i64::try_from(now.seconds()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now.saturating_add(CLOCK_SKEW) < validity.not_before.timestamp() {
        return Err(Flaw::Validity("yet"));
    }
    if now > validity.not_after.timestamp() {
        return Err(Flaw::Validity("any more"));
    }
    Ok(())
}

/// If any known CA bears the issuer's name, one of those must have signed the certificate.
fn check_issuer(certificate: &X509Certificate<'_>, expected: &Expected<'_>) -> Result<Chain, Flaw> {
    let mut known = authorities(expected.roots_pem)?;
    if known.is_empty() {
        return Err(Flaw::Roots);
    }
    known.extend(authorities(expected.issuer_pem)?);
    let mut named = false;
    for der in &known {
        let authority = parse(der).map_err(|_| Flaw::Roots)?;
        if !authority.is_ca() || authority.subject().as_raw() != certificate.issuer().as_raw() {
            continue;
        }
        named = true;
        let key = authority.public_key();
        if certificate.verify_signature(Some(key)).is_ok() {
            return Ok(Chain::Verified);
        }
    }
    if named {
        return Err(Flaw::Issuer);
    }
    Ok(Chain::IssuerUnknown)
}

fn authorities(pem: &str) -> Result<Vec<Vec<u8>>, Flaw> {
    Pem::iter_from_buffer(pem.as_bytes())
        .map(|block| match block {
            Ok(block) if block.label == "CERTIFICATE" => Ok(block.contents),
            Ok(_) | Err(_) => Err(Flaw::Roots),
        })
        .collect()
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
