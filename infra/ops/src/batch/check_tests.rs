//! Rows as a factory's files have them, sound and otherwise.

use std::fs;

use super::*;

fn csr(name: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    csr_of(name, &key)
}

fn csr_of(name: &str, key: &rcgen::KeyPair) -> String {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let subject = &mut params.distinguished_name;
    subject.push(rcgen::DnType::CommonName, name);
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn raw(serial: &str, csr: &str, csr_file: &str) -> Raw {
    Raw {
        serial: serial.to_owned(),
        csr: csr.to_owned(),
        csr_file: csr_file.to_owned(),
    }
}

fn reason(row: Row) -> String {
    match row {
        Row::Bad(bad) => bad.reason,
        Row::Sound(wanted) => panic!("{wanted:?} is sound"),
    }
}

fn sound(row: Row) -> Wanted {
    match row {
        Row::Sound(wanted) => wanted,
        Row::Bad(bad) => panic!("{}", bad.reason),
    }
}

#[test]
fn rows_of_both_modes_are_sound() {
    let mut checker = Checker::new(Path::new("batch.csv"));
    let keys = sound(checker.check((2, Ok(raw("SN-1", "", "")))));
    assert_eq!((keys.line, keys.key.clone()), (2, KeySource::Service));
    let own = sound(checker.check((3, Ok(raw("SN-2", &csr("SN-2"), "")))));
    assert!(own.public_key().is_some());
}

#[test]
fn a_request_may_lie_beside_the_file() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("SN-1.pem"), csr("SN-1")).unwrap();
    fs::write(home.path().join("long.pem"), "x".repeat(1 << 20)).unwrap();
    let mut checker = Checker::new(&home.path().join("batch.csv"));
    let row = sound(checker.check((2, Ok(raw("SN-1", "", "SN-1.pem")))));
    assert!(row.public_key().is_some());
    let missing = reason(checker.check((3, Ok(raw("SN-2", "", "SN-2.pem")))));
    assert!(missing.starts_with("csrFile: No such file"), "{missing}");
    let long = reason(checker.check((4, Ok(raw("SN-3", "", "long.pem")))));
    assert_eq!(long, "csrFile: must have at most 4096 characters");
}

#[test]
fn what_the_door_would_refuse_is_bad() {
    let mut checker = Checker::new(Path::new("batch.csv"));
    for (serial, csr, file, rule) in [
        ("SN 1", "", "", "productid: may only hold the characters"),
        ("SN-2", "hunter2", "", "csr: "),
        (
            "SN-3",
            &csr("SN-2"),
            "",
            "csr: must have no common name or the serial number",
        ),
        ("SN-4", "a", "b", "has both csr and csrFile"),
    ] {
        let told = reason(checker.check((2, Ok(raw(serial, csr, file)))));
        assert!(told.starts_with(rule), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn no_device_and_no_key_is_there_twice() {
    let mut checker = Checker::new(Path::new("batch.csv"));
    sound(checker.check((2, Ok(raw("SN-1", "", "")))));
    let twice = reason(checker.check((3, Ok(raw("SN-1", "", "")))));
    assert_eq!(twice, "productid: the same as in line 2");
    let key = rcgen::KeyPair::generate().unwrap();
    sound(checker.check((4, Ok(raw("SN-2", &csr_of("SN-2", &key), "")))));
    let copied = reason(checker.check((5, Ok(raw("SN-3", &csr_of("SN-3", &key), "")))));
    assert_eq!(copied, "csr: has the key of line 4");
}

#[test]
fn a_row_that_makes_no_sense_keeps_its_line() {
    let mut checker = Checker::new(Path::new("batch.csv"));
    let row = checker.check((7, Err("has 2 fields".to_owned())));
    assert_eq!(row.line(), 7);
}
