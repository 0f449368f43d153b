//! The rules for answers see it when one is broken: a good exchange is spoilt in one way each time.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use cvm_fuzz_targets::rules::Exchange;
use cvm_fuzz_targets::rules::Outside;
use cvm_fuzz_targets::script::Step;
use cvm_fuzz_targets::script::steps;
use cvm_fuzz_targets::stage::Sent;
use cvm_fuzz_targets::stage::Stage;
use cvm_ingest::http::Answer;
use cvm_testkit::sample;
use http::HeaderValue;
use http::StatusCode;

const PROVEN: &[u8] =
    b"proof POST /v1/certificates\ncontent-type: application/json\n\n{\"csr\":\"@csr\"}";
const REFUSED: &[u8] =
    b"plain GET /v1/certificates/x\nauthorization: CVM1-TOKEN serial=\"SN-1\",token=\"wrong\"\n";

struct Case {
    sent: Sent,
    answer: Answer,
    before: Outside,
    after: Outside,
}

impl Case {
    fn of(script: &[u8]) -> Self {
        let steps = steps(script);
        let [Step::Ask(ask)] = steps.as_slice() else {
            unreachable!("one request");
        };
        let mut stage = Stage::new();
        let before = Outside::of(&stage.site);
        let sent = stage.request(ask);
        Self {
            answer: stage.answer(&sent),
            sent,
            before,
            after: Outside::of(&stage.site),
        }
    }

    fn holds(&self) -> bool {
        let exchange = Exchange {
            sent: &self.sent,
            answer: &self.answer,
            before: &self.before,
            after: &self.after,
            faulty: false,
            legacy: false,
        };
        catch_unwind(AssertUnwindSafe(|| exchange.check())).is_ok()
    }

    fn spoilt(script: &[u8], spoil: impl FnOnce(&mut Self)) -> bool {
        let mut case = Self::of(script);
        spoil(&mut case);
        !case.holds()
    }
}

fn header(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

#[test]
fn good_exchanges_keep_the_rules() {
    assert_eq!(Case::of(PROVEN).answer.status, StatusCode::ACCEPTED);
    assert_eq!(Case::of(REFUSED).answer.status, StatusCode::UNAUTHORIZED);
    assert!(Case::of(PROVEN).holds() && Case::of(REFUSED).holds());
}

#[test]
fn other_statuses_and_codes_are_seen() {
    assert!(Case::spoilt(PROVEN, |case| case.answer.status = StatusCode::CREATED));
    assert!(Case::spoilt(REFUSED, |case| case.answer.status =
        StatusCode::INTERNAL_SERVER_ERROR));
    assert!(Case::spoilt(REFUSED, |case| {
        case.answer.body = case.answer.body.replace("unauthorized", "unknown_device");
    }));
    assert!(Case::spoilt(REFUSED, |case| drop(
        case.answer.headers.remove("replay-nonce")
    )));
}

#[test]
fn a_secret_in_an_answer_is_seen() {
    assert!(Case::spoilt(REFUSED, |case| {
        case.answer.headers.insert("x", header(sample::TOKEN));
    }));
    let stored = sample::device("SN-1").verifier.to_text();
    for part in stored.split('.').skip(1) {
        assert!(Case::spoilt(PROVEN, |case| {
            case.answer
                .headers
                .insert("x", header(&format!("a{part}b")));
        }));
    }
}

#[test]
fn effects_without_a_right_are_seen() {
    // A refusal that leaves a row behind, and a stranger who is served.
    let accepted = Case::of(PROVEN);
    assert!(Case::spoilt(REFUSED, |case| case.after = accepted.after.clone()));
    assert!(Case::spoilt(REFUSED, |case| case.answer = accepted.answer.clone()));
    assert!(Case::spoilt(PROVEN, |case| case.sent.proven = None));
}

#[test]
fn a_missing_or_wrong_proof_is_seen() {
    assert!(Case::spoilt(PROVEN, |case| drop(
        case.answer.headers.remove("cvm1-proof")
    )));
    assert!(Case::spoilt(PROVEN, |case| case.answer.body.push(' ')));
}

#[test]
fn somebody_elses_request_is_seen() {
    assert!(Case::spoilt(PROVEN, |case| case.after = case.before.clone()));
}
