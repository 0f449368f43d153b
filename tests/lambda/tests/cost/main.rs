//! The figures that `cvmctl cost` works with, held to what the real functions do, on the stand-in for AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod units;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use cvm_aws::system::SystemClock;
use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_device::vend::vend;
use cvm_lambda::backend::Backend;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_lambda::life;
use cvm_lambda::proxy::wire::Phase as Hour;
use cvm_lambda::sweep::sweep;
use cvm_ledger::change::Change;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;
use cvm_ops::cost::measures::FILE;
use cvm_ops::cost::measures::Login;
use cvm_ops::cost::measures::Mode;
use cvm_ops::cost::measures::Phase;
use cvm_ops::cost::measures::read;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::begun;
use cvm_standin::Options;
use cvm_standin::Written;
use serde_json::Value;
use serde_json::json;
use units::ITEM;
use units::index_units;
use units::size;
use units::units;

/// What was seen: how much of what, in which phase.
type Seen = BTreeMap<(Phase, String), u64>;

/// How far a number of bytes may be from the file's, in percent: names and numbers differ in length.
const BYTES_OFF: u64 = 10;

/// How often a life is lived until one is as the file says: on a busy machine a call may be repeated, or a worker may run
/// out of time. A life that needs more by its nature needs it each time.
const LIVES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_are_what_the_functions_do() {
    let backend = Backend::stand_in(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::find().await.unwrap();
    let functions = Functions::build(&workspace, Profile::Dev, Progress::Quiet).await;
    let functions = functions.unwrap();
    let lane = lane(&backend, &functions, dir.path()).await;
    // What a process asks once in its life is not asked for each certificate: this device pays it.
    device(
        &backend,
        &lane,
        dir.path(),
        "SN-first",
        Mode::Csr,
        Login::Proof,
    )
    .await;
    for (serial, mode, login) in [
        ("SN-cost-1", Mode::Csr, Login::Proof),
        ("SN-cost-2", Mode::Csr, Login::Token),
        ("SN-cost-3", Mode::Keys, Login::Proof),
        ("SN-cost-4", Mode::Keys, Login::Token),
    ] {
        let mut wrong = vec![String::new()];
        for attempt in 1..=LIVES {
            let serial = format!("{serial}{attempt}");
            let mut seen = device(&backend, &lane, dir.path(), &serial, mode, login).await;
            seen.extend(round(&backend, &functions, dir.path()).await);
            wrong = compared(&seen, mode, login);
            if wrong.is_empty() {
                break;
            }
            println!("{serial} was disturbed, or measures.csv is wrong: {wrong:?}");
        }
        let wrong = wrong.join("\n");
        assert!(wrong.is_empty(), "measures.csv says otherwise:\n{wrong}");
    }
}

async fn lane(backend: &Backend, functions: &Functions, dir: &Path) -> Lane {
    let options = LaneOptions {
        proxied: true,
        ..LaneOptions::impatient()
    };
    let queues = backend
        .queues("lane", options.visibility_seconds)
        .await
        .unwrap();
    let lane = Lane::start(backend, functions, queues, dir, "lane", options);
    Box::pin(lane).await.unwrap()
}

/// Lives a device's life; what it took.
async fn device(
    backend: &Backend,
    lane: &Lane,
    dir: &Path,
    serial: &str,
    mode: Mode,
    login: Login,
) -> Seen {
    let account = backend.account().unwrap();
    let serial = SerialNumber::parse(serial).unwrap();
    // One that has to start comes to the row after the door has marked it. A warm one may be faster, and then pays for
    // a claim that is refused.
    lane.worker.kill_all().await;
    account.keep_writes();
    lane.wire.begin(None);
    let (events, logged, fetched) = (lane.ingest.lives().events, logged(lane), fetched(backend));
    let operator = Author::parse("arn:aws:iam::123456789012:user/factory").unwrap();
    let imported = life::device(&serial, &backend.names().policy);
    let imported = begun(imported, Hand::new(operator, SystemClock.now()));
    backend.put(&imported).await.unwrap();
    let key_mode = match mode {
        Mode::Csr => KeyMode::Csr,
        Mode::Keys => KeyMode::Keys,
    };
    let mut config = life::config(lane.front.url(), &serial, key_mode, dir).unwrap();
    config.auth = match login {
        Login::Proof => Auth::Proof,
        Login::Token => Auth::Token,
    };
    let vended = Box::pin(vend(&config, &|| SystemClock.now(), &|_| ())).await;
    vended.unwrap();
    let mut seen = calls(lane);
    let polls = polls(lane);
    // Beside the submission, the polls and the confirmation: the roots to trust.
    let others = lane.ingest.lives().events - events - polls - 2;
    note(&mut seen, Phase::Trust, "HTTP request", others);
    for phase in [Phase::Submit, Phase::Poll, Phase::Confirm] {
        note(&mut seen, phase, "HTTP request", 1);
    }
    note(
        &mut seen,
        Phase::Fetch,
        "GetObject",
        self::fetched(backend) - fetched,
    );
    told(&account.keep_writes(), &mut seen);
    guarded(account, &serial, &mut seen);
    for ((phase, lines), (_, before)) in self::logged(lane).into_iter().zip(logged) {
        note_lines(&mut seen, phase, &lines[before.len()..]);
    }
    seen
}

fn note(seen: &mut Seen, phase: Phase, what: &str, amount: u64) {
    *seen.entry((phase, what.to_owned())).or_default() += amount;
}

/// How many objects were fetched so far, by whomever.
fn fetched(backend: &Backend) -> u64 {
    let calls = backend.account().unwrap().calls();
    calls.get("GetObject").copied().unwrap_or_default()
}

/// How often the device polled: each time its row is read once.
fn polls(lane: &Lane) -> u64 {
    let calls = lane.wire.record().calls;
    let read = calls
        .iter()
        .filter(|point| point.phase == Hour::Poll && point.call.operation == "GetItem");
    read.count() as u64
}

/// The calls of the functions. Reads and the guard's writes are of small items: one unit each.
fn calls(lane: &Lane) -> Seen {
    let mut seen = Seen::new();
    for point in lane.wire.record().calls {
        let phase = match point.phase {
            Hour::Submit => Phase::Submit,
            Hour::Work => Phase::Work,
            Hour::Poll => Phase::Poll,
            Hour::Confirm => Phase::Confirm,
            Hour::Other => panic!("{point}"),
        };
        match point.call.operation.as_str() {
            // Of a process: every so many seconds, and once.
            "GetQueueAttributes" | "DescribeEndpoint" => continue,
            "GetItem" => note(&mut seen, phase, "read unit", 1),
            "PutItem" => note(&mut seen, phase, "write unit", 1),
            _ => {}
        }
        note(&mut seen, phase, &point.call.operation, 1);
    }
    let polls = polls(lane);
    let of_polls = seen.iter_mut();
    for (_, amount) in of_polls.filter(|((phase, _), _)| *phase == Phase::Poll) {
        *amount = amount.div_ceil(polls.max(1));
    }
    seen
}

/// What the writes to the device's row cost, what the ledger makes of them, and what is left at the end.
fn told(writes: &[Written], seen: &mut Seen) {
    for write in writes {
        let phase = phase(write);
        note(seen, phase, "write unit", units(write));
        let moves = [&["waitsFor", "waitsSince"][..], &["certID"]];
        let moves: u64 = moves.iter().map(|keys| index_units(write, keys)).sum();
        if moves > 0 {
            note(seen, phase, "index write unit", moves);
        }
        let entry = entry_bytes(write);
        note(seen, Phase::Trail, "entry", 1);
        note(seen, Phase::Trail, "trail write unit", entry.div_ceil(1024));
        note(seen, Phase::Kept, "trail byte", entry + ITEM);
    }
    let row = &writes.last().unwrap().after;
    assert!(
        row.get("waitsFor").is_none(),
        "it waits for nothing any more"
    );
    note(seen, Phase::Kept, "row byte", size(row) + ITEM);
    let keys = json!({ "productid": row["productid"], "certID": row["certID"] });
    note(seen, Phase::Kept, "index byte", size(&keys) + ITEM);
}

/// By the state that the row is in after it (`applyState`).
fn phase(write: &Written) -> Phase {
    let state = write.after["applyState"]["N"].as_str().unwrap();
    match state {
        _ if write.before.is_none() => Phase::Import,
        "2" => Phase::Submit,
        "-1" if write.after.get("confirmedAt").is_some() => Phase::Confirm,
        _ => Phase::Work,
    }
}

/// The size of the entry that the ledger makes of a write.
fn entry_bytes(write: &Written) -> u64 {
    let told = json!({ "dynamodb": {
        "SequenceNumber": "1",
        "NewImage": write.after,
        "OldImage": write.before,
    }});
    let change = Change::read(serde_json::from_value(told).unwrap()).unwrap();
    let head = change.entry.head.expect("every write is signed");
    let facts = change.entry.facts.iter();
    let facts: usize = facts.map(|(name, text)| name.len() + text.len()).sum();
    let more = "place".len() + change.entry.place.len() + "trailHead".len() + head.as_str().len();
    (facts + more) as u64
}

/// What the guard keeps for good of this device.
fn guarded(account: &cvm_standin::Account, serial: &SerialNumber, seen: &mut Seen) {
    let items = account.guarded();
    for item in items
        .iter()
        .filter(|item| item["productid"]["S"] == serial.as_str())
    {
        note(seen, Phase::Kept, "guard byte", size(item) + ITEM);
    }
}

/// What the functions have logged so far, by the phase that it is of.
fn logged(lane: &Lane) -> Logs {
    let (door, worker) = (text(&lane.ingest.spec().log), text(&lane.worker.spec().log));
    let is_confirmed = |line: &&str| line.contains("\"confirmed\"");
    let (confirmed, submitted): (Vec<_>, Vec<_>) = lines(&door).partition(is_confirmed);
    [
        (Phase::Submit, owned(submitted)),
        (Phase::Confirm, owned(confirmed)),
        (Phase::Work, owned(lines(&worker).collect())),
    ]
}

type Logs = [(Phase, Vec<String>); 3];

fn owned(lines: Vec<&str>) -> Vec<String> {
    lines.into_iter().map(ToOwned::to_owned).collect()
}

/// What these lines cost, and the metrics that they bring along.
fn note_lines(seen: &mut Seen, phase: Phase, told: &[String]) {
    let is_metrics = |line: &&String| line.contains("\"_aws\"");
    let (of_metrics, own): (Vec<_>, Vec<_>) = told.iter().partition(is_metrics);
    let size = |lines: &[&String]| lines.iter().map(|line| bytes(line)).sum();
    note(seen, phase, "log byte", size(&own));
    note(seen, phase, "metric byte", size(&of_metrics));
    let names = of_metrics.into_iter().flat_map(|line| metrics(line));
    let names: BTreeSet<String> = names.collect();
    note(seen, phase, "custom metric", names.len() as u64);
}

/// Each line is an event of its own, for which CloudWatch counts 26 bytes more.
fn bytes(line: &str) -> u64 {
    line.len() as u64 + 26
}

fn lines(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter(|line| !line.trim().is_empty())
}

fn text(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// A round of the janitor that finds nothing to do; the first one looks back further, so it is the second.
async fn round(backend: &Backend, functions: &Functions, dir: &Path) -> Seen {
    let queues = backend.queues("sweep", 60).await.unwrap();
    let log = dir.join("janitor.log");
    let sweep = async || {
        let swept = sweep(backend, &queues, &functions.janitor, dir).await;
        assert!(swept.unwrap());
    };
    sweep().await;
    let (before, said) = (backend.account().unwrap().calls(), text(&log));
    sweep().await;
    let mut seen = Seen::new();
    for (operation, count) in backend.account().unwrap().calls() {
        let more = count - before.get(&operation).copied().unwrap_or_default();
        if more > 0 {
            note(&mut seen, Phase::Round, &operation, more);
        }
    }
    units_of_a_round(&mut seen);
    let said = text(&log)[said.len()..].to_owned();
    note_lines(&mut seen, Phase::Round, &owned(lines(&said).collect()));
    seen
}

/// Queries of an index are eventually consistent and cost half a unit even if they find nothing.
fn units_of_a_round(seen: &mut Seen) {
    let get = |what: &str| seen[&(Phase::Round, what.to_owned())];
    let (reads, writes) = (get("Query") / 2 + get("GetItem"), get("UpdateItem"));
    note(seen, Phase::Round, "read unit", reads);
    note(seen, Phase::Round, "write unit", writes);
}

/// The metrics of our own that a line brings along (the embedded metric format).
fn metrics(line: &str) -> Vec<String> {
    let line: Value = serde_json::from_str(line).unwrap();
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let metrics = directives
        .iter()
        .flat_map(|one| one["Metrics"].as_array().unwrap());
    metrics.map(|one| one["Name"].to_string()).collect()
}

/// Where the file and what was seen differ.
fn compared(seen: &Seen, mode: Mode, login: Login) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut left = seen.clone();
    for measure in read(FILE)
        .unwrap()
        .into_iter()
        .filter(cvm_ops::cost::measures::Measure::is_measured)
    {
        let key = (measure.phase, measure.meter.name.to_owned());
        let was = left.remove(&key).unwrap_or_default();
        let is = measure
            .amount(mode, login)
            .to_string()
            .parse::<u64>()
            .unwrap();
        let off = if measure.meter.name.ends_with("byte") {
            is * BYTES_OFF / 100
        } else {
            0
        };
        if was.abs_diff(is) > off {
            wrong.push(format!(
                "{mode:?} {login:?} {} {}: {was}, not {is}",
                measure.phase.name(),
                measure.meter.name
            ));
        }
    }
    let more = left.iter().filter(|(_, amount)| **amount > 0);
    wrong.extend(more.map(|((phase, what), amount)| {
        format!(
            "{mode:?} {login:?} {} {what}: {amount} is not there",
            phase.name()
        )
    }));
    wrong
}
