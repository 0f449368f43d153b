//! B57, B60, B61, B63, B66, B67, B106, B107: who may not log in, and headers that are no login.

use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;

use crate::cast::BROKEN;
use crate::cast::DISABLED;
use crate::cast::KNOWN;
use crate::cast::NEIGHBOUR;
use crate::cast::PROOF_ONLY;
use crate::cast::UNKNOWN;
use crate::cast::WEAK;
use crate::cast::prover;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad;
use crate::row::not_found;
use crate::row::unauthorized;

/// All of them; `now` is what a device's clock says, in seconds.
pub(super) fn rows(now: u64) -> Vec<Row> {
    let parts = [
        strangers(now),
        unreadable(now),
        ids(),
        forms(),
        tokens(),
        misplaced(),
    ];
    parts.into_iter().flat_map(|rows| rows.list).collect()
}

/// The three calls that need a login, without one.
pub fn calls() -> [Request; 3] {
    [
        Request::submission(r#"{"csr":"x"}"#),
        Request::get(format!("{CERTIFICATES_PATH}/x")),
        Request::new("POST", format!("{CERTIFICATES_PATH}/x/confirm")),
    ]
}

/// Who may not log in, and with what: each must get the same bytes.
pub fn strangers_logins(now: u64) -> Vec<(String, Request)> {
    let mut all = Vec::new();
    let plain: [(&str, String); 7] = [
        (UNKNOWN, token(UNKNOWN)),
        (KNOWN, token(NEIGHBOUR)),
        (KNOWN, "x".to_owned()),
        (DISABLED, token(DISABLED)),
        (DISABLED, "x".to_owned()),
        (PROOF_ONLY, token(PROOF_ONLY)),
        // Refused as long as the stack is told that there are none.
        (WEAK, token(WEAK)),
    ];
    for call in calls() {
        for (serial, token) in &plain {
            let what = format!("{} {} of {serial} with {token}", call.method, call.path);
            all.push((what, call.clone().token(serial, token)));
        }
        for serial in [UNKNOWN, DISABLED, WEAK] {
            let nonce = RequestNonce::from_random([1; 16]);
            let proven = call.clone().proven(&prover(serial), Stamp::At(now), &nonce);
            all.push((
                format!("{} {} proven by {serial}", call.method, call.path),
                proven,
            ));
        }
    }
    for (serial, token) in plain {
        let request = Request::submission(body(serial, &token, None));
        all.push((
            format!("POST of {serial} with {token} in its body"),
            request,
        ));
    }
    all
}

fn strangers(now: u64) -> Rows {
    let (mut rows, mut bound) = (Rows::of("B60"), Rows::of("B57"));
    for (what, request) in strangers_logins(now) {
        let rows = if what.contains(PROOF_ONLY) {
            &mut bound
        } else {
            &mut rows
        };
        rows.add(what, &request, unauthorized());
    }
    rows.list.extend(bound.list);
    for call in calls().into_iter().skip(1) {
        rows.add("no login at all", &call, unauthorized());
    }
    rows
}

/// B61: rows that cannot be read admit nobody, whatever is shown.
fn unreadable(now: u64) -> Rows {
    let mut rows = Rows::of("B61");
    for (serial, column, value) in BROKEN {
        for shown in [
            token(serial),
            "plain".to_owned(),
            "null".to_owned(),
            "0".to_owned(),
        ] {
            for call in calls() {
                let what = format!("{serial} ({column}: {value:?}) with {shown}");
                rows.add(what, &call.token(serial, &shown), unauthorized());
            }
        }
        let nonce = RequestNonce::from_random([2; 16]);
        let call = Request::get(format!("{CERTIFICATES_PATH}/x"));
        let proven = call.proven(&prover(serial), Stamp::At(now), &nonce);
        rows.add(format!("{serial} proven"), &proven, unauthorized());
    }
    rows
}

/// B63: what is not the device's own is not there.
fn ids() -> Rows {
    let mut rows = Rows::of("B63");
    let zeros = "0".repeat(32);
    for id in [&*zeros, "x", "0", "..", "null", "%00", "SN-1"] {
        let poll = Request::get(format!("{CERTIFICATES_PATH}/{id}"));
        rows.add(
            format!("poll of {id}"),
            &poll.token(KNOWN, &token(KNOWN)),
            not_found(),
        );
        let confirm = Request::new("POST", format!("{CERTIFICATES_PATH}/{id}/confirm"));
        rows.add(
            format!("confirmation of {id}"),
            &confirm.token(KNOWN, &token(KNOWN)),
            not_found(),
        );
    }
    rows
}

fn forms() -> Rows {
    let mut rows = Rows::of("B66");
    let own = token(KNOWN);
    let good = format!("serial=\"SN-1\",token=\"{own}\"");
    let nonce = "AAECAwQFBgcICQoLDA0ODw";
    for header in [
        String::new(),
        "CVM1".to_owned(),
        "CVM1-TOKEN".to_owned(),
        "CVM1 ".to_owned(),
        "CVM1-TOKEN ".to_owned(),
        format!("Basic {good}"),
        format!("Bearer {own}"),
        own.clone(),
        good.clone(),
        format!("CVM2-TOKEN {good}"),
        format!("CVM1-TOKENS {good}"),
        format!("CVM1\t{good}"),
        format!("CVM1-TOKEN {good},{good}"),
        format!("CVM1-TOKEN {good},token=\"{own}\""),
        format!("CVM1-TOKEN {good},x=\"y\""),
        format!("CVM1-TOKEN {good},"),
        format!("CVM1-TOKEN ,{good}"),
        format!("CVM1-TOKEN {good};"),
        "CVM1-TOKEN serial=\"SN-1\"".to_owned(),
        format!("CVM1-TOKEN token=\"{own}\""),
        format!("CVM1-TOKEN serial=SN-1,token={own}"),
        format!("CVM1-TOKEN serial='SN-1',token='{own}'"),
        format!("CVM1-TOKEN serial=\"SN-1,token=\"{own}\""),
        format!("CVM1-TOKEN serial=\"SN-1\" token=\"{own}\""),
        format!("CVM1-TOKEN Serial=\"SN-1\",token=\"{own}\""),
        format!("CVM1-TOKEN serial = \"SN-1\",token=\"{own}\""),
        format!("CVM1-TOKEN serial*=UTF-8''SN-1,token=\"{own}\""),
        format!("CVM1-TOKEN serial=\"SN\\-1\",token=\"{own}\"\\"),
        format!("CVM1-TOKEN =\"SN-1\",token=\"{own}\""),
        format!("CVM1 {good}"),
        format!("CVM1 {good},ts=\"1\",nonce=\"{nonce}\",proof=\"x\""),
        format!("CVM1 serial=\"SN-1\",ts=\"1\",nonce=\"{nonce}\""),
        format!("CVM1 serial=\"SN-1\",ts=\"1\",ts=\"2\",nonce=\"{nonce}\",proof=\"x\""),
        format!("CVM1-TOKEN serial=\"SN-1\",ts=\"1\",nonce=\"{nonce}\",proof=\"x\""),
    ] {
        for call in calls() {
            let what = format!("{header} for {}", call.path);
            let request = call.header("authorization", &*header);
            rows.add(what, &request, bad(&["authorization"]))
                .hides(&*own);
        }
    }
    rows
}

fn tokens() -> Rows {
    let mut rows = Rows::of("B67");
    let own = token(KNOWN);
    let (last, first) = (own.len() - 1, own[..1].to_uppercase());
    let texts = [
        own[..last].to_owned(),
        own[1..].to_owned(),
        format!("{own}x"),
        format!("x{own}"),
        own.to_uppercase(),
        format!("{first}{}", &own[1..]),
        own.repeat(2),
        own.chars().rev().collect(),
        "x".to_owned(),
        "0".to_owned(),
        "null".to_owned(),
        token(NEIGHBOUR),
        "x".repeat(512),
        format!("cvm1.{}.{}", "A".repeat(43), "A".repeat(43)),
        "A".repeat(43),
        "A".repeat(42),
        format!("{}=", "A".repeat(43)),
    ];
    for text in texts {
        for call in calls() {
            rows.add(
                format!("token {text:.40}"),
                &call.token(KNOWN, &text),
                unauthorized(),
            );
        }
        let request = Request::submission(body(KNOWN, &text, None));
        rows.add(
            format!("token {text:.40} in the body"),
            &request,
            unauthorized(),
        );
    }
    for text in [
        String::new(),
        "x".repeat(513),
        format!("{own}\n"),
        format!("\n{own}"),
        format!("{own}\0"),
        format!("{own} "),
        format!(" {own}"),
        "x".repeat(10_000),
    ] {
        let request = Request::submission(body(KNOWN, &text, None));
        rows.add(
            format!("token {text:.40?}"),
            &request,
            bad(&["deviceToken"]),
        )
        .hides(&*own);
    }
    rows
}

/// B106, B107 and more than one source of the same thing.
fn misplaced() -> Rows {
    let mut rows = Rows::of("B107");
    let own = token(KNOWN);
    let query =
        Request::get(CERTIFICATES_PATH).query(format!("serialNumber=SN-1&deviceToken={own}"));
    rows.add("the old way, in the query", &query, bad(&["query"]))
        .hides(&*own);
    let beside = Request::submission(body(KNOWN, &own, None)).token(KNOWN, &own);
    rows.add("a token in header and body", &beside, bad(&["deviceToken"]))
        .after_lookup()
        .hides(&*own);
    let other = Request::submission(r#"{"serialNumber":"SN-2"}"#).token(KNOWN, &own);
    rows.add("two serials", &other, bad(&["serialNumber"]))
        .after_lookup()
        .hides(&*own);
    let mut rows_106 = Rows::of("B106");
    let request = Request::submission(body(KNOWN, "wrong", None));
    rows_106.add(
        "a wrong token is no fault of the server",
        &request,
        unauthorized(),
    );
    rows.list.extend(rows_106.list);
    rows
}
