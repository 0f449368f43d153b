//! Writes signing requests of any kind for the tests, good and bad, with real signatures where one is asked for.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RsaEncoding;
use der::asn1::ObjectIdentifier;
use num_bigint::BigUint;

use super::pem::to_pem;

pub(super) const CN: &str = "2.5.4.3";
pub(super) const ORGANISATION: &str = "2.5.4.10";
pub(super) const EC: &str = "1.2.840.10045.2.1";
pub(super) const P256: &str = "1.2.840.10045.3.1.7";
pub(super) const RSA: &str = "1.2.840.113549.1.1.1";
pub(super) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(super) const RSA_SHA256: &str = "1.2.840.113549.1.1.11";
pub(super) const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";
pub(super) const CHALLENGE_PASSWORD: &str = "1.2.840.113549.1.9.7";

/// One value: tag, length, content.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let length = &length[zeros.min(length.len() - 1)..];
    let mut value = vec![tag];
    if content.len() > 127 {
        value.push(0x80 | u8::try_from(length.len()).unwrap());
    }
    value.extend_from_slice(length);
    value.extend_from_slice(content);
    value
}

pub(super) fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(super) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

pub(super) fn oid(dotted: &str) -> Vec<u8> {
    tlv(6, ObjectIdentifier::new(dotted).unwrap().as_bytes())
}

pub(super) fn utf8(text: &str) -> Vec<u8> {
    tlv(12, text.as_bytes())
}

pub(super) fn bits(unused: u8, bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[unused], bytes].concat())
}

pub(super) fn null() -> Vec<u8> {
    vec![5, 0]
}

/// An INTEGER that is not negative.
pub(super) fn int(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes[0] > 127 {
        bytes.insert(0, 0);
    }
    tlv(2, &bytes)
}

/// A subject of one part a set.
pub(super) fn name(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let sets = parts
        .iter()
        .map(|(kind, value)| set(&[seq(&[oid(kind), value.clone()])]));
    seq(&sets.collect::<Vec<_>>())
}

pub(super) fn attribute(kind: &str, values: &[Vec<u8>]) -> Vec<u8> {
    seq(&[oid(kind), set(values)])
}

pub(super) fn extension(kind: &str, critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { vec![] };
    seq(&[oid(kind), critical, tlv(4, content)])
}

/// SubjectPublicKeyInfo of an EC key on the named curve.
pub(super) fn ec_key(curve: &str, point: &[u8]) -> Vec<u8> {
    seq(&[seq(&[oid(EC), oid(curve)]), bits(0, point)])
}

pub(super) fn rsa_key(modulus: &BigUint, exponent: &BigUint) -> Vec<u8> {
    let key = seq(&[int(modulus), int(exponent)]);
    seq(&[seq(&[oid(RSA), null()]), bits(0, &key)])
}

/// A request before it is signed, in parts that a test can replace.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) version: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) key: Vec<u8>,
    /// With the implicit tag around them.
    pub(super) attributes: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
}

impl Draft {
    /// A good request for this key, signed the usual way.
    pub(super) fn of(key: Vec<u8>) -> Self {
        Self {
            version: vec![2, 1, 0],
            subject: seq(&[]),
            key,
            attributes: tlv(0xa0, &[]),
            algorithm: seq(&[oid(ECDSA_SHA256)]),
        }
    }

    pub(super) fn subject(mut self, parts: &[(&str, Vec<u8>)]) -> Self {
        self.subject = name(parts);
        self
    }

    pub(super) fn attributes(mut self, attributes: &[Vec<u8>]) -> Self {
        self.attributes = tlv(0xa0, &attributes.concat());
        self
    }

    pub(super) fn asking_for(self, extensions: &[Vec<u8>]) -> Self {
        self.attributes(&[attribute(EXTENSION_REQUEST, &[seq(extensions)])])
    }

    pub(super) fn algorithm(mut self, algorithm: Vec<u8>) -> Self {
        self.algorithm = algorithm;
        self
    }

    fn info(&self) -> Vec<u8> {
        seq(&[
            self.version.clone(),
            self.subject.clone(),
            self.key.clone(),
            self.attributes.clone(),
        ])
    }

    pub(super) fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        seq(&[self.info(), self.algorithm.clone(), bits(0, signature)])
    }

    /// As PEM, with a signature that nobody made: whatever refuses this did so before looking at it.
    pub(super) fn unsigned(&self) -> String {
        to_pem(&self.with_signature(&[1; 64]))
    }

    pub(super) fn signed(&self, signer: &Signer) -> String {
        to_pem(&self.with_signature(&signer.sign(&self.info())))
    }
}

/// A P-256 key that signs requests.
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(super) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub(super) fn point(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    pub(super) fn draft(&self) -> Draft {
        Draft::of(ec_key(P256, &self.point()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }
}

/// A request of an RSA key, signed with this padding and hash; it says that it was signed by `algorithm`.
pub(super) fn rsa_signed(
    key: &rsa::KeyPair,
    how: &'static dyn RsaEncoding,
    algorithm: Vec<u8>,
) -> String {
    let number = BigUint::from_bytes_be;
    let public = key.public_key();
    let (modulus, exponent) = (public.modulus(), public.exponent());
    let spki = rsa_key(
        &number(modulus.big_endian_without_leading_zero()),
        &number(exponent.big_endian_without_leading_zero()),
    );
    let draft = Draft::of(spki).algorithm(algorithm);
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(how, &SystemRandom::new(), &draft.info(), &mut signature)
        .unwrap();
    to_pem(&draft.with_signature(&signature))
}
