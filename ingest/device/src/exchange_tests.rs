//! The exchange by tables: which answer leads to which step, after which wait, or to which error.

use super::*;
use zeroize::Zeroizing;

const ID: &str = "0123456789abcdef0123456789abcdef";

/// No jitter: 1 s, 2 s, 4 s ...
fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
}

fn answer(status: u16, retry_after: Option<u64>, body: &str) -> Answer {
    Answer {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: Zeroizing::new(body.as_bytes().to_vec()),
    }
}

fn pending() -> String {
    format!(r#"{{"requestId":"{ID}","status":"pending","pollAfterSeconds":7}}"#)
}

fn vended() -> String {
    let id = "a".repeat(64);
    format!(
        r#"{{"requestId":"{ID}","status":"vended","certificateId":"{id}","endpoint":"iot.example",
            "bundle":{{"url":"https://s3.example/b","expiresAt":9,"sha256":"00"}}}}"#
    )
}

fn failed(retryable: bool) -> String {
    format!(
        r#"{{"requestId":"{ID}","status":"failed","code":"csr_refused","retryable":{retryable},"failedAt":1}}"#
    )
}

/// An exchange that went the straight way up to `step`.
fn at(step: Step) -> Exchange {
    let way = [
        (Step::Submit, pending()),
        (Step::Poll, vended()),
        (Step::Fetch, "bundle".to_owned()),
        (Step::Roots, "roots".to_owned()),
        (Step::Install, String::new()),
        (Step::Confirm, String::new()),
    ];
    let mut exchange = Exchange::start(backoff());
    for (here, body) in way {
        if exchange.action().step() == step {
            break;
        }
        assert_eq!(exchange.action().step(), here);
        if here == Step::Install {
            exchange.on_installed();
        } else {
            exchange.on_answer(answer(200, None, &body)).unwrap();
        }
    }
    assert_eq!(exchange.action().step(), step);
    exchange
}

const ASKING: [Step; 5] = [
    Step::Submit,
    Step::Poll,
    Step::Fetch,
    Step::Roots,
    Step::Confirm,
];

#[test]
fn the_straight_way_leads_through_every_step() {
    for step in [Step::Install, Step::Done].into_iter().chain(ASKING) {
        at(step);
    }
}

#[test]
fn each_answer_leads_to_its_step_after_its_wait() {
    let vended = vended();
    let pending = pending();
    let expired = r#"{"status":410,"code":"bundle_expired","title":""}"#.to_owned();
    let confirmed = r#"{"status":409,"code":"already_confirmed","title":""}"#.to_owned();
    let table = [
        (Step::Submit, answer(202, None, &pending), Step::Poll, 7),
        (Step::Submit, answer(202, Some(3), &pending), Step::Poll, 3),
        (Step::Submit, answer(200, None, &vended), Step::Fetch, 0),
        (
            Step::Submit,
            answer(200, None, &failed(true)),
            Step::Submit,
            1,
        ),
        (Step::Poll, answer(202, Some(2), &pending), Step::Poll, 2),
        (Step::Poll, answer(200, None, &vended), Step::Fetch, 0),
        (
            Step::Poll,
            answer(200, None, &failed(true)),
            Step::Submit,
            1,
        ),
        (Step::Poll, answer(404, None, ""), Step::Submit, 1),
        (Step::Poll, answer(410, None, &expired), Step::Submit, 1),
        (Step::Fetch, answer(403, None, "<Error/>"), Step::Poll, 1),
        (
            Step::Fetch,
            answer(400, None, "ExpiredToken"),
            Step::Poll,
            1,
        ),
        (Step::Fetch, answer(404, None, ""), Step::Poll, 1),
        (Step::Fetch, answer(307, None, ""), Step::Poll, 1),
        (Step::Confirm, answer(204, None, ""), Step::Done, 0),
        (Step::Confirm, answer(409, None, &confirmed), Step::Done, 0),
        (Step::Confirm, answer(410, None, ""), Step::Done, 0),
    ];
    for (from, given, to, seconds) in table {
        let status = given.status;
        let mut exchange = at(from);
        let wait = exchange.on_answer(given).unwrap();
        assert_eq!(exchange.action().step(), to, "{from} {status}");
        assert_eq!(wait, Duration::from_secs(seconds), "{from} {status}");
    }
}

#[test]
fn each_refusal_is_an_error_with_its_code_and_exit_code() {
    let problem = r#"{"status":401,"code":"unauthorized","title":"Unauthorized"}"#;
    let table = [
        (Step::Submit, 400, "bad_request", 1),
        (Step::Submit, 401, problem, 1),
        (Step::Submit, 409, "", 1),
        (Step::Submit, 413, "", 1),
        (Step::Submit, 415, "", 1),
        (Step::Submit, 422, "", 1),
        (Step::Submit, 404, "", 1),
        (Step::Submit, 302, "", 1),
        (Step::Poll, 401, problem, 1),
        (Step::Poll, 403, "", 1),
        (Step::Roots, 404, "", 1),
        (Step::Confirm, 401, problem, 1),
        (Step::Confirm, 404, "", 1),
        (Step::Confirm, 409, "", 1),
    ];
    for (step, status, body, exit_code) in table {
        let error = at(step).on_answer(answer(status, None, body)).unwrap_err();
        let code = if body == problem {
            "unauthorized".to_owned()
        } else {
            format!("http_{status}")
        };
        assert_eq!(error.code(), code, "{step} {status}");
        assert_eq!(error.exit_code(), exit_code, "{step} {status}");
    }
}

#[test]
fn a_replacement_that_is_not_over_is_tried_again_later() {
    let pending = r#"{"status":409,"code":"replacement_pending","title":""}"#;
    let error = at(Step::Submit)
        .on_answer(answer(409, Some(60), pending))
        .unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("later", 3));
}

#[test]
fn what_was_handed_over_before_is_gone() {
    for step in [Step::Submit, Step::Poll] {
        let error = at(step).on_answer(answer(410, None, "")).unwrap_err();
        assert_eq!(error.code(), "gone");
    }
}

#[test]
fn a_failure_for_good_ends_the_run() {
    for step in [Step::Submit, Step::Poll] {
        let error = at(step)
            .on_answer(answer(200, None, &failed(false)))
            .unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("csr_refused", 1));
    }
}

#[test]
fn a_busy_server_is_asked_again_in_the_same_step_when_it_says() {
    for step in ASKING {
        for status in [408, 429, 500, 502, 503, 504] {
            let mut exchange = at(step);
            let wait = exchange.on_answer(answer(status, Some(30), "")).unwrap();
            assert_eq!(wait, Duration::from_secs(30), "{step} {status}");
            assert_eq!(exchange.action().step(), step, "{status}");
        }
    }
}

#[test]
fn without_a_word_from_the_server_the_waits_double_until_it_answers() {
    let mut exchange = at(Step::Submit);
    let mut waits = vec![exchange.on_unreachable(), exchange.on_unreachable()];
    waits.push(exchange.on_answer(answer(503, None, "")).unwrap());
    exchange.on_answer(answer(202, None, &pending())).unwrap();
    waits.push(exchange.on_unreachable());
    assert_eq!(waits, [1, 2, 4, 1].map(Duration::from_secs));
}

#[test]
fn the_waits_never_end_and_never_exceed_the_longest() {
    let mut exchange = at(Step::Poll);
    let last = (0..100).map(|_| exchange.on_unreachable()).last().unwrap();
    assert_eq!(last, Duration::from_mins(1));
}

#[test]
fn a_failed_request_is_submitted_anew_three_times() {
    let mut exchange = at(Step::Poll);
    for seconds in [1, 2, 4] {
        let wait = exchange.on_answer(answer(200, None, &failed(true)));
        assert_eq!(wait.unwrap(), Duration::from_secs(seconds));
        exchange.on_answer(answer(202, None, &pending())).unwrap();
    }
    let error = exchange
        .on_answer(answer(200, None, &failed(true)))
        .unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("csr_refused", 3));
}

#[test]
fn a_refused_link_is_replaced_five_times() {
    let mut exchange = at(Step::Fetch);
    for _ in 0..RELINKS_MAX {
        exchange.on_answer(answer(403, None, "")).unwrap();
        exchange.on_answer(answer(200, None, &vended())).unwrap();
    }
    let error = exchange.on_answer(answer(403, None, "")).unwrap_err();
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn a_server_that_says_at_once_is_still_not_polled_without_pause() {
    let mut exchange = at(Step::Poll);
    let wait = exchange.on_answer(answer(202, Some(0), &pending()));
    assert_eq!(wait.unwrap(), POLL_FLOOR);
}

#[test]
fn an_answer_that_is_no_status_is_not_guessed_at() {
    for body in ["", "{}", "<html>", r#"{"requestId":"x","status":"vended"}"#] {
        let error = at(Step::Poll).on_answer(answer(200, None, body));
        assert_eq!(error.unwrap_err().code(), "bad_answer", "{body}");
    }
    let error = at(Step::Roots).on_answer(Answer {
        status: 200,
        retry_after: None,
        body: Zeroizing::new(vec![0xff]),
    });
    assert_eq!(error.unwrap_err().code(), "bad_answer");
}

#[test]
fn what_was_fetched_is_delivered_with_what_was_announced() {
    let exchange = at(Step::Install);
    let Action::Install(delivery) = exchange.action() else {
        panic!("not at the install");
    };
    assert_eq!(delivery.bundle.as_slice(), b"bundle");
    assert_eq!(delivery.roots_pem, "roots");
    assert_eq!(delivery.sha256, "00");
    assert_eq!(delivery.request_id.as_str(), ID);
}

#[test]
fn a_bundle_in_the_answer_needs_no_fetching() {
    let id = "a".repeat(64);
    let view = format!(
        r#"{{"requestId":"{ID}","status":"vended","certificateId":"{id}","endpoint":"iot.example",
            "bundle":{{"content":"YnVuZGxl","sha256":"00"}}}}"#
    );
    let mut exchange = at(Step::Poll);
    exchange.on_answer(answer(200, None, &view)).unwrap();
    exchange.on_answer(answer(200, None, "roots")).unwrap();
    let Action::Install(delivery) = exchange.action() else {
        panic!("not at the install");
    };
    assert_eq!(delivery.bundle.as_slice(), b"bundle");
    assert!(delivery.inline);
    let broken = view.replace("YnVuZGxl", "YnVuZGx");
    let error = at(Step::Poll).on_answer(answer(200, None, &broken));
    assert_eq!(error.unwrap_err().code(), "bad_answer");
}

#[test]
fn an_installed_device_only_confirms() {
    let id = RequestId::parse(ID).unwrap();
    let mut exchange = Exchange::installed(id, backoff());
    assert_eq!(exchange.action().step(), Step::Confirm);
    exchange.on_answer(answer(204, None, "")).unwrap();
    assert_eq!(exchange.action().step(), Step::Done);
}
