//! Signing requests of any kind, with real signatures where one is asked for.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::der::bits;
use crate::der::int;
use crate::der::null;
use crate::der::oid;
use crate::der::seq;
use crate::der::set;
use crate::der::tlv;

/// `id-ecPublicKey`.
pub const EC: &str = "1.2.840.10045.2.1";
/// The curve P-256.
pub const P256: &str = "1.2.840.10045.3.1.7";
/// `rsaEncryption`.
pub const RSA: &str = "1.2.840.113549.1.1.1";
/// `ecdsa-with-SHA256`.
pub const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
/// `commonName`.
pub const CN: &str = "2.5.4.3";
/// `extensionRequest`.
pub const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";
/// `challengePassword`.
pub const CHALLENGE_PASSWORD: &str = "1.2.840.113549.1.9.7";
/// What kind of PEM block a request is.
pub const LABEL: &str = "CERTIFICATE REQUEST";

/// A P-256 key that signs requests.
#[derive(Debug)]
pub struct Key(EcdsaKeyPair);

impl Key {
    /// A fresh one.
    pub fn fresh() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// Its public point, uncompressed.
    pub fn point(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// A good draft for it.
    pub fn draft(&self) -> Draft {
        Draft::of(ec_key(P256, &self.point()))
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }
}

/// A `SubjectPublicKeyInfo` of an EC key on a named curve.
pub fn ec_key(curve: &str, point: &[u8]) -> Vec<u8> {
    seq(&[seq(&[oid(EC), oid(curve)]), bits(point)])
}

/// A `SubjectPublicKeyInfo` of an RSA key.
pub fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = seq(&[int(modulus), int(exponent)]);
    seq(&[seq(&[oid(RSA), null()]), bits(&key)])
}

/// A subject of one part a set.
pub fn name(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let sets = parts
        .iter()
        .map(|(kind, value)| set(&[seq(&[oid(kind), value.clone()])]));
    seq(&sets.collect::<Vec<_>>())
}

/// An attribute.
pub fn attribute(kind: &str, values: &[Vec<u8>]) -> Vec<u8> {
    seq(&[oid(kind), set(values)])
}

/// An extension.
pub fn extension(kind: &str, critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { vec![] };
    seq(&[oid(kind), critical, tlv(4, content)])
}

/// A request before it is signed, in parts that can be replaced.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The version.
    pub version: Vec<u8>,
    /// The subject.
    pub subject: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
    /// The attributes, with the implicit tag around them.
    pub attributes: Vec<u8>,
    /// How it says it was signed.
    pub algorithm: Vec<u8>,
}

impl Draft {
    /// A good request for this key, of nobody.
    pub fn of(key: Vec<u8>) -> Self {
        Self {
            version: vec![2, 1, 0],
            subject: seq(&[]),
            key,
            attributes: tlv(0xa0, &[]),
            algorithm: seq(&[oid(ECDSA_SHA256)]),
        }
    }

    /// The same with this subject.
    #[must_use]
    pub fn named(mut self, parts: &[(&str, Vec<u8>)]) -> Self {
        self.subject = name(parts);
        self
    }

    /// The same with these attributes.
    #[must_use]
    pub fn with(mut self, attributes: &[Vec<u8>]) -> Self {
        self.attributes = tlv(0xa0, &attributes.concat());
        self
    }

    /// The same asking for these extensions.
    #[must_use]
    pub fn asking_for(self, extensions: &[Vec<u8>]) -> Self {
        self.with(&[attribute(EXTENSION_REQUEST, &[seq(extensions)])])
    }

    /// The same said to be signed by this algorithm.
    #[must_use]
    pub fn said_to_be(mut self, algorithm: Vec<u8>) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// What is signed.
    pub fn info(&self) -> Vec<u8> {
        let (version, subject) = (self.version.clone(), self.subject.clone());
        seq(&[version, subject, self.key.clone(), self.attributes.clone()])
    }

    /// All of it with these bytes for a signature.
    pub fn der(&self, signature: &[u8]) -> Vec<u8> {
        seq(&[self.info(), self.algorithm.clone(), bits(signature)])
    }

    /// As PEM, signed by this key.
    pub fn signed(&self, key: &Key) -> String {
        pem(LABEL, &self.der(&key.sign(&self.info())))
    }

    /// As PEM, signed by nobody: whatever refuses this did so before looking at the signature.
    pub fn unsigned(&self) -> String {
        pem(LABEL, &self.der(&[1; 64]))
    }
}

/// Bytes as a PEM block.
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let lines = body.as_bytes().chunks(64);
    let lines: Vec<_> = lines
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}
