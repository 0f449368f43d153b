//! The catalogue of bad inputs against the real door: refused as it should be, and nothing left of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_aws::system::SystemClock;
use cvm_hostile::cast;
use cvm_hostile::cast::KNOWN;
use cvm_hostile::cast::fresh;
use cvm_hostile::cast::prover;
use cvm_hostile::cast::token;
use cvm_hostile::event::Request;
use cvm_hostile::event::body;
use cvm_hostile::footprint::Footprint;
use cvm_hostile::footprint::since;
use cvm_hostile::judge;
use cvm_hostile::row::Leaves;
use cvm_hostile::row::Row;
use cvm_hostile::stage::Stage;
use cvm_hostile::table;
use cvm_lambda::function::Function;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Clock as _;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::record::Record;
use cvm_testkit::sample;
use futures_util::future::join_all;
use serde_json::Value;

/// A stage with its cast and a door of so many processes, warm: its nonces' key is made.
async fn open(processes: usize) -> (Stage, Function) {
    let stage = Box::pin(Stage::start()).await;
    cast::import(&stage.backend).await;
    let door = stage.ingest("ingest", &[], processes);
    assert_eq!(
        ask(&door, &Request::get("/v1/nonce")).await["statusCode"],
        200
    );
    (stage, door)
}

async fn ask(door: &Function, request: &Request) -> Value {
    door.invoke(&request.event()).await.unwrap()
}

fn nonce_key(stage: &Stage) -> NonceKey {
    let guarded = stage.account().guarded();
    let item = guarded
        .iter()
        .find(|item| item["guard"]["S"] == "secret#nonce");
    let text = item.unwrap()["secret"]["B"].as_str().unwrap();
    let bytes = BASE64_STANDARD.decode(text).unwrap();
    NonceKey::new(bytes.try_into().unwrap())
}

fn problem(answer: &Value) -> (u64, String) {
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    (answer["statusCode"].as_u64().unwrap(), code)
}

fn told(status: u64, code: &str) -> (u64, String) {
    (status, code.to_owned())
}

/// What is known of the stage between two rows.
struct Known {
    last: Footprint,
    devices: BTreeSet<String>,
}

/// What is wrong with one row.
async fn judged(stage: &Stage, door: &Function, row: &Row, known: &mut Known) -> Vec<String> {
    for device in &row.devices {
        if known.devices.insert(device.serial.to_string()) {
            stage.backend.put(device).await.unwrap();
            known.last = Footprint::of(stage.account());
        }
    }
    let answer = door.invoke(&row.event).await;
    let mut faults = judge::answer(row, &answer);
    faults.extend(effect(stage, row, known));
    if door.lives().started > 1 {
        faults.push("the process died of it".to_owned());
    }
    faults
}

/// Where nothing was called that writes, nothing can have changed: only the calls are looked at.
fn effect(stage: &Stage, row: &Row, known: &mut Known) -> Vec<String> {
    let calls = stage.account().calls();
    let made = since(&calls, &known.last.calls);
    let only_read = made.keys().all(|name| name == "GetItem");
    if only_read && matches!(row.leaves, Leaves::Nothing | Leaves::Lookup) {
        known.last.calls = calls;
        return judge::calls(row, &made);
    }
    let after = Footprint::of(stage.account());
    let faults = judge::effect(row, &known.last, &after);
    known.last = after;
    faults
}

/// Has all rows judged, tells how many there were, and fails if any is wrong.
async fn all_judged(stage: &Stage, door: &Function, rows: &[Row]) {
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::<&str, usize>::new());
    let mut known = Known {
        last: Footprint::of(stage.account()),
        devices: BTreeSet::new(),
    };
    for row in rows {
        *counts.entry(row.id).or_default() += 1;
        let faults = judged(stage, door, row, &mut known).await;
        if !faults.is_empty() {
            wrong.push(format!("{} {}: {}", row.id, row.what, faults.join("; ")));
        }
    }
    println!("{} rows: {counts:?}", rows.len());
    assert!(Footprint::of(stage.account()).is_like(&known.last));
    let shorten = |line: &String| line.chars().take(400).collect();
    let shown: Vec<String> = wrong.iter().take(100).map(shorten).collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        shown.join("\n")
    );
    // And after all of it, the process still does its work.
    let device = imported(stage).await;
    let answer = ask(door, &submission_of(&device, None)).await;
    assert_eq!(answer["statusCode"], 202);
    assert_eq!(door.lives().started, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_is_refused_as_the_catalogue_has_it() {
    let (stage, door) = Box::pin(open(1)).await;
    let rows = table::rows(SystemClock.now(), &nonce_key(&stage));
    Box::pin(all_judged(&stage, &door, &rows)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b105_to_b107_the_old_calls_refuse_bad_inputs_too() {
    let (stage, _) = Box::pin(open(1)).await;
    let door = stage.ingest("legacy", &[("CVM_LEGACY_API", "on")], 1);
    ask(&door, &Request::get("/v1/nonce")).await;
    Box::pin(all_judged(&stage, &door, &table::legacy::on())).await;
}

fn submission_of(device: &Record, csr: Option<&str>) -> Request {
    let serial = device.serial.as_str();
    Request::submission(body(serial, &token(serial), csr))
}

async fn imported(stage: &Stage) -> Record {
    let device = fresh();
    stage.backend.put(&device).await.unwrap();
    device
}

/// B60 and I11: not one byte tells why; only the nonce for the next try differs.
#[tokio::test(flavor = "multi_thread")]
async fn b60_every_401_is_the_same_bytes() {
    let (_stage, door) = Box::pin(open(1)).await;
    let mut seen = BTreeSet::new();
    let logins = table::login::strangers_logins(SystemClock.now().seconds());
    for (what, request) in logins {
        let mut answer = ask(&door, &request).await;
        assert_eq!(answer["statusCode"], 401, "{what}");
        let headers = answer["headers"].as_object_mut().unwrap();
        assert!(headers.remove("replay-nonce").is_some(), "{what}");
        seen.insert(answer.to_string());
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

/// B63: another device's request is as much nothing as one that never was.
#[tokio::test(flavor = "multi_thread")]
async fn b63_a_foreign_request_is_not_there() {
    let (stage, door) = Box::pin(open(1)).await;
    let device = imported(&stage).await;
    let answer = ask(&door, &submission_of(&device, None)).await;
    let foreign = answer["headers"]["location"].as_str().unwrap().to_owned();
    let before = Footprint::of(stage.account());
    let never = format!("{CERTIFICATES_PATH}/{}", "0".repeat(32));
    let mut seen = BTreeSet::new();
    for path in [foreign, never] {
        for call in [
            Request::get(path.as_str()),
            Request::new("POST", format!("{path}/confirm")),
        ] {
            let answer = ask(&door, &call.token(KNOWN, &token(KNOWN))).await;
            assert_eq!(problem(&answer), told(404, "not_found"));
            seen.insert(answer.to_string());
        }
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(Footprint::of(stage.account()).rows, before.rows);
}

/// B42, B43: asking the same again is the same request, asking for something else is a conflict.
#[tokio::test(flavor = "multi_thread")]
async fn b42_b43_one_request_a_device() {
    let (stage, door) = Box::pin(open(1)).await;
    let device = imported(&stage).await;
    let csr = sample::csr_pem_of(device.serial.as_str());
    let first = ask(&door, &submission_of(&device, Some(&csr))).await;
    let again = ask(&door, &submission_of(&device, Some(&csr))).await;
    assert_eq!(first["headers"]["location"], again["headers"]["location"]);
    let before = Footprint::of(stage.account());
    for other in [None, Some(sample::csr_pem_of(device.serial.as_str()))] {
        let answer = ask(&door, &submission_of(&device, other.as_deref())).await;
        assert_eq!(problem(&answer), told(409, "other_request"));
    }
    let after = Footprint::of(stage.account());
    assert_eq!((after.rows, after.queue), (before.rows, before.queue));
}

/// B40: a key that two devices have is one that somebody copied.
#[tokio::test(flavor = "multi_thread")]
async fn b40_a_key_of_another_device_is_refused() {
    let (stage, door) = Box::pin(open(1)).await;
    let key = cvm_hostile::draft::Key::fresh();
    let csr = key.draft().signed(&key);
    let (one, other) = (imported(&stage).await, imported(&stage).await);
    assert_eq!(
        ask(&door, &submission_of(&one, Some(&csr))).await["statusCode"],
        202
    );
    let before = Footprint::of(stage.account());
    let answer = ask(&door, &submission_of(&other, Some(&csr))).await;
    assert_eq!(problem(&answer), told(422, "bad_csr"));
    let again = key.draft().named(&[(
        cvm_hostile::draft::CN,
        cvm_hostile::der::utf8(other.serial.as_str()),
    )]);
    let answer = ask(&door, &submission_of(&other, Some(&again.signed(&key)))).await;
    assert_eq!(problem(&answer), told(422, "bad_csr"));
    let after = Footprint::of(stage.account());
    assert_eq!(
        (after.rows, after.guarded, after.queue),
        (before.rows, before.guarded, before.queue)
    );
}

fn proven_submission(device: &Record, number: u8) -> Request {
    let prover = Prover::new(
        device.serial.clone(),
        &cast::device_token(device.serial.as_str()),
    );
    let nonce = RequestNonce::from_random([number; 16]);
    Request::submission("{}").proven(&prover, Stamp::At(SystemClock.now().seconds()), &nonce)
}

/// B52: the same bytes, one after another, each time at another process.
#[tokio::test(flavor = "multi_thread")]
async fn b52_a_replay_is_refused_by_every_process() {
    let (stage, first) = Box::pin(open(1)).await;
    let others = [1, 2, 3].map(|number| stage.ingest(&format!("ingest-{number}"), &[], 1));
    let device = imported(&stage).await;
    let request = proven_submission(&device, 1);
    assert_eq!(ask(&first, &request).await["statusCode"], 202);
    let before = Footprint::of(stage.account());
    for door in others.iter().chain([&first]) {
        let answer = ask(door, &request).await;
        assert_eq!(problem(&answer), told(400, "bad_nonce"));
        assert!(answer["headers"]["replay-nonce"].is_string());
        assert!(answer["headers"]["cvm1-proof"].is_null());
    }
    let after = Footprint::of(stage.account());
    assert_eq!(
        (after.rows, after.guarded, after.queue),
        (before.rows, before.guarded, before.queue)
    );
}

/// B53: fifty at once over four processes that share nothing but the table.
#[tokio::test(flavor = "multi_thread")]
async fn b53_of_fifty_replays_at_once_one_is_accepted() {
    let (stage, door) = Box::pin(open(4)).await;
    let device = imported(&stage).await;
    let before = Footprint::of(stage.account());
    let request = proven_submission(&device, 1);
    let answers = join_all((0..50).map(|_| ask(&door, &request))).await;
    let mut counts = BTreeMap::<(u64, String), usize>::new();
    for answer in &answers {
        *counts.entry(problem(answer)).or_default() += 1;
    }
    let due = BTreeMap::from([(told(202, ""), 1), (told(400, "bad_nonce"), 49)]);
    assert_eq!(counts, due);
    let after = Footprint::of(stage.account());
    assert_eq!(after.changed_rows(&before), [device.serial.to_string()]);
    assert_eq!(after.changed_guards(&before).len(), 1);
    assert_eq!(after.queue, before.queue + 1);
    assert!(door.lives().started > 1, "more than one process took part");
}

/// B56 and I8: asking for nonces and showing bad proofs leaves nothing, however often.
#[tokio::test(flavor = "multi_thread")]
async fn b56_nonces_and_bad_proofs_leave_nothing() {
    let (stage, door) = Box::pin(open(1)).await;
    let before = Footprint::of(stage.account());
    let mut nonces = BTreeSet::new();
    for number in 0..500_u32 {
        let answer = ask(&door, &Request::get("/v1/nonce")).await;
        let nonce = answer["headers"]["replay-nonce"]
            .as_str()
            .unwrap()
            .to_owned();
        let poll = Request::get(format!("{CERTIFICATES_PATH}/{number}"));
        let shown = RequestNonce::parse(&nonce).unwrap();
        let proven = poll.clone().proven(&prover("SN-2"), Stamp::NoClock, &shown);
        let (_, header) = proven.headers.last().unwrap();
        let stolen = poll.header("authorization", header.replace("SN-2", KNOWN));
        assert_eq!(
            problem(&ask(&door, &stolen).await),
            told(401, "unauthorized")
        );
        nonces.insert(nonce);
    }
    assert_eq!(nonces.len(), 500);
    let after = Footprint::of(stage.account());
    assert_eq!((after.rows, after.guarded), (before.rows, before.guarded));
}

/// B70: whoever guesses for a device does not lock it out.
#[tokio::test(flavor = "multi_thread")]
async fn b70_wrong_logins_lock_nobody_out() {
    let (stage, door) = Box::pin(open(1)).await;
    let device = imported(&stage).await;
    for number in 0..500 {
        let guess = Request::submission(body(
            device.serial.as_str(),
            &format!("guess-{number}"),
            None,
        ));
        assert_eq!(
            problem(&ask(&door, &guess).await),
            told(401, "unauthorized")
        );
    }
    assert_eq!(
        ask(&door, &submission_of(&device, None)).await["statusCode"],
        202
    );
}
