//! The catalogue of bad inputs as rows, and where the numbers are that are no rows here.

mod bodies;
mod broken;
mod content;
mod csr_armour;
mod csr_der;
mod csr_keys;
mod csr_wishes;
mod headers;
mod identity;
mod json_shape;
mod json_values;
pub mod legacy;
pub mod login;
mod proof;
mod requests;
mod routes;
mod strings;

use cvm_shared::nonce::NonceKey;
use cvm_shared::time::UnixMillis;

use crate::row::Row;

/// All rows, at this moment, with the key that the door makes its nonces with.
pub fn rows(now: UnixMillis, key: &NonceKey) -> Vec<Row> {
    let seconds = now.seconds();
    [
        // Those with moments in them first: they grow old.
        proof::rows(now, key),
        identity::rows(seconds),
        login::rows(seconds),
        strings::rows(seconds),
        content::rows(),
        headers::rows(),
        routes::rows(),
        legacy::off(),
        json_shape::rows(),
        json_values::rows(),
        csr_armour::rows(),
        csr_der::rows(),
        csr_keys::rows(),
        csr_wishes::rows(),
    ]
    .concat()
}

/// Numbers that are judged before a function hears of them, by API Gateway (HTTP API), and cannot be sent as an
/// event: nothing of ours would be tested.
pub const GATEWAY: &[(&str, &str)] = &[
    (
        "B14",
        "10 MB and chunked bodies: API Gateway refuses more than 10 MB (413), and an event holds at most 6 MB",
    ),
    (
        "B15",
        "two lengths, length and chunks, two hosts, folded headers, bare line feeds: an event has one of each",
    ),
    (
        "B16",
        "more than 10,240 bytes of request line and headers: 431 there (larger ones are rows here all the same)",
    ),
    ("B17", "one byte a second: an event comes whole"),
];

/// Numbers that are tests of their own, in this crate or elsewhere.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("B40", "a key of another device: tests/inputs.rs here"),
    ("B42", "the same request twice: tests/inputs.rs here"),
    (
        "B43",
        "another request beside an open one: tests/inputs.rs here",
    ),
    (
        "B52",
        "a replay: tests/inputs.rs here, on several processes",
    ),
    (
        "B53",
        "fifty replays at once: tests/inputs.rs here, on several processes",
    ),
    (
        "B56",
        "nonces asked for and never used: tests/inputs.rs here",
    ),
    ("B59", "an answer altered on its way: ingest/device"),
    ("B62", "time: cargo timing"),
];

/// Where the outcome is not the catalogue's, and why.
pub const DIFFERENCES: &[(&str, &str)] = &[
    (
        "B14",
        "16,384 bytes are the limit of the body after base64, as the catalogue has it; 413 comes before anything else, whatever the path",
    ),
    (
        "B19",
        "any query is refused, on every path, before the path is looked at: 400 even where there is nothing",
    ),
    (
        "B21",
        "a serial number of a bad form is 400 in proof mode, too (catalogue: 401): form is checked first, alike for known and unknown devices",
    ),
    ("B22", "as B21"),
    (
        "B26",
        "1 to 128 characters and ':' are allowed (catalogue: 64, no ':'): a serial number can be any name of a Thing",
    ),
    (
        "B28",
        "blanks after the parameters are let through, as RFC 9110 lets senders add them; before them they are refused",
    ),
    ("B32", "1 MB is 413: the body's limit comes first"),
    (
        "B35",
        "of Debian's keys (CVE-2008-0166) only those on the list are known; AWS IoT Device Defender audits for the others",
    ),
    ("B36", "compressed points are refused as well"),
    (
        "B38",
        "an empty subject is allowed: the Thing decides, not the name",
    ),
    (
        "B42",
        "there is no idempotency_key: the request's id comes of device, generation and key",
    ),
    ("B43", "the code is other_request"),
    (
        "B48",
        "no mode is told apart: a CSR asks for csr mode, none for keys mode, so there is nothing to contradict",
    ),
    (
        "B50",
        "2^63 and beyond are refused as moments that are far off; beyond 64 bits as no moment",
    ),
    (
        "B54",
        "the HTTP API has one stage, $default, which is not in the path",
    ),
    ("B66", "one code, bad_request, for all of them"),
    (
        "B105",
        "the synchronous calls keep their own statuses, see ingest/LEGACY.md; cut and repeated calls are in tests/door",
    ),
    (
        "B107",
        "one path takes a query, and only while the old calls are switched on; a query is told before the path",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_is_a_row_or_has_its_place() {
        let rows = rows(UnixMillis(1_700_000_000_000), &NonceKey::new([1; 32]));
        let mut known: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
        let lists = [GATEWAY, ELSEWHERE, DIFFERENCES];
        known.extend(lists.into_iter().flatten().map(|(id, _)| *id));
        let all = (1..=67).chain(105..=107).map(|number| format!("B{number}"));
        let missing: Vec<String> = all.filter(|id| !known.contains(&**id)).collect();
        assert_eq!(missing, [""; 0]);
    }
}
