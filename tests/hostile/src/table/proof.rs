//! B50, B51, B54, B55, B58, B64, B65: proofs that are stale, borrowed or bent. The moments keep ten seconds
//! from the edges, for the clock is real here; the edges themselves are in `tests/door`.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::nonce::NonceKey;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::time::UnixMillis;

use crate::cast::KNOWN;
use crate::cast::NEIGHBOUR;
use crate::cast::UNKNOWN;
use crate::cast::device_token;
use crate::cast::fresh;
use crate::cast::prover;
use crate::cast::serial;
use crate::event::Request;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::bad_nonce;
use crate::row::not_found;
use crate::row::unauthorized;

/// All of them, at this moment, with the key that the door makes its nonces with.
pub(super) fn rows(now: UnixMillis, key: &NonceKey) -> Vec<Row> {
    let parts = [
        moments(now),
        in_time(now),
        elsewhere(now),
        nonces(now, key),
        good_nonces(now, key),
        bodies(now),
        encodings(now),
        vectors(now),
        after_login(now),
    ];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

/// Bytes that no other nonce here has.
fn never_used() -> [u8; 16] {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    [count, [7; 8]].concat().try_into().unwrap()
}

fn own_nonce() -> RequestNonce {
    RequestNonce::from_random(never_used())
}

fn poll() -> Request {
    Request::get(format!("{CERTIFICATES_PATH}/x"))
}

fn header(serial: &str, ts: &str, nonce: &str, proof: &str) -> String {
    format!("CVM1 serial=\"{serial}\",ts=\"{ts}\",nonce=\"{nonce}\",proof=\"{proof}\"")
}

/// The proof out of a header.
fn shown(header: &str) -> String {
    let (_, proof) = header.rsplit_once("proof=\"").unwrap();
    proof.trim_end_matches('"').to_owned()
}

/// B50: whether the device is known makes no difference.
fn moments(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B50");
    let now = now.seconds();
    for serial in [KNOWN, UNKNOWN] {
        for at in [
            now - 310,
            now + 310,
            1,
            now * 1000,
            u64::MAX,
            u64::MAX - 1,
            1 << 63,
        ] {
            let request = poll().proven(&prover(serial), Stamp::At(at), &own_nonce());
            rows.add(format!("{serial} at {at}"), &request, bad_nonce(&["ts"]));
        }
        for ts in [
            "0",
            "-1",
            "-0",
            "+1",
            "01",
            "1e9",
            "1.0",
            "1_000",
            "0x1",
            "",
            " 1",
            "1 ",
            "18446744073709551616",
            "99999999999999999999999999",
            "NaN",
            "now",
            "--",
            "- ",
            "1;2",
        ] {
            let value = header(serial, ts, own_nonce().as_str(), &"A".repeat(43));
            let request = poll().header("authorization", value);
            rows.add(format!("{serial} at {ts:?}"), &request, bad_nonce(&["ts"]));
        }
    }
    rows
}

/// B51.
fn in_time(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B51");
    for off in [-290, -1, 0, 1, 290] {
        let at = now.seconds().checked_add_signed(off).unwrap();
        let device = fresh();
        let prover = Prover::new(device.serial.clone(), &device_token(device.serial.as_str()));
        let request = Request::submission("{}").proven(&prover, Stamp::At(at), &own_nonce());
        rows.add(format!("{off} s off"), &request, Expected::Accepted)
            .with(device);
    }
    rows
}

/// B54: captured here, shown there.
fn elsewhere(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B54");
    let stamp = Stamp::At(now.seconds());
    let captured = Request::submission("{}").proven(&prover(KNOWN), stamp, &own_nonce());
    let changes: [(&str, fn(&mut Request)); 8] = [
        ("another host", |request| {
            "api.example.org".clone_into(&mut request.host);
        }),
        ("a host within", |request| {
            "x.api.example.com".clone_into(&mut request.host);
        }),
        ("the host with a port", |request| {
            "api.example.com:443".clone_into(&mut request.host);
        }),
        ("no host", |request| request.host.clear()),
        ("a poll", |request| {
            "GET".clone_into(&mut request.method);
            request.path = format!("{CERTIFICATES_PATH}/x");
        }),
        ("a confirmation", |request| {
            request.path = format!("{CERTIFICATES_PATH}/x/confirm");
        }),
        ("another body", |request| {
            request.body = Some(r#"{"csr":"x"}"#.to_owned());
        }),
        ("no body", |request| request.body = None),
    ];
    for (what, change) in changes {
        let mut request = captured.clone();
        change(&mut request);
        rows.add(what, &request, unauthorized());
    }
    let (_, value) = captured.headers.last().unwrap();
    let stolen = value.replace("\"SN-1\"", "\"SN-2\"");
    let request = captured
        .clone()
        .without("authorization")
        .header("authorization", stolen);
    rows.add("another serial", &request, unauthorized());
    rows
}

/// B55: server nonces that are not good any more, or never were.
fn nonces(now: UnixMillis, key: &NonceKey) -> Rows {
    let mut rows = Rows::of("B55");
    let issue = |key: &NonceKey, at: u64| key.issue(UnixMillis(at), never_used());
    let good = issue(key, now.0);
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&good).unwrap();
    let bent = |index: usize, mask: u8| {
        let mut bytes = bytes.clone();
        bytes[index] ^= mask;
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    };
    let mut all = vec![
        ("expired", issue(key, now.0 - 310_000)),
        ("long expired", issue(key, 1)),
        ("cut by a byte", BASE64_URL_SAFE_NO_PAD.encode(&bytes[..40])),
        ("cut by a character", good[..good.len() - 1].to_owned()),
        (
            "longer by a byte",
            BASE64_URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat()),
        ),
        ("of another key", issue(&NonceKey::new([0x5a; 32]), now.0)),
        ("another version", bent(0, 3)),
        ("a later expiry", bent(8, 0x40)),
        ("other random bytes", bent(12, 1)),
        ("a device's own", own_nonce().as_str().to_owned()),
        ("zeros", "A".repeat(55)),
    ];
    all.extend((25..41).map(|index| ("a bent tag", bent(index, 1))));
    for (what, nonce) in all {
        for serial in [KNOWN, UNKNOWN] {
            let nonce = RequestNonce::parse(&nonce).unwrap();
            let request = poll().proven(&prover(serial), Stamp::NoClock, &nonce);
            rows.add(format!("{what}, {serial}"), &request, bad_nonce(&["nonce"]));
        }
    }
    for nonce in [
        "",
        "A",
        &"A".repeat(21),
        &"A".repeat(87),
        "AAECAwQFBgcICQoLDA0OD+",
        "AAECAwQFBgcICQoLDA0ODw==",
    ] {
        for ts in ["-", &now.seconds().to_string()] {
            let request = poll().header("authorization", header(KNOWN, ts, nonce, &"A".repeat(43)));
            rows.add(
                format!("of the form {nonce:?} at {ts}"),
                &request,
                bad_nonce(&["nonce"]),
            );
        }
    }
    rows
}

fn good_nonces(now: UnixMillis, key: &NonceKey) -> Rows {
    let mut rows = Rows::of("B55");
    for age in [0, 290_000] {
        let device = fresh();
        let prover = Prover::new(device.serial.clone(), &device_token(device.serial.as_str()));
        let nonce = RequestNonce::parse(&key.issue(UnixMillis(now.0 - age), never_used())).unwrap();
        let request = Request::submission("{}").proven(&prover, Stamp::NoClock, &nonce);
        rows.add(format!("good, {age} ms old"), &request, Expected::Accepted)
            .with(device);
    }
    rows
}

/// B58: a proof is one of these bytes, not of what they mean.
fn bodies(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B58");
    let stamp = Stamp::At(now.seconds());
    let proven = r#"{"serialNumber":"SN-1","csr":"x"}"#;
    for sent in [
        r#"{"serialNumber":"SN-1","csr":"x"} "#,
        r#" {"serialNumber":"SN-1","csr":"x"}"#,
        r#"{"serialNumber": "SN-1","csr":"x"}"#,
        r#"{"csr":"x","serialNumber":"SN-1"}"#,
        r#"{"serialNumber":"\u0053N-1","csr":"x"}"#,
        r#"{"serialNumber":"SN-1","csr":"y"}"#,
        "{}",
        "",
        "not JSON at all",
        "{\"serialNumber\":\"SN-1\",\"csr\":\"x\"}\n",
    ] {
        let nonce = own_nonce();
        let value = Request::submission(proven).proof(&prover(KNOWN), stamp, &nonce);
        let request = Request::submission(sent).header("authorization", value);
        rows.add(format!("sent {sent:?}"), &request, unauthorized());
    }
    let nonce = own_nonce();
    let value = Request::submission(proven).proof(&prover(KNOWN), stamp, &nonce);
    let mut packed = Request::submission_of_bytes(proven.as_bytes());
    packed.base64 = false;
    let request = packed.header("authorization", value);
    rows.add("its base64 text", &request, unauthorized());
    rows
}

/// B64: one text for one proof.
fn encodings(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B64");
    let nonce = own_nonce();
    let good = shown(&poll().proof(&prover(KNOWN), Stamp::At(now.seconds()), &nonce));
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&good).unwrap();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let mut crooked = good.clone().into_bytes();
    // The last character has two bits that stand for nothing.
    *crooked.last_mut().unwrap() += 1;
    let crooked = String::from_utf8(crooked).unwrap();
    for (what, proof) in [
        ("empty", String::new()),
        ("31 bytes", encode(&bytes[..31])),
        ("33 bytes", encode(&[bytes.as_slice(), &[0]].concat())),
        ("padding", format!("{good}=")),
        (
            "hex",
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ),
        ("the last character not canonical", crooked),
        ("cut", good[..42].to_owned()),
        ("a blank behind", format!("{good} ")),
        ("twice", good.repeat(2)),
        ("zeros", encode(&[0; 32])),
        ("1 MB", "A".repeat(1_000_000)),
    ] {
        let value = header(KNOWN, &now.seconds().to_string(), nonce.as_str(), &proof);
        rows.add(what, &poll().header("authorization", value), unauthorized());
    }
    rows
}

/// B65: the negative vectors N1 to N9, made anew for this path and moment.
fn vectors(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B65");
    let stamp = Stamp::At(now.seconds());
    let nonce = own_nonce();
    let ts = now.seconds().to_string();
    let of =
        |request: &Request, prover: &Prover, stamp| shown(&request.proof(prover, stamp, &nonce));
    let good = of(&poll(), &prover(KNOWN), stamp);
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&good).unwrap();
    let bent: Vec<(String, String)> = (0..32)
        .map(|index| {
            bytes[index] ^= 1;
            let bent = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
            bytes[index] ^= 1;
            (format!("N1: byte {index} bent"), bent)
        })
        .collect();
    let slash = Request::get(format!("{CERTIFICATES_PATH}/x/"));
    let spaced = poll().text(" ");
    let same_secret = Prover::new(serial(NEIGHBOUR), &device_token(KNOWN));
    let others = [
        ("N2: zeros", "A".repeat(43)),
        (
            "N3: random, as a thief of the table has it",
            BASE64_URL_SAFE_NO_PAD.encode([7; 32]),
        ),
        ("N4: another path", of(&slash, &prover(KNOWN), stamp)),
        (
            "N6: of another device",
            of(&poll(), &prover(NEIGHBOUR), stamp),
        ),
        (
            "N7: a second later",
            of(&poll(), &prover(KNOWN), Stamp::At(now.seconds() + 1)),
        ),
        (
            "N8: a blank in the body",
            of(&spaced, &prover(KNOWN), stamp),
        ),
        (
            "N9: another device with the same secret",
            of(&poll(), &same_secret, stamp),
        ),
    ];
    let others = others.map(|(what, proof)| (what.to_owned(), proof));
    for (what, proof) in bent.into_iter().chain(others) {
        let value = header(KNOWN, &ts, nonce.as_str(), &proof);
        rows.add(what, &poll().header("authorization", value), unauthorized());
    }
    rows
}

/// A good proof, and something wrong behind it: the nonce is gone, nothing else is.
fn after_login(now: UnixMillis) -> Rows {
    let mut rows = Rows::of("B58");
    let stamp = Stamp::At(now.seconds());
    let token = format!("{{\"deviceToken\":\"{}\"}}", crate::cast::token(KNOWN));
    for (body, due) in [
        ("", bad(&["body"])),
        ("null", bad(&["body"])),
        ("{\"x\":1}", bad(&["body"])),
        ("{\"serialNumber\":\"SN-2\"}", bad(&["serialNumber"])),
        (&*token, bad(&["deviceToken"])),
        ("{\"csr\":\"x\"}", crate::row::bad_csr("")),
    ] {
        let request = Request::submission(body).proven(&prover(KNOWN), stamp, &own_nonce());
        rows.add(format!("proven, but {body:.20}"), &request, due)
            .uses_nonce();
    }
    let confirm = Request::new("POST", format!("{CERTIFICATES_PATH}/x/confirm"));
    let confirm = confirm.proven(&prover(KNOWN), stamp, &own_nonce());
    rows.add("a proven confirmation of nothing", &confirm, not_found())
        .uses_nonce();
    let poll = poll().proven(&prover(KNOWN), stamp, &own_nonce());
    rows.add("a proven poll uses nothing up", &poll, not_found());
    rows
}
