//! Requests, events, messages and settings with secrets in odd places, and an AWS that is not there.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_hostile::event::Request;
use cvm_hostile::event::body;
use cvm_hostile::evidence::Kind;
use cvm_hostile::stage::Stage;
use cvm_shared::api::CERTIFICATES_PATH;
use serde_json::Value;
use serde_json::json;

use crate::play::Play;

/// What is put where it does not belong, one for each place.
pub(crate) const MARKS: [&str; 22] = [
    "hush-mark-wrong-token",
    "hush-mark.in.serial",
    "hush-mark-in-csr",
    "hush-mark-as-key",
    "hush-mark-cut-off",
    "hush-mark-bare-body",
    "hush-mark-in-list",
    "hush-mark-in-path",
    "hush-mark-in-query",
    "hush-mark-in-header",
    "hush-mark-in-header-name",
    "hush-mark-in-type",
    "hush-mark-in-scheme",
    "hush-mark-in-prefer",
    "hush-mark-in-proof",
    "hush-mark-in-nonce",
    "hush-mark-in-host",
    "hush-mark-in-method",
    "hush-mark-bad-base64",
    "hush-mark-event-text",
    "hush-mark-event-list",
    "hush-mark-janitor-event",
];

/// What lies in messages that no worker can read; a dead letter is the message, so there it may be.
pub(crate) const POISON: [&str; 4] = [
    "hush-mark-poison-text",
    "hush-mark-poison-json",
    "hush-mark-poison-csr",
    "hush-mark-poison-event",
];

/// All of it.
pub(crate) async fn all(play: &mut Play) {
    let door = play.door.clone();
    let lenient = play.lenient.clone();
    for request in requests() {
        play.ask_noted(&door, &request).await;
    }
    let wrong = Request::submission(body("SN-keys-weak", MARKS[0], None));
    play.ask_noted(&lenient, &wrong).await;
    for event in events(MARKS[19], MARKS[20]) {
        let answer = play.invoke(&door, &event).await;
        play.note(Kind::Answer, "odd event", answer.to_string());
    }
    poison(play).await;
    settings(play).await;
    nobody_home(play).await;
}

#[expect(clippy::too_many_lines, reason = "a table is as long as its rows")]
fn requests() -> Vec<Request> {
    let submit = |text: String| Request::submission(text);
    let poll = || Request::get(format!("{CERTIFICATES_PATH}/x"));
    let m = MARKS;
    let login = |value: String| poll().header("authorization", value);
    let mut other_method = poll();
    m[17].clone_into(&mut other_method.method);
    let mut other_host = poll();
    m[16].clone_into(&mut other_host.host);
    let mut bad_base64 = submit(format!("{}%", BASE64_STANDARD.encode(m[18])));
    bad_base64.base64 = true;
    vec![
        submit(body("SN-csr-token", m[0], None)),
        poll().token("SN-csr-token", m[0]),
        poll().token("SN-nobody", m[0]),
        submit(body(m[1], "t", None)),
        submit(body(&format!("{}!", m[1]), "t", None)),
        submit(body(
            "SN-csr-token",
            &cvm_hostile::cast::token("SN-csr-token"),
            Some(m[2]),
        )),
        submit(json!({ m[3]: "x" }).to_string()),
        submit(format!(
            "{{\"serialNumber\":\"SN-1\",\"deviceToken\":\"{}",
            m[4]
        )),
        submit(m[5].to_owned()),
        submit(json!(["SN-1", m[6]]).to_string()),
        submit(json!({ "serialNumber": "SN-1", "deviceToken": [m[6]] }).to_string()),
        Request::get(format!("{CERTIFICATES_PATH}/{}", m[7])),
        Request::get(format!("/{}", m[7])),
        poll().query(format!("deviceToken={}", m[8])),
        poll().header("x-token", m[9]),
        poll().header(m[10], "x"),
        poll().header(format!("{}\u{e9}", m[10]), "x"),
        poll().header("x-token", format!("{}\n", m[9])),
        submit("{}".to_owned())
            .without("content-type")
            .header("content-type", m[11]),
        login(format!("{} serial=\"SN-1\",token=\"t\"", m[12])),
        login(format!("Bearer {}", m[12])),
        login(format!(
            "CVM1-TOKEN serial=\"SN-1\",token=\"{0}\",token=\"{0}\"",
            m[12]
        )),
        login(format!("CVM1-TOKEN serial=\"{}\u{e9}\",token=\"t\"", m[12])),
        login(format!(
            "CVM1 serial=\"SN-1\",ts=\"-\",nonce=\"{}\",proof=\"x\"",
            m[15]
        )),
        login(format!(
            "CVM1 serial=\"SN-1\",ts=\"{}\",nonce=\"x\",proof=\"x\"",
            m[15]
        )),
        login(format!(
            "CVM1 serial=\"SN-csr-proof\",ts=\"1\",nonce=\"AAECAwQFBgcICQoLDA0ODw\",proof=\"{}\"",
            m[14]
        )),
        poll().header("prefer", m[13]),
        poll().header("prefer", format!("{}\u{e9}", m[13])),
        other_method,
        other_host,
        bad_base64,
    ]
}

/// What no event source sends. The runtime must not repeat it in its own errors either.
fn events(text: &str, list: &str) -> Vec<Value> {
    vec![
        json!(text),
        json!([list]),
        json!({ text: list }),
        json!({ "body": [text] }),
        json!({ "headers": { "authorization": { text: list } }, "requestContext": { "http": { "method": "GET" } } }),
        json!({ "requestContext": { "http": { "method": { text: list } } } }),
        json!({ "Records": text }),
        json!({ "Records": [{ "body": text }] }),
        json!({ "Records": [{ "body": { text: list }, "messageId": "x", "receiptHandle": "y" }] }),
        json!({ "Records": [{ "messageId": "x", "body": text, "attributes": { "ApproximateReceiveCount": [list] } }] }),
    ]
}

/// Messages that nobody can read, and batches that are none.
async fn poison(play: &mut Play) {
    let [text, json, csr, event] = POISON;
    let order = json!({ "v": 1, "serialNumber": json, "requestId": json, "generation": 1 });
    let foreign = json!({ "v": 1, "serialNumber": "SN-nobody", "requestId": "x", "generation": 0, "csr": csr });
    for message in [
        text.to_owned(),
        format!("{{\"v\":1,\"a\":\"{json}"),
        order.to_string(),
        foreign.to_string(),
    ] {
        play.stage.account().send(&message);
    }
    assert_eq!(play.work(600).await.len(), 4);
    let worker = play.worker.clone();
    for odd in events(event, event) {
        let answer = play.invoke(&worker, &odd).await;
        play.note(Kind::Answer, "worker's odd event", answer.to_string());
    }
    let reasons = play.stage.account().dead_letters();
    assert!(reasons.len() >= 3, "{reasons:?}");
}

/// Settings are told by name when they are wrong, never by value.
async fn settings(play: &mut Play) {
    for (number, name) in [
        "CVM_POLL_SECONDS",
        "CVM_REPROVISION",
        "CVM_TRUST_ANCHORS_PEM",
        "CVM_WEAK_SECRETS",
        "CVM_UNKNOWN",
    ]
    .into_iter()
    .enumerate()
    {
        let log = format!("ingest-misled-{number}");
        let door = play
            .stage
            .ingest(&log, &[(name, MARKS[21]), ("RUST_BACKTRACE", "full")], 1);
        let answer = play.invoke(&door, &json!({ "why": MARKS[21] })).await;
        assert!(!answer["lost"].is_null(), "{name}: {answer}");
        play.note(Kind::Answer, name, answer.to_string());
        let told = String::from_utf8_lossy(&play.stage.log(&log)).into_owned();
        assert!(told.contains(name), "{name} is not named: {told}");
    }
}

/// An AWS that cannot be reached: its callers say so, and not what they wanted.
async fn nobody_home(play: &mut Play) {
    let gone = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
    ];
    let door = play.stage.ingest("ingest-alone", &gone, 1);
    let token = cvm_hostile::cast::token("SN-csr-token");
    let submission = Request::submission(body("SN-csr-token", &token, None));
    let answer = play.ask_noted(&door, &submission).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let worker = play.stage.worker("worker-alone", &gone);
    let messages = play
        .places
        .iter()
        .filter(|place| place.kind == Kind::Message);
    let body = messages
        .map(|place| String::from_utf8_lossy(&place.content).into_owned())
        .find(|text| text.contains("SN-keys"));
    let message = aws_sdk_sqs::types::Message::builder()
        .message_id("m")
        .receipt_handle("r")
        .body(body.unwrap())
        .build();
    let answer = play.invoke(&worker, &Stage::batch(&[message])).await;
    play.note(Kind::Answer, "worker alone", answer.to_string());
}
