//! One good bundle, and every way in which another is refused.

use super::*;
use crate::identity::Identity;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::ids::ThingName;
use cvm_shared::seal::seal;
use cvm_shared::secret::PrivateKeyPem;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::date_time_ymd;
use zeroize::Zeroizing;

/// 2026-01-01T00:00:00Z.
const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
const REQUEST: &str = "0123456789abcdef0123456789abcdef";
const SERVER_KEY: [u8; 32] = [9; 32];
const YEAR: u64 = 365 * 86_400 * 1000;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    Authority { pem, issuer }
}

fn leaf(identity: &Identity, authority: &Authority) -> String {
    let key = KeyPair::from_pem(identity.private_key().expose()).unwrap();
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2025, 6, 1);
    params.not_after = date_time_ymd(2026, 6, 1);
    params.signed_by(&key, &authority.issuer).unwrap().pem()
}

/// A good bundle and all that it is checked against; each test spoils one thing.
struct Case {
    bundle: Bundle,
    serial: SerialNumber,
    announced: CertificateId,
    sha256: Option<String>,
    public_key: Option<Vec<u8>>,
    roots_pem: String,
    issuer_pem: String,
    now: UnixMillis,
}

fn case() -> Case {
    let (identity, authority) = (Identity::generate().unwrap(), authority("Test CA"));
    let certificate_pem = leaf(&identity, &authority);
    let id = id_of(&certificate_pem);
    let serial = SerialNumber::parse("SN-1").unwrap();
    Case {
        bundle: Bundle {
            serial: serial.clone(),
            thing: ThingName::parse("SN-1").unwrap(),
            certificate_id: id.clone(),
            certificate_pem,
            private_key: None,
            endpoint: "iot.example".to_owned(),
        },
        serial,
        announced: id,
        sha256: None,
        public_key: Some(identity.public_key()),
        roots_pem: authority.pem,
        issuer_pem: String::new(),
        now: NOW,
    }
}

fn keys_case() -> Case {
    let mut case = case();
    let identity = Identity::generate().unwrap();
    let authority = authority("Test CA");
    case.bundle.certificate_pem = leaf(&identity, &authority);
    case.announced = id_of(&case.bundle.certificate_pem);
    case.bundle.certificate_id = case.announced.clone();
    case.bundle.private_key = Some(identity.private_key().clone());
    case.public_key = None;
    case.roots_pem = authority.pem;
    case
}

fn id_of(pem: &str) -> CertificateId {
    CertificateId::parse(digest(&sole_certificate(pem).unwrap())).unwrap()
}

impl Case {
    fn check(&self) -> Result<Chain, Flaw> {
        let bytes = self.bundle.encode();
        self.check_bytes(&bytes, true)
    }

    fn sealed(&self, request: &str) -> Zeroizing<Vec<u8>> {
        let names = SealedFor {
            serial: &self.serial,
            request: &RequestId::parse(request).unwrap(),
            certificate: &self.announced,
        };
        seal(&SERVER_KEY, &names, [3; 32], &self.bundle.encode())
    }

    fn check_bytes(&self, bytes: &[u8], inline: bool) -> Result<Chain, Flaw> {
        let sha256 = self.sha256.clone().unwrap_or_else(|| digest(bytes));
        let expected = Expected {
            serial: &self.serial,
            request_id: &RequestId::parse(REQUEST).unwrap(),
            server_key: &SERVER_KEY,
            inline,
            certificate_id: &self.announced,
            sha256: &sha256,
            public_key: self.public_key.as_deref(),
            roots_pem: &self.roots_pem,
            issuer_pem: &self.issuer_pem,
            now: self.now,
        };
        check(bytes, &expected).map(|(_, chain)| chain)
    }
}

#[test]
fn a_good_bundle_is_believed_in_both_modes() {
    assert_eq!(case().check(), Ok(Chain::Verified));
    assert_eq!(keys_case().check(), Ok(Chain::Verified));
}

/// What spoils a good bundle, and the flaw that is found.
type Spoilt = (fn(&mut Case), Flaw);

#[test]
fn every_spoilt_bundle_is_refused_for_its_flaw() {
    let table: [Spoilt; 8] = [
        (|c| c.sha256 = Some("0".repeat(64)), Flaw::Digest),
        (
            |c| c.serial = SerialNumber::parse("SN-2").unwrap(),
            Flaw::Serial,
        ),
        (
            |c| c.announced = CertificateId::parse("0".repeat(64)).unwrap(),
            Flaw::CertificateId,
        ),
        (
            |c| c.bundle.certificate_id = CertificateId::parse("0".repeat(64)).unwrap(),
            Flaw::CertificateId,
        ),
        (
            |c| c.public_key = Some(Identity::generate().unwrap().public_key()),
            Flaw::Key,
        ),
        (
            |c| c.bundle.private_key = Some(PrivateKeyPem::new("x".to_owned())),
            Flaw::KeyUnexpected,
        ),
        (
            |c| c.now = UnixMillis(NOW.0 + YEAR),
            Flaw::Validity("any more"),
        ),
        (|c| c.now = UnixMillis(NOW.0 - YEAR), Flaw::Validity("yet")),
    ];
    for (spoil, flaw) in table {
        let mut case = case();
        spoil(&mut case);
        assert_eq!(case.check(), Err(flaw));
    }
}

#[test]
fn another_certificate_under_the_same_id_is_refused() {
    let mut case = case();
    case.bundle.certificate_pem = keys_case().bundle.certificate_pem;
    assert_eq!(case.check(), Err(Flaw::CertificateId));
}

#[test]
fn one_changed_byte_is_noticed() {
    let case = case();
    let good = case.bundle.encode();
    let mut bytes = good.to_vec();
    bytes[20] ^= 1;
    let expected = Expected {
        serial: &case.serial,
        request_id: &RequestId::parse(REQUEST).unwrap(),
        server_key: &SERVER_KEY,
        inline: false,
        certificate_id: &case.announced,
        sha256: &digest(&good),
        public_key: None,
        roots_pem: "",
        issuer_pem: "",
        now: NOW,
    };
    assert_eq!(check(&bytes, &expected).err(), Some(Flaw::Digest));
}

#[test]
fn no_certificate_two_certificates_and_a_key_in_its_place_are_refused() {
    let key = Identity::generate()
        .unwrap()
        .private_key()
        .expose()
        .to_owned();
    let one = case().bundle.certificate_pem;
    for pem in [String::new(), format!("{one}{one}"), key] {
        let mut case = case();
        case.bundle.certificate_pem = pem;
        assert_eq!(case.check(), Err(Flaw::Certificate));
    }
}

#[test]
fn in_keys_mode_the_key_must_be_there_and_fit() {
    let mut case = keys_case();
    case.bundle.private_key = Some(Identity::generate().unwrap().private_key().clone());
    assert_eq!(case.check(), Err(Flaw::Key));
    case.bundle.private_key = Some(PrivateKeyPem::new("rubbish".to_owned()));
    assert_eq!(case.check(), Err(Flaw::KeyMissing));
    case.bundle.private_key = None;
    assert_eq!(case.check(), Err(Flaw::KeyMissing));
}

#[test]
fn a_clock_a_little_behind_does_no_harm() {
    let mut case = case();
    let not_before = 1_748_736_000;
    case.now = UnixMillis((not_before - 299) * 1000);
    assert_eq!(case.check(), Ok(Chain::Verified));
    case.now = UnixMillis((not_before - 301) * 1000);
    assert_eq!(case.check(), Err(Flaw::Validity("yet")));
}

#[test]
fn a_known_issuer_must_have_signed() {
    let mut case = case();
    case.roots_pem = authority("Test CA").pem;
    assert_eq!(case.check(), Err(Flaw::Issuer));
}

#[test]
fn one_of_two_issuers_of_the_same_name_is_enough() {
    let mut case = case();
    let other = authority("Test CA").pem;
    case.roots_pem = format!("{other}{}", case.roots_pem);
    assert_eq!(case.check(), Ok(Chain::Verified));
}

#[test]
fn an_unknown_issuer_is_told_and_a_given_one_is_used() {
    let mut case = case();
    let issuer = std::mem::replace(&mut case.roots_pem, authority("Another CA").pem);
    assert_eq!(case.check(), Ok(Chain::IssuerUnknown));
    case.issuer_pem = issuer;
    assert_eq!(case.check(), Ok(Chain::Verified));
    case.issuer_pem = authority("Test CA").pem;
    assert_eq!(case.check(), Err(Flaw::Issuer));
}

#[test]
fn a_trust_bundle_without_certificates_is_refused() {
    let key = Identity::generate()
        .unwrap()
        .private_key()
        .expose()
        .to_owned();
    for pem in [String::new(), "rubbish".to_owned(), key] {
        let mut case = case();
        case.roots_pem = pem;
        assert_eq!(case.check(), Err(Flaw::Roots));
    }
}

/// PKCS#1 as AWS IoT sends it: what an RSA key's PKCS#8 form wraps in 26 bytes.
fn rsa_pkcs1() -> (KeyPair, PrivateKeyPem) {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let body = BASE64_STANDARD.encode(&key.serialized_der()[26..]);
    let label = "RSA PRIVATE KEY";
    let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    (key, PrivateKeyPem::new(pem))
}

#[test]
fn an_rsa_key_as_aws_iot_sends_it_fits_its_certificate() {
    let (authority, (key, pem)) = (authority("Test CA"), rsa_pkcs1());
    let mut case = keys_case();
    let params = CertificateParams::default();
    case.bundle.certificate_pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
    case.announced = id_of(&case.bundle.certificate_pem);
    case.bundle.certificate_id = case.announced.clone();
    case.bundle.private_key = Some(pem);
    case.roots_pem = authority.pem;
    assert_eq!(case.check(), Ok(Chain::Verified));
}

#[test]
fn a_sealed_bundle_is_opened_and_one_for_another_request_is_not() {
    let case = keys_case();
    let sealed = case.sealed(REQUEST);
    assert_eq!(case.check_bytes(&sealed, false), Ok(Chain::Verified));
    let other = case.sealed(&REQUEST.replace('0', "1"));
    let refused = case.check_bytes(&other, false).unwrap_err();
    assert!(matches!(refused, Flaw::Unreadable(_)), "{refused}");
}

#[test]
fn a_key_in_clear_comes_in_the_answer_or_not_at_all() {
    let case = keys_case();
    let bytes = case.bundle.encode();
    assert_eq!(case.check_bytes(&bytes, false), Err(Flaw::Unsealed));
    assert_eq!(case.check_bytes(&bytes, true), Ok(Chain::Verified));
}
