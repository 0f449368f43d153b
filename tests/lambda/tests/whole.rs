//! The real function binaries as Lambda would run them, against the stand-in for AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::install::KeyMode;
use cvm_lambda::backend::Backend;
use cvm_lambda::burst::Burst;
use cvm_lambda::burst::Plan;
use cvm_lambda::fleet;
use cvm_lambda::function::Function;
use cvm_lambda::function::InvokeError;
use cvm_lambda::function::Lives;
use cvm_lambda::function::Spec;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_lambda::life::Life;
use cvm_lambda::life::device;
use cvm_lambda::life::live;
use cvm_lambda::life::live_as;
use cvm_lambda::matrix::Case;
use cvm_lambda::matrix::Crew;
use cvm_lambda::poller::Loss;
use cvm_lambda::proxy::wire::Phase;
use cvm_lambda::proxy::wire::Strike;
use cvm_lambda::sweep::sweep;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;
use cvm_privileges::recording;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use cvm_standin::Options;
use cvm_testkit::sample;
use cvm_testkit::sample::Lean;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

/// Built by whichever test comes first; the others find them built.
async fn functions() -> Functions {
    let workspace = Workspace::find().await.unwrap();
    let built = Functions::build(&workspace, Profile::Dev, Progress::Quiet).await;
    built.unwrap()
}

async fn stand_in(latency: Duration) -> Backend {
    let options = Options {
        latency,
        ..Options::default()
    };
    Backend::stand_in(options).await.unwrap()
}

async fn lane(backend: &Backend, dir: &TempDir, options: LaneOptions) -> Lane {
    let functions = functions().await;
    let queues = backend
        .queues("lane", options.visibility_seconds)
        .await
        .unwrap();
    let lane = Box::pin(Lane::start(
        backend,
        &functions,
        queues,
        dir.path(),
        "lane",
        options,
    ))
    .await;
    lane.unwrap()
}

async fn until(patience: Duration, mut look: impl AsyncFnMut() -> bool) -> bool {
    let give_up = SystemClock.now().plus(patience);
    while SystemClock.now() < give_up {
        if look().await {
            return true;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_goes_from_submission_to_confirmation() {
    let (backend, dir) = (stand_in(Duration::ZERO).await, tempfile::tempdir().unwrap());
    let options = LaneOptions {
        proxied: true,
        ..LaneOptions::impatient()
    };
    let lane = lane(&backend, &dir, options).await;
    for (name, mode, create) in [
        ("csr", KeyMode::Csr, "CreateCertificateFromCsr"),
        ("keys", KeyMode::Keys, "CreateKeysAndCertificate"),
    ] {
        let life = Life {
            serial: SerialNumber::parse(name).unwrap(),
            mode,
            aim: None,
            limit: Duration::from_mins(1),
        };
        let verdict = Box::pin(live(&backend, &lane, &life, dir.path()))
            .await
            .unwrap();
        assert_eq!(verdict.flaw, None);
        assert_eq!(verdict.most_active, 1);
        let calls: BTreeMap<&str, Phase> = verdict
            .calls
            .iter()
            .map(|point| (point.call.operation.as_str(), point.phase))
            .collect();
        assert_eq!(calls[create], Phase::Work);
        assert_eq!(calls["SendMessage"], Phase::Submit);
        assert_eq!(calls["DeleteObject"], Phase::Confirm);
    }
    let made = backend.recorded();
    assert!(made.len() > 15, "{made:?}");
    assert_eq!(recording::failures(&made), Vec::<String>::new());
}

/// A life of a device whose row leaves so much to the operator, and how often its worker made each call to AWS IoT.
async fn lean_life(
    backend: &Backend,
    lane: &Lane,
    dir: &TempDir,
    lean: Lean,
) -> BTreeMap<String, usize> {
    let serial = SerialNumber::parse(format!("{lean:?}")).unwrap();
    let mut record = device(&serial, &backend.names().policy);
    lean.bind(&mut record);
    let life = Life {
        serial,
        mode: KeyMode::Csr,
        aim: None,
        limit: Duration::from_mins(1),
    };
    let lived = Box::pin(live_as(backend, lane, &life, &record, dir.path())).await;
    let verdict = lived.unwrap();
    assert_eq!((&verdict.flaw, verdict.created), (&None, 1), "{lean:?}");
    let mut made = BTreeMap::new();
    for point in verdict.calls {
        // Asked once by each process, and these are fresh.
        let once = point.call.operation == "DescribeEndpoint";
        if point.call.service == "iot" && !once {
            *made.entry(point.call.operation).or_default() += 1;
        }
    }
    made
}

fn once_each(calls: &[&str]) -> BTreeMap<String, usize> {
    calls.iter().map(|call| ((*call).to_owned(), 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_thing_and_rights_are_the_operators_costs_three_calls_to_aws_iot() {
    let (backend, dir) = (stand_in(Duration::ZERO).await, tempfile::tempdir().unwrap());
    let options = LaneOptions {
        proxied: true,
        ..LaneOptions::impatient()
    };
    let lane = lane(&backend, &dir, options).await;
    let account = backend.account().unwrap();
    account.add_thing_group(sample::GROUP);
    let least = [
        "CreateCertificateFromCsr",
        "AttachThingPrincipal",
        "UpdateCertificate",
    ];
    for lean in [Lean::Both, Lean::Operators] {
        account.add_thing(&format!("{lean:?}"), sample::GROUP);
        let calls = lean_life(&backend, &lane, &dir, lean).await;
        assert_eq!(calls, once_each(&least), "{lean:?}");
    }
    assert!(
        account
            .certificates()
            .iter()
            .all(|known| known.policies.is_empty())
    );
    // Told wrongly that the Thing is there, the worker makes it after all, for the same certificate.
    let mut healed = once_each(&least);
    healed.extend(once_each(&["CreateThing", "AddThingToThingGroup"]));
    healed.insert("AttachThingPrincipal".to_owned(), 2);
    // What was not found: the certificate, or the Thing?
    healed.insert("DescribeCertificate".to_owned(), 1);
    let calls = lean_life(&backend, &lane, &dir, Lean::NeitherOfBoth).await;
    assert_eq!(calls, healed);
    assert_eq!(account.created(), 3);
}

/// The lines of a function's log; each is an object.
fn lines(function: &Function) -> Vec<Value> {
    let log = std::fs::read_to_string(&function.spec().log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The same of all logs in a folder that this function has; a process that was killed may have left half a line.
fn logged(dir: &TempDir, function: &str) -> Vec<Value> {
    let files = dir
        .path()
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().path());
    let own = files.filter(|path| path.to_string_lossy().ends_with(&format!("{function}.log")));
    let texts: Vec<String> = own
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// What the functions said of a request, in the words of the runbooks' query.
fn said_of<'a>(lines: &'a [Value], request: &str) -> Vec<&'a str> {
    let own = lines
        .iter()
        .filter(|line| line["span"]["request"] == request);
    own.map(|line| line["message"].as_str().unwrap()).collect()
}

/// As CloudWatch adds a metric up.
fn sum(lines: &[Value], metric: &str) -> u64 {
    let metrics = lines.iter().filter(|line| line["_aws"].is_object());
    metrics.filter_map(|line| line[metric].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_followed_from_the_door_to_its_worker() {
    let (backend, dir) = (stand_in(Duration::ZERO).await, tempfile::tempdir().unwrap());
    let options = LaneOptions {
        proxied: true,
        ..LaneOptions::impatient()
    };
    let lane = lane(&backend, &dir, options).await;
    for name in ["one", "other"] {
        let life = Life {
            serial: SerialNumber::parse(name).unwrap(),
            mode: KeyMode::Csr,
            aim: None,
            limit: Duration::from_mins(1),
        };
        let lived = Box::pin(live(&backend, &lane, &life, dir.path())).await;
        assert_eq!(lived.unwrap().flaw, None);
    }
    let (door, worker) = (lines(&lane.ingest), lines(&lane.worker));
    let accepted: Vec<&Value> = door
        .iter()
        .filter(|line| line["message"] == "accepted")
        .collect();
    assert_eq!(accepted.len(), 2);
    assert_ne!(
        accepted[0]["span"]["request"],
        accepted[1]["span"]["request"]
    );
    for (name, first) in ["one", "other"].into_iter().zip(accepted) {
        let request = first["span"]["request"].as_str().unwrap();
        assert_eq!(said_of(&door, request), ["accepted", "confirmed"]);
        assert_eq!(said_of(&worker, request), ["done"]);
        for line in door.iter().chain(&worker) {
            let span = &line["span"];
            assert_eq!(span["request"] == request, span["serial"] == name, "{line}");
        }
        assert!(first["span"]["gatewayId"].is_string(), "{first}");
    }
    assert!(
        worker
            .iter()
            .all(|line| line["_aws"].is_object() || line["span"]["messageId"].is_string())
    );
    let counted = [
        sum(&door, "Accepted"),
        sum(&worker, "Issued"),
        sum(&worker, "Failed"),
    ];
    assert_eq!(counted, [2, 2, 0]);
}

/// Slow enough an AWS that the worker is at it for a while, whatever else the machine does.
#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_worker_that_is_killed_come_back_and_nothing_is_lost() {
    let (backend, dir) = (
        stand_in(Duration::from_millis(100)).await,
        tempfile::tempdir().unwrap(),
    );
    let lane = lane(&backend, &dir, LaneOptions::impatient()).await;
    let members = fleet::members(4, 0.0).unwrap();
    fleet::import(&backend, &members).await.unwrap();
    let limit = SystemClock.now().plus(Duration::from_secs(80));
    let confirmed = std::sync::Arc::default();
    let vending = fleet::vend_all(
        lane.front.url(),
        "",
        &members,
        dir.path(),
        limit,
        &confirmed,
    );
    let killing = async {
        let created = async || backend.account().unwrap().created() > 0;
        assert!(
            until(Duration::from_mins(1), created).await,
            "nothing was ever created"
        );
        lane.worker.kill_all().await
    };
    let (journeys, struck) = tokio::join!(vending, killing);
    assert_eq!(struck, 1, "the worker was at it");
    assert!(lane.poller.tally().died >= 1);
    for journey in journeys.unwrap() {
        assert!(journey.ended.is_ok(), "{journey:?}");
    }
    for row in fleet::rows(&backend, &members).await.unwrap() {
        assert!(row.vended && row.confirmed, "{row:?}");
    }
    assert_eq!(backend.account().unwrap().most_active_of_a_thing(), 1);
    assert!(
        lane.worker.lives().started >= 2,
        "a dead process is replaced"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_burst_under_kills_throttles_and_duplicates_is_sound() {
    let plan = Plan {
        devices: 30,
        keys: 0.1,
        bucket: Some(100.0),
        throttle: 0.3,
        kill_every: Some(Duration::from_millis(700)),
        duplicate: 0.2,
        kills_most: Some(4),
        visibility_seconds: 60,
        run_seconds: 18,
        lease_seconds: 19,
        loss: Loss::ComeBack,
        workers: 2,
        batch: 10,
        poll_seconds: 1,
        limit: Duration::from_mins(5),
        seed: 7,
    };
    let backend = Backend::stand_in(plan.stand_in()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let functions = functions().await;
    let burst = Box::pin(Burst::prepare(&backend, &functions, &plan, dir.path()))
        .await
        .unwrap();
    let outcome = Box::pin(burst.run(&|_| ())).await.unwrap();
    assert!(outcome.is_sound(), "{outcome:#?}");
    assert_eq!(outcome.vended, 30);
    let throttled: u64 = outcome.usage.values().map(|usage| usage.throttled).sum();
    assert!(throttled > 0, "nobody was throttled");
    let counted = sum(&logged(&dir, "worker"), "IotThrottles");
    let told = 1..=throttled; // whoever was killed had not told all
    assert!(told.contains(&counted), "{counted} of {throttled}");
    assert!(outcome.kills > 0, "nobody was killed");
    assert!(outcome.tally.duplicates > 0, "nothing came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_all_crashes_is_recovered_from_and_swept_up() {
    let (backend, dir) = (stand_in(Duration::ZERO).await, tempfile::tempdir().unwrap());
    let functions = functions().await;
    let crew = Box::pin(Crew::start(&backend, &functions, 6, dir.path()))
        .await
        .unwrap();
    let points = Box::pin(crew.record(KeyMode::Csr)).await.unwrap();
    let wanted = |name: &str, nth: usize, strike: Strike| {
        let found = points.iter().position(|point| {
            (point.call.operation.as_str(), point.nth, point.phase) == (name, nth, Phase::Work)
        });
        let index = found.unwrap_or_else(|| panic!("no call {name} in {points:?}"));
        Case {
            mode: KeyMode::Csr,
            number: index + 1,
            point: points[index].clone(),
            strike,
        }
    };
    let cases = vec![
        wanted("CreateCertificateFromCsr", 1, Strike::KillAfter),
        wanted("PutObject", 1, Strike::KillBefore),
        wanted("UpdateItem", 2, Strike::KillAfter),
        wanted("UpdateCertificate", 1, Strike::KillAfter),
        wanted("CreateCertificateFromCsr", 1, Strike::After),
        wanted("AttachPolicy", 1, Strike::Twice),
    ];
    let ran = Box::pin(crew.run(cases, &|_| ())).await.unwrap();
    for one in &ran {
        assert!(one.verdict.is_good(), "{}: {:?}", one.case, one.verdict);
    }
    let orphans: Vec<String> = ran
        .iter()
        .flat_map(|one| one.verdict.orphans.iter().map(|orphan| orphan.id.clone()))
        .collect();
    assert!(
        !orphans.is_empty(),
        "a certificate whose creator died is an orphan"
    );
    let queues = backend.queues("sweep", 60).await.unwrap();
    let swept = sweep(&backend, &queues, &functions.janitor, dir.path())
        .await
        .unwrap();
    assert!(swept);
    assert_eq!(backend.existing(&orphans).await.unwrap(), []);
    assert_eq!(backend.account().unwrap().most_active_of_a_thing(), 1);
}

/// A function that is not ours, so that its every word is known.
fn script(dir: &TempDir, text: &str, timeout: Duration) -> Function {
    use std::os::unix::fs::PermissionsExt as _;
    let binary = dir.path().join("bootstrap");
    std::fs::write(&binary, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    Function::new(Spec {
        name: "script".to_owned(),
        binary,
        environment: Vec::new(),
        memory_mb: 128,
        timeout,
        concurrency: 1,
        log: dir.path().join("log"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_too_slow_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let function = script(&dir, "exec sleep 600", Duration::from_millis(300));
    assert_eq!(
        function.invoke(&json!({})).await,
        Err(InvokeError::TimedOut)
    );
    assert_eq!(
        function.invoke(&json!({})).await,
        Err(InvokeError::TimedOut)
    );
    let expected = Lives {
        started: 2,
        events: 2,
        killed_busy: 0,
    };
    assert_eq!(function.lives(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_ends_by_itself_has_died_and_its_last_words_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let function = script(
        &dir,
        "echo 'CVM_TABLE is missing'; exit 1",
        Duration::from_mins(1),
    );
    assert_eq!(function.invoke(&json!({})).await, Err(InvokeError::Died));
    assert_eq!(function.last_words(), "CVM_TABLE is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_function_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let text = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600",
        pid.display()
    );
    let function = script(&dir, &text, Duration::from_mins(5));
    let event = json!({});
    let invoked = function.invoke(&event);
    let started = until(Duration::from_secs(30), async || pid.exists());
    tokio::select! {
        ended = invoked => panic!("it ended: {ended:?}"),
        started = started => assert!(started),
    }
    let number = std::fs::read_to_string(&pid).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", number.trim()));
    drop(function);
    let gone = until(Duration::from_secs(30), async || !process.exists());
    assert!(gone.await, "it is still there");
}
