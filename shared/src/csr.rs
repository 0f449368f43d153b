//! Certificate signing requests: what is accepted to be signed, checked before AWS IoT sees it.
//!
//! AWS IoT audits weak keys only after registration and signs a reused request again, so the rules
//! stand here: one request, a key of a kind that AWS IoT signs, and proof that its holder sent it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::Digest as _;
use sha2::Sha256;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::OID_EC_P256;
use x509_parser::oid_registry::OID_NIST_EC_P384;
use x509_parser::oid_registry::OID_PKCS1_SHA256WITHRSA;
use x509_parser::oid_registry::OID_PKCS1_SHA384WITHRSA;
use x509_parser::oid_registry::OID_PKCS1_SHA512WITHRSA;
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256;
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA384;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::ids::Malformed;
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
}

/// A signing request that may be signed. It holds no secret: the key stays with the device.
#[derive(Clone, PartialEq, Eq)]
pub struct Csr {
    pem: String,
    public_key: PublicKeyDigest,
}

impl Csr {
    /// Accepts a PEM text that holds exactly one request which meets the key policy, or names the
    /// rule that it breaks. Text before BEGIN, CRLF and a missing last newline do no harm.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > CSR_MAX {
            return Err(refuse(format!("must have at most {CSR_MAX} characters")));
        }
        let der = sole_request(text)?;
        let (rest, request) = X509CertificationRequest::from_der(&der)
            .map_err(|_| refuse("is not a DER certificate request"))?;
        if !rest.is_empty() {
            return Err(refuse("has bytes after the request"));
        }
        check_key(&request.certification_request_info.subject_pki)?;
        check_signature(&request)?;
        let public_key = PublicKeyDigest::of(request.certification_request_info.subject_pki.raw);
        Ok(Self {
            pem: to_pem(&der),
            public_key,
        })
    }

    /// Reads back a request that was accepted before. Its signature was checked then; checking it
    /// on every read of a row would be the dearest step of a poll.
    pub fn parse_stored(text: &str) -> Result<Self, Malformed> {
        let der = sole_request(text)?;
        let (_, request) = X509CertificationRequest::from_der(&der)
            .map_err(|_| refuse("is not a DER certificate request"))?;
        Ok(Self {
            pem: text.to_owned(),
            public_key: PublicKeyDigest::of(request.certification_request_info.subject_pki.raw),
        })
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

impl std::fmt::Debug for Csr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Csr({})", self.public_key.to_hex())
    }
}

fn refuse(rule: impl Into<String>) -> Malformed {
    Malformed::new("csr", rule)
}

/// The DER bytes of the only PEM block in the text.
fn sole_request(text: &str) -> Result<Vec<u8>, Malformed> {
    let mut blocks = Pem::iter_from_buffer(text.as_bytes());
    let (Some(Ok(block)), None) = (blocks.next(), blocks.next()) else {
        return Err(refuse("must be one PEM block"));
    };
    if !matches!(
        block.label.as_str(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST"
    ) {
        return Err(refuse("must be a PEM block of type CERTIFICATE REQUEST"));
    }
    Ok(block.contents)
}

/// P-256, P-384, or RSA of 2048, 3072 or 4096 bits with the usual exponent.
fn check_key(spki: &SubjectPublicKeyInfo<'_>) -> Result<(), Malformed> {
    match spki.parsed() {
        Ok(PublicKey::EC(_)) => check_curve(spki),
        Ok(PublicKey::RSA(key)) => check_rsa(&key),
        Ok(
            PublicKey::DSA(_)
            | PublicKey::GostR3410(_)
            | PublicKey::GostR3410_2012(_)
            | PublicKey::Unknown(_),
        )
        | Err(_) => Err(refuse("must hold an RSA or an EC key")),
    }
}

fn check_curve(spki: &SubjectPublicKeyInfo<'_>) -> Result<(), Malformed> {
    let curve = spki
        .algorithm
        .parameters
        .as_ref()
        .and_then(|p| p.as_oid().ok());
    match curve {
        Some(oid) if oid == OID_EC_P256 || oid == OID_NIST_EC_P384 => Ok(()),
        Some(_) | None => Err(refuse(
            "must hold an EC key on the named curve P-256 or P-384",
        )),
    }
}

fn check_rsa(key: &RSAPublicKey<'_>) -> Result<(), Malformed> {
    let modulus: &[u8] = match key.modulus {
        [0, rest @ ..] => rest,
        all => all,
    };
    let lead = modulus
        .first()
        .map_or(0, |byte| byte.leading_zeros() as usize);
    if !matches!((modulus.len() * 8).saturating_sub(lead), 2048 | 3072 | 4096) {
        return Err(refuse("must hold an RSA key of 2048, 3072 or 4096 bits"));
    }
    if key.try_exponent() != Ok(65_537) {
        return Err(refuse("must hold an RSA key with the exponent 65537"));
    }
    Ok(())
}

/// The sender holds the private key, and said so with a hash that is not broken.
fn check_signature(request: &X509CertificationRequest<'_>) -> Result<(), Malformed> {
    let kept = [
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
        OID_PKCS1_SHA256WITHRSA,
        OID_PKCS1_SHA384WITHRSA,
        OID_PKCS1_SHA512WITHRSA,
    ];
    if !kept.contains(&request.signature_algorithm.algorithm) {
        return Err(refuse("must be signed by ECDSA or RSA PKCS#1 with SHA-2"));
    }
    request
        .verify_signature()
        .map_err(|_| refuse("is not signed by the key that it holds"))
}

fn to_pem(der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE REQUEST-----\n");
    for line in body.as_bytes().chunks(64) {
        // Base64 is ASCII, so every chunk is text.
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE REQUEST-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_by(algorithm: &'static rcgen::SignatureAlgorithm) -> String {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::default();
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    fn refusal(text: &str) -> String {
        Csr::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn both_curves_and_rsa_are_accepted() {
        for algorithm in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let text = signed_by(algorithm);
            let csr = Csr::parse(&text).unwrap();
            assert_eq!(Csr::parse(csr.pem()).unwrap(), csr);
            assert_eq!(Csr::parse_stored(csr.pem()).unwrap(), csr);
        }
    }

    #[test]
    fn odd_wrapping_does_no_harm() {
        let text = signed_by(&rcgen::PKCS_ECDSA_P256_SHA256);
        let plain = Csr::parse(&text).unwrap();
        assert_eq!(Csr::parse(text.trim_end()).unwrap(), plain);
        assert_eq!(Csr::parse(&format!("Subject: x\n{text}")).unwrap(), plain);
        let crlf = text.replace("\r\n", "\n").replace('\n', "\r\n");
        assert_eq!(Csr::parse(&crlf).unwrap(), plain);
    }

    #[test]
    fn a_changed_byte_breaks_the_signature() {
        let text = signed_by(&rcgen::PKCS_ECDSA_P256_SHA256);
        let mut der = sole_request(&text).unwrap();
        let last = der.len() - 1;
        der[last] ^= 1;
        assert_eq!(
            refusal(&to_pem(&der)),
            "csr: is not signed by the key that it holds"
        );
        der[last] ^= 1;
        der.push(0);
        assert_eq!(refusal(&to_pem(&der)), "csr: has bytes after the request");
    }

    #[test]
    fn other_blocks_two_blocks_and_no_block_are_refused() {
        let text = signed_by(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(refusal("hello"), "csr: must be one PEM block");
        assert_eq!(
            refusal(&format!("{text}{text}")),
            "csr: must be one PEM block"
        );
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(
            refusal(&key),
            "csr: must be a PEM block of type CERTIFICATE REQUEST"
        );
        assert_eq!(
            refusal(&"x".repeat(4097)),
            "csr: must have at most 4096 characters"
        );
    }

    #[test]
    fn other_keys_are_refused() {
        let refused = refusal(&signed_by(&rcgen::PKCS_ED25519));
        assert_eq!(refused, "csr: must hold an RSA or an EC key");
        let refused = refusal(&signed_by(&rcgen::PKCS_ECDSA_P521_SHA512));
        assert_eq!(
            refused,
            "csr: must hold an EC key on the named curve P-256 or P-384"
        );
    }

    #[test]
    fn rsa_sizes_and_exponents_are_checked() {
        let key = |bits: usize, exponent: &'static [u8]| {
            let mut modulus = vec![0xff; bits / 8];
            modulus.insert(0, 0);
            check_rsa(&RSAPublicKey {
                modulus: &modulus,
                exponent,
            })
            .is_ok()
        };
        assert!(key(2048, &[1, 0, 1]) && key(3072, &[1, 0, 1]) && key(4096, &[1, 0, 1]));
        assert!(!key(1024, &[1, 0, 1]) && !key(2056, &[1, 0, 1]) && !key(8192, &[1, 0, 1]));
        assert!(!key(2048, &[3]) && !key(2048, &[]));
    }
}
