//! B30, B32, B45: what is one PEM block of a request, and what is not.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::Csr;
use super::super::craft::CHALLENGE_PASSWORD;
use super::super::craft::Signer;
use super::super::craft::attribute;
use super::super::craft::utf8;
use super::super::tests::refusal;
use super::to_pem;

const NOT_ONE: &str = "csr: must be one PEM block";
const NOT_A_REQUEST: &str = "csr: must be a PEM block of type CERTIFICATE REQUEST";
const NOT_BASE64: &str = "csr: must be a PEM block of base64";
const NOT_ENDED: &str = "csr: must be a PEM block that ends as it began";
const TOO_LONG: &str = "csr: must have at most 4096 characters";

fn good() -> String {
    let signer = Signer::new();
    signer.draft().signed(&signer)
}

#[test]
fn b30_what_is_no_pem_block_is_refused() {
    for text in ["", "hello", "-----BEGIN CERTIFICATE REQUEST----", "MIIB"] {
        assert_eq!(refusal(text), NOT_ONE);
    }
    let text = good();
    let lower = text.replace("CERTIFICATE REQUEST", "certificate request");
    assert_eq!(refusal(&lower), NOT_A_REQUEST);
    assert_eq!(refusal(&text.replace("BEGIN", "begin")), NOT_ONE);
    let indented = text.replace("-----BEGIN", " -----BEGIN");
    assert_eq!(refusal(&indented), NOT_ONE);
}

#[test]
fn b30_a_block_that_does_not_end_as_it_began_is_refused() {
    let text = good();
    let (cut, _) = text.split_once("-----END").unwrap();
    assert_eq!(refusal(cut), NOT_ENDED);
    let other = text.replace("END CERTIFICATE REQUEST", "END CERTIFICATE");
    assert_eq!(refusal(&other), NOT_ENDED);
}

#[test]
fn b30_other_blocks_are_refused_and_a_private_key_is_never_repeated() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key);
    assert_eq!(refusal(&certificate.unwrap().pem()), NOT_A_REQUEST);
    let secret = key.serialize_pem();
    assert_eq!(refusal(&secret), NOT_A_REQUEST);
    let relabelled = secret.replace("PRIVATE KEY", "CERTIFICATE REQUEST");
    let refusal = Csr::parse(&relabelled).unwrap_err();
    let line = secret.lines().nth(1).unwrap();
    assert!(!format!("{refusal} {refusal:?}").contains(&line[..8]));
}

#[test]
fn b30_two_blocks_are_refused_in_any_order() {
    let text = good();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let half = "-----BEGIN PRIVATE KEY-----";
    for two in [
        format!("{text}{text}"),
        format!("{key}{text}"),
        format!("{text}{key}"),
        format!("{text}{half}"),
        format!("junk {half}\n{text}"),
    ] {
        assert_eq!(refusal(&two), NOT_ONE);
    }
}

#[test]
fn b32_4097_characters_and_a_megabyte_are_refused() {
    let text = good();
    let padded = |length: usize| "x".repeat(length - 1 - text.len()) + "\n" + &text;
    assert!(Csr::parse(&padded(4096)).is_ok());
    assert_eq!(refusal(&padded(4097)), TOO_LONG);
    assert_eq!(refusal(&padded(1 << 20)), TOO_LONG);
}

#[test]
fn b32_what_would_be_too_long_when_it_is_wrapped_is_refused() {
    let signer = Signer::new();
    let long = utf8(&"x".repeat(2800));
    let der_of = |text: &str| super::sole_request(text).unwrap();
    let draft = signer.draft();
    let text = draft
        .attributes(&[attribute(CHALLENGE_PASSWORD, &[long])])
        .signed(&signer);
    let (begin, end) = (text.lines().next(), text.lines().last());
    let body = BASE64_STANDARD.encode(der_of(&text));
    let one_line = format!("{}\n{body}\n{}\n", begin.unwrap(), end.unwrap());
    assert!(one_line.len() <= 4096 && text.len() > 4096);
    assert_eq!(
        refusal(&one_line),
        "csr: must have at most 4096 characters in lines of 64"
    );
}

#[test]
fn b45_crlf_no_last_newline_and_text_around_do_no_harm() {
    let text = good();
    let plain = Csr::parse(&text).unwrap();
    assert_eq!(plain.pem(), text);
    for odd in [
        text.trim_end().to_owned(),
        text.replace('\n', "\r\n"),
        text.replace('\n', " \n"),
        format!("Subject: x\n\n{text}"),
        format!("{text}\nthat was it"),
        text.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
    ] {
        assert_eq!(Csr::parse(&odd).unwrap(), plain);
    }
}

#[test]
fn b45_broken_base64_is_refused() {
    let text = good();
    let body = text.lines().nth(1).unwrap();
    let with = |line: &str| text.replace(body, line);
    for broken in [
        with(&body[1..]),
        with(&body.replacen('M', "*", 1)),
        with(&body.replacen('M', "_", 1)),
        with(&body.replacen('M', "é", 1)),
        with(&body.replacen('M', "M ", 1)),
        with(&format!("Proc-Type: 4,ENCRYPTED\n\n{body}")),
    ] {
        assert_eq!(refusal(&broken), NOT_BASE64);
    }
    // In lower case it is other bytes.
    assert!(Csr::parse(&with(&body.to_lowercase())).is_err());
}

#[test]
fn b45_base64_has_one_form() {
    let text = to_pem(&[0x30, 0]);
    assert!(text.contains("MAA=\n"));
    for other in ["MAA", "MAB=", "MAA==", "MAA=MAA="] {
        assert_eq!(refusal(&text.replace("MAA=", other)), NOT_BASE64);
    }
}
