//! B38, B39, B44: signing requests with another's name, or with wishes above their station.

use cvm_testkit::sample;

use super::requests::refused;
use crate::cast::KNOWN;
use crate::cast::NEIGHBOUR;
use crate::der::null;
use crate::der::oid;
use crate::der::seq;
use crate::der::set;
use crate::der::tlv;
use crate::der::utf8;
use crate::draft::CHALLENGE_PASSWORD;
use crate::draft::CN;
use crate::draft::EXTENSION_REQUEST;
use crate::draft::Key;
use crate::draft::attribute;
use crate::draft::extension;
use crate::row::Row;
use crate::row::Rows;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let parts = [names(), extensions(), attributes(), of_another()];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

/// B38 and B44: who the request says it is.
fn names() -> Rows {
    let mut rows = Rows::of("B38");
    let key = Key::fresh();
    let own = "must have no common name or the serial number of the device that asks";
    for (what, name, rule) in [
        ("another device", NEIGHBOUR.to_owned(), own),
        ("another case", "sn-1".to_owned(), own),
        ("a blank behind", "SN-1 ".to_owned(), own),
        ("a look-alike", "ЅN-1".to_owned(), own),
        ("a wild card", "*".to_owned(), own),
        ("a NUL", "SN-1\0".to_owned(), "control characters"),
        (
            "a NUL before another",
            "SN-1\0.example.com".to_owned(),
            "control characters",
        ),
        ("a line feed", "SN-1\nSN-2".to_owned(), "control characters"),
        ("nothing", String::new(), "must have 1 to 128 bytes"),
        (
            "1,000 characters",
            "x".repeat(1_000),
            "must have 1 to 128 bytes",
        ),
    ] {
        let text = key.draft().named(&[(CN, utf8(&name))]).signed(&key);
        refused(&mut rows, &format!("CN: {what}"), &text, rule);
    }
    let two = [(CN, utf8(KNOWN)), (CN, utf8(NEIGHBOUR))];
    refused(
        &mut rows,
        "two CNs",
        &key.draft().named(&two).signed(&key),
        "at most one common name",
    );
    let ten = vec![(CN, utf8(KNOWN)); 10];
    refused(
        &mut rows,
        "ten CNs",
        &key.draft().named(&ten).signed(&key),
        "at most one common name",
    );
    let many = vec![("2.5.4.11", utf8("x")); 11];
    refused(
        &mut rows,
        "11 parts",
        &key.draft().named(&many).signed(&key),
        "at most 10 parts",
    );
    for (what, kind) in [
        ("e-mail", "1.2.840.113549.1.9.1"),
        ("serialNumber", "2.5.4.5"),
        ("UID", "0.9.2342.19200300.100.1.1"),
    ] {
        let text = key.draft().named(&[(kind, utf8("x"))]).signed(&key);
        refused(
            &mut rows,
            what,
            &text,
            "may only have CN, C, L, ST, O and OU",
        );
    }
    for (what, value) in [
        ("BMPString", tlv(30, b"\0S")),
        ("T61String", tlv(20, b"SN-1")),
        ("OCTET STRING", tlv(4, b"SN-1")),
    ] {
        let text = key.draft().named(&[(CN, value)]).signed(&key);
        refused(&mut rows, what, &text, "UTF8String or PrintableString");
    }
    let bad_utf8 = key.draft().named(&[(CN, tlv(12, b"\xff"))]).signed(&key);
    refused(&mut rows, "no UTF-8", &bad_utf8, "is not strict DER");
    rows
}

fn extensions() -> Rows {
    let mut rows = Rows::of("B39");
    let key = Key::fresh();
    let authority = "may not ask to be an authority";
    let yes = vec![1, 1, 0xff];
    for (what, wish, rule) in [
        (
            "CA:TRUE",
            extension("2.5.29.19", true, &seq(std::slice::from_ref(&yes))),
            authority,
        ),
        (
            "CA:TRUE, path length",
            extension("2.5.29.19", true, &seq(&[yes, vec![2, 1, 0]])),
            authority,
        ),
        (
            "keyCertSign",
            extension("2.5.29.15", true, &tlv(3, &[2, 4])),
            "key usages",
        ),
        (
            "cRLSign",
            extension("2.5.29.15", true, &tlv(3, &[1, 2])),
            "key usages",
        ),
        (
            "codeSigning",
            extension("2.5.29.37", false, &seq(&[oid("1.3.6.1.5.5.7.3.3")])),
            "extended key usages",
        ),
        (
            "anyExtendedKeyUsage",
            extension("2.5.29.37", false, &seq(&[oid("2.5.29.37.0")])),
            "extended key usages",
        ),
        (
            "SAN of another",
            extension("2.5.29.17", false, &seq(&[tlv(0x82, b"SN-2")])),
            "alternative names",
        ),
        (
            "SAN of itself",
            extension("2.5.29.17", false, &seq(&[tlv(0x82, b"SN-1")])),
            "alternative names",
        ),
        (
            "CT poison",
            extension("1.3.6.1.4.1.11129.2.4.3", true, &null()),
            "precertificate",
        ),
        (
            "name constraints",
            extension("2.5.29.30", true, &seq(&[])),
            "not known here",
        ),
        (
            "an unknown one, critical",
            extension("1.3.6.1.4.1.99999.1", true, &null()),
            "not known here",
        ),
        (
            "an unknown one",
            extension("1.3.6.1.4.1.99999.1", false, &null()),
            "not known here",
        ),
        (
            "a long key id",
            extension("2.5.29.14", false, &tlv(4, &[7; 65])),
            "long subject key identifier",
        ),
        (
            "rubbish inside",
            extension("2.5.29.19", true, &[0x30, 0x81, 0]),
            "is not strict DER",
        ),
    ] {
        refused(
            &mut rows,
            what,
            &key.draft().asking_for(&[wish]).signed(&key),
            rule,
        );
    }
    let basic = extension("2.5.29.19", true, &seq(&[]));
    let twice = key.draft().asking_for(&[basic.clone(), basic]).signed(&key);
    refused(&mut rows, "one twice", &twice, "each extension once only");
    rows
}

fn attributes() -> Rows {
    let mut rows = Rows::of("B39");
    let key = Key::fresh();
    let authority = seq(&[extension("2.5.29.19", true, &seq(&[vec![1, 1, 0xff]]))]);
    let only = "may only have the attributes";
    for (what, odd, rule) in [
        (
            "Microsoft's request for extensions",
            attribute("1.3.6.1.4.1.311.2.1.14", std::slice::from_ref(&authority)),
            only,
        ),
        (
            "two lists of extensions",
            attribute(EXTENSION_REQUEST, &[seq(&[]), authority.clone()]),
            "attribute",
        ),
        (
            "no list of extensions",
            attribute(EXTENSION_REQUEST, &[]),
            "attribute",
        ),
        (
            "an unknown attribute",
            attribute("1.2.3", &[utf8("x")]),
            only,
        ),
        (
            "a password that is no text",
            attribute(CHALLENGE_PASSWORD, &[tlv(4, b"x")]),
            "only have text",
        ),
        ("no attribute", seq(&[oid("1.2.3")]), ""),
        (
            "a value for a set",
            seq(&[oid(EXTENSION_REQUEST), authority.clone()]),
            "",
        ),
        (
            "members out of order",
            attribute(CHALLENGE_PASSWORD, &[utf8("b"), utf8("a")]),
            "out of order",
        ),
    ] {
        refused(
            &mut rows,
            what,
            &key.draft().with(&[odd]).signed(&key),
            rule,
        );
    }
    let [first, second] = [seq(&[]), authority].map(|wish| attribute(EXTENSION_REQUEST, &[wish]));
    let twice = key
        .draft()
        .with(&[first.clone(), second.clone()])
        .signed(&key);
    refused(
        &mut rows,
        "an attribute twice",
        &twice,
        "each attribute once only",
    );
    let mut draft = key.draft();
    draft.attributes = set(&[first, second]);
    refused(
        &mut rows,
        "attributes under another tag",
        &draft.signed(&key),
        "",
    );
    rows
}

/// B44: a good request of another device.
fn of_another() -> Rows {
    let mut rows = Rows::of("B44");
    let rule = "must have no common name or the serial number of the device that asks";
    refused(
        &mut rows,
        "a good one of another device",
        &sample::csr_pem_of(NEIGHBOUR),
        rule,
    );
    rows
}
