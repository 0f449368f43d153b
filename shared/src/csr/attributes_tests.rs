//! B39, B46: a device asks for no more than an end entity's extensions; its other attributes are ignored.

use super::super::Csr;
use super::super::craft::CHALLENGE_PASSWORD;
use super::super::craft::EXTENSION_REQUEST;
use super::super::craft::Signer;
use super::super::craft::attribute;
use super::super::craft::bits;
use super::super::craft::extension;
use super::super::craft::oid;
use super::super::craft::seq;
use super::super::craft::tlv;
use super::super::craft::utf8;
use super::super::tests::refusal;

const KEY_ID: &str = "2.5.29.14";
const KEY_USAGE: &str = "2.5.29.15";
const ALT_NAME: &str = "2.5.29.17";
const BASIC: &str = "2.5.29.19";
const EXTENDED: &str = "2.5.29.37";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

fn asking(extensions: &[Vec<u8>]) -> String {
    let signer = Signer::new();
    signer.draft().asking_for(extensions).signed(&signer)
}

fn with(attributes: &[Vec<u8>]) -> String {
    let signer = Signer::new();
    signer.draft().attributes(attributes).signed(&signer)
}

#[test]
fn b39_harmless_extensions_are_accepted() {
    let purposes = seq(&[oid(CLIENT_AUTH), oid(SERVER_AUTH)]);
    let all = [
        extension(BASIC, true, &seq(&[])),
        extension(KEY_USAGE, true, &bits(3, &[0b1111_1000])),
        extension(EXTENDED, false, &purposes),
        extension(KEY_ID, false, &tlv(4, &[7; 20])),
    ];
    assert!(Csr::parse(&asking(&all)).is_ok());
    for one in all {
        assert!(Csr::parse(&asking(&[one])).is_ok());
    }
    assert!(Csr::parse(&asking(&[])).is_ok());
}

#[test]
fn b39_what_rcgen_writes_for_a_client_is_accepted() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let request = params.serialize_request(&key).unwrap();
    assert!(Csr::parse(&request.pem().unwrap()).is_ok());
}

#[test]
fn b39_an_authority_is_refused() {
    let rule = "csr: may not ask to be an authority";
    let path_length = vec![2, 1, 0];
    for constraints in [
        seq(&[vec![1, 1, 0xff]]),
        seq(&[vec![1, 1, 0xff], path_length.clone()]),
        seq(&[path_length]),
        seq(&[vec![1, 1, 0]]),
        vec![5, 0],
    ] {
        for critical in [false, true] {
            let wish = extension(BASIC, critical, &constraints);
            assert_eq!(refusal(&asking(&[wish])), rule);
        }
    }
}

#[test]
fn b39_key_usages_of_an_authority_are_refused() {
    let rule = "csr: may not ask for other key usages than an end entity's";
    // keyCertSign, cRLSign, both beside a harmless one, encipherOnly, decipherOnly.
    for usages in [
        bits(2, &[0b0000_0100]),
        bits(1, &[0b0000_0010]),
        bits(1, &[0b1000_0110]),
        bits(0, &[0b0000_1001]),
        bits(7, &[0b0000_1000, 0b1000_0000]),
    ] {
        let wish = extension(KEY_USAGE, true, &usages);
        assert_eq!(refusal(&asking(&[wish])), rule);
    }
    for purposes in [
        seq(&[oid(CODE_SIGNING)]),
        seq(&[oid(CLIENT_AUTH), oid(CODE_SIGNING)]),
    ] {
        let wish = extension(EXTENDED, false, &purposes);
        assert_eq!(
            refusal(&asking(&[wish])),
            "csr: may not ask for other extended key usages than clientAuth and serverAuth"
        );
    }
}

#[test]
fn b39_alternative_names_are_refused_even_the_own() {
    for name in [tlv(0x82, b"SN-1"), tlv(0x87, &[127, 0, 0, 1]), vec![]] {
        let wish = extension(ALT_NAME, false, &seq(&[name]));
        assert_eq!(
            refusal(&asking(&[wish])),
            "csr: may not ask for alternative names"
        );
    }
}

#[test]
fn b39_poison_and_unknown_extensions_are_refused() {
    let poison = extension("1.3.6.1.4.1.11129.2.4.3", true, &[5, 0]);
    assert_eq!(
        refusal(&asking(&[poison])),
        "csr: may not ask for a precertificate"
    );
    // nameConstraints, certificatePolicies, somebody's own.
    for kind in ["2.5.29.30", "2.5.29.32", "1.3.6.1.4.1.99999.1"] {
        for critical in [false, true] {
            let wish = extension(kind, critical, &[5, 0]);
            assert_eq!(
                refusal(&asking(&[wish])),
                "csr: may not ask for an extension that is not known here"
            );
        }
    }
}

#[test]
fn b39_an_extension_is_asked_for_once_and_in_strict_der() {
    let basic = extension(BASIC, true, &seq(&[]));
    let twice = asking(&[basic.clone(), basic.clone()]);
    assert_eq!(refusal(&twice), "csr: may ask for each extension once only");
    let loose = [
        extension(BASIC, true, &[0x30, 0x81, 0]),
        extension(KEY_USAGE, true, &bits(3, &[0xff])),
    ];
    for wish in loose {
        assert_eq!(refusal(&asking(&[wish])), "csr: is not strict DER");
    }
    let default_written = seq(&[oid(BASIC), vec![1, 1, 0], tlv(4, &seq(&[]))]);
    for odd in [default_written, seq(&[oid(BASIC)]), oid(BASIC)] {
        assert_eq!(
            refusal(&asking(&[odd])),
            "csr: asks for extensions that are not extensions"
        );
    }
    let long_id = extension(KEY_ID, false, &tlv(4, &[7; 65]));
    assert_eq!(
        refusal(&asking(&[long_id])),
        "csr: may not ask for a long subject key identifier"
    );
}

#[test]
fn b39_extensions_cannot_hide_in_other_attributes() {
    let rule = "csr: may only have the attributes extensionRequest, challengePassword and unstructuredName";
    let ca = seq(&[extension(BASIC, true, &seq(&[vec![1, 1, 0xff]]))]);
    let harmless = seq(&[]);
    for odd in [
        // Microsoft's own request for extensions.
        attribute("1.3.6.1.4.1.311.2.1.14", std::slice::from_ref(&ca)),
        attribute("1.2.3", &[utf8("x")]),
    ] {
        assert_eq!(refusal(&with(&[odd])), rule);
    }
    for values in [vec![], vec![harmless.clone(), ca.clone()]] {
        assert_eq!(
            refusal(&with(&[attribute(EXTENSION_REQUEST, &values)])),
            "csr: must have one value in each attribute"
        );
    }
    for text in [tlv(4, b"x"), tlv(22, b"x"), tlv(30, b"\0x"), seq(&[])] {
        assert_eq!(
            refusal(&with(&[attribute(CHALLENGE_PASSWORD, &[text])])),
            "csr: may only have text in its attributes"
        );
    }
    let [first, second] = [harmless, ca].map(|wish| attribute(EXTENSION_REQUEST, &[wish]));
    assert_eq!(
        refusal(&with(&[first.clone(), second.clone()])),
        "csr: may have each attribute once only"
    );
    assert_eq!(
        refusal(&with(&[second, first])),
        "csr: has a set whose members are out of order or repeated"
    );
}

#[test]
fn b46_a_challenge_password_is_ignored_and_never_shown() {
    let secret = "correct horse battery staple";
    let name = attribute("1.2.840.113549.1.9.2", &[tlv(22, b"x")]);
    let password = attribute(CHALLENGE_PASSWORD, &[utf8(secret)]);
    let wishes = attribute(EXTENSION_REQUEST, &[seq(&[])]);
    let mut all = [name, wishes, password.clone()];
    all.sort();
    let csr = Csr::parse(&with(&all)).unwrap();
    assert_eq!(
        format!("{csr:?}"),
        format!("Csr({})", csr.public_key().to_hex())
    );

    let signer = Signer::new();
    let draft = signer.draft().attributes(&[password]);
    let refused = Csr::parse(&draft.unsigned()).unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("horse"));
}
