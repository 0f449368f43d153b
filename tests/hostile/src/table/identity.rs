//! B21 to B26: serial numbers that are somebody else's, somebody's double, or part of another language.

use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;

use crate::cast::KNOWN;
use crate::cast::prover;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::unauthorized;

const FORM: Expected = bad(&["serialNumber"]);

/// All of them; `now` is what a device's clock says, in seconds.
pub(super) fn rows(now: u64) -> Vec<Row> {
    let double = "SN-1".to_owned();
    let lengths = [0, 1, 64, 65, 127, 128, 129, 1_000, 10_000];
    let lengths = lengths.map(|length| "x".repeat(length));
    let groups: [(&'static str, Vec<String>); 5] = [
        (
            "B21",
            owned(&[
                "../../etc/passwd",
                "a/b",
                "..%2f",
                "/",
                "..",
                "a\\b",
                "%2e%2e%2f",
            ]),
        ),
        (
            "B22",
            owned(&[
                "' OR 1=1 -- ",
                "0 UNION SELECT 1",
                "'; DROP TABLE devices",
                "1;1",
                "a'b",
            ]),
        ),
        (
            "B23",
            owned(&[
                "SN-1\0",
                "SN-1\r",
                "SN-1\n",
                "SN-1\t",
                "\nSN-1",
                "SN-1\nSN-2",
                "SN-1\r\n0\r\n",
            ]),
        ),
        (
            "B24",
            owned(&[
                "${iot:ClientId}",
                "*",
                "+",
                "#",
                "$aws",
                "SN-*",
                "SN-?",
                "$",
                "{",
                "arn:aws:iot:::x/y",
            ]),
        ),
        ("B26", lengths.to_vec()),
    ];
    let mut all: Vec<Row> = Vec::new();
    for (id, serials) in groups {
        let mut rows = Rows::of(id);
        for serial in serials {
            ways(&mut rows, &serial, now);
        }
        all.extend(rows.list);
    }
    all.extend(doubles(&double, now).list);
    all
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn is_well_formed(serial: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-');
    (1..=128).contains(&serial.len()) && serial.bytes().all(fits)
}

fn due(serial: &str) -> Expected {
    if is_well_formed(serial) {
        unauthorized()
    } else {
        FORM
    }
}

/// In the body, in a header, and in a proof, with the known device's right secret each time.
fn ways(rows: &mut Rows, serial: &str, now: u64) {
    let what = |way: &str| {
        let short: String = serial.chars().take(20).collect();
        format!("{short:?} ({} characters) {way}", serial.chars().count())
    };
    let own = token(KNOWN);
    let submission = Request::submission(body(serial, &own, None));
    rows.add(what("in the body"), &submission, due(serial))
        .hides(&*own);
    let is_sayable = serial
        .bytes()
        .all(|b| (32..127).contains(&b) && b != b',' && b != b'"');
    if !is_sayable {
        return;
    }
    let poll = Request::get(format!("{CERTIFICATES_PATH}/x"));
    rows.add(
        what("in a header"),
        &poll.clone().token(serial, &own),
        due(serial),
    )
    .hides(&*own);
    rows.add(
        what("in a proof"),
        &borrowed_proof(serial, now),
        due(serial),
    );
}

/// The known device's proof, with another serial number beside it.
fn borrowed_proof(serial: &str, now: u64) -> Request {
    let nonce = RequestNonce::from_random([9; 16]);
    let poll = Request::get(format!("{CERTIFICATES_PATH}/x"));
    let header = poll.proof(&prover(KNOWN), Stamp::At(now), &nonce);
    poll.header(
        "authorization",
        header.replace("\"SN-1\"", &format!("\"{serial}\"")),
    )
}

/// B25: never the other row.
fn doubles(double: &str, now: u64) -> Rows {
    let mut rows = Rows::of("B25");
    for other in [
        "sn-1",
        "Sn-1",
        "sN-1",
        "SN-1 ",
        " SN-1",
        "SN-01",
        "SN_1",
        "SN:1",
        "SN-1-",
        "SN--1",
        "SN-l",
        "SN-I",
        "5N-1",
        "ＳＮ-１",
        "SN-１",
        "SN‐1",
        "SN–1",
        "SN−1",
        "SN-1\u{301}",
        "S\u{301}N-1",
        "ЅN-1",
        "SΝ-1",
        "SN-1\u{200b}",
        "\u{feff}SN-1",
        "SN-1\u{a0}",
        "SN-1\u{2028}",
        "ſN-1",
        "SN-1\u{ad}",
        "SN-¹",
        "SN-①",
        "SN-1%20",
        "SN-1+",
        "SN-1.",
        "SN%2d1",
        "\\u0053N-1",
        "SN-1;",
        "SN-1\u{ff0d}",
        "ꓢN-1",
    ] {
        assert_ne!(other, double);
        ways(&mut rows, other, now);
    }
    rows
}
