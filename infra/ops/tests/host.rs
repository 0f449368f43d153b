//! `cvmctl` on a host's database, as a real program on a real MariaDB. No AWS is to be found: whoever asked for some would
//! fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "support/lab.rs"]
mod lab;

use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_mysql::queue::MySqlQueue;
use cvm_shared::message::Order;
use cvm_shared::ports::Delivery as _;
use cvm_shared::ports::Depth as _;
use cvm_shared::ports::Intake as _;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_standin::Options;
use cvm_standin::StandIn;
use lab::Host;
use lab::OPERATOR;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// An import file of so many devices.
fn devices(count: usize) -> String {
    let row = |n: usize| format!("SN-{n:04},hunter2-Xq9v%T4mWz7kRb{n:04},,fleet\n");
    let rows: String = (1..=count).map(row).collect();
    format!("productid,secret,thingName,policyName\n{rows}")
}

async fn imported(count: usize) -> Host {
    let host = Host::start().await;
    let file = host.file("devices.csv", &devices(count));
    host.ctl(&["devices", "import", &file]).await.ends(0);
    host
}

type Queue = MySqlQueue<SystemClock, SystemRandom>;

fn orders(host: &Host) -> Queue {
    MySqlQueue::orders(host.database.clone(), 30, SystemClock, SystemRandom)
}

fn dead_letters(host: &Host) -> Queue {
    MySqlQueue::dead_letters(host.database.clone(), SystemClock, SystemRandom)
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_go_in_and_out() {
    let host = imported(260).await;
    let file = host.path("devices.csv");
    let again = host.json(&["devices", "import", &file]).await.ends(0);
    assert_eq!(again.objects()[0]["summary"]["alreadyThere"], 260);
    let other = devices(260).replace("SN-0007,hunter2", "SN-0007,hunter3");
    let other = host.file("other.csv", &other);
    let other = host.json(&["devices", "import", &other]).await.ends(1);
    assert!(other.out.contains("\"conflicting\":1"), "{}", other.out);
    let list = host
        .json(&["devices", "list", "--prefix", "SN-000"])
        .await
        .ends(0);
    assert_eq!(list.objects().len(), 9);
    let list = host.ctl(&["devices", "list", "--limit", "5"]).await.ends(0);
    assert!(list.err.contains("the first 5"), "{}", list.err);
    let shown = host.json(&["devices", "show", "SN-0001"]).await.ends(0);
    assert!(shown.out.contains("\"fleet\"") && !shown.out.contains("hunter2"));
    host.ctl(&["devices", "show", "SN-9999"]).await.ends(1);
    let file = host.path("export.ndjson");
    let export = host.ctl(&["devices", "export", &file]).await.ends(0);
    assert!(export.err.contains("260 devices written, 0 unreadable"));
    host.ctl(&["devices", "export", &file]).await.ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_made_in_the_name_of_the_database_s_account() {
    let host = imported(3).await;
    let yes = |deed: &'static str| {
        [
            "devices", deed, "SN-0001", "SN-0002", "--yes", "--reason", "a drill",
        ]
    };
    let would = host
        .json(&["devices", "disable", "SN-0001", "--dry-run"])
        .await
        .ends(0);
    assert_eq!(would.objects()[0]["result"], "would disable");
    for deed in ["disable", "enable", "revoke", "enable"] {
        let done = host.json(&yes(deed)).await.ends(0);
        assert_eq!(done.objects().len(), 2, "{done:?}");
        assert_eq!(
            done.object("productid", "SN-0002")["result"],
            "done",
            "{deed}"
        );
    }
    let refused = host.json(&yes("reset")).await;
    assert_eq!(refused.objects().len(), 2, "{refused:?}");
    host.ctl(&["devices", "disable", "SN-0001"]).await.ends(2);
    let unknown = host
        .json(&["devices", "disable", "SN-9", "--yes"])
        .await
        .ends(1);
    assert_eq!(unknown.objects()[0]["result"], "no such device");
    let trail = host.json(&["audit", "show", "SN-0001"]).await.ends(0);
    let trail = trail.objects();
    assert!(trail.len() >= 5, "{trail:?}");
    assert!(
        trail.iter().all(|entry| entry["author"] == OPERATOR),
        "{trail:?}"
    );
    assert_eq!(trail[1]["reason"], "a drill");
    let whole = host.ctl(&["audit", "verify", "--all"]).await.ends(0);
    assert!(
        whole.err.contains("3 trails are whole, 0 are not"),
        "{}",
        whole.err
    );
    host.by_hand("UPDATE cvm_trails SET facts = REPLACE(facts, 'a drill', 'nothing') WHERE productid = 'SN-0002'")
        .await;
    let broken = host
        .json(&["audit", "verify", "SN-0001", "SN-0002"])
        .await
        .ends(1);
    assert_eq!(broken.object("productid", "SN-0001")["result"], "whole");
    let result = broken.object("productid", "SN-0002")["result"].clone();
    assert!(result.as_str().unwrap().contains("was changed"), "{result}");
    host.ctl(&["audit", "show", "SN-9"]).await.ends(1);
    let file = host.path("trails.ndjson");
    let export = host.ctl(&["audit", "export", &file]).await.ends(0);
    let lines = std::fs::read_to_string(&file).unwrap();
    assert!(
        export
            .err
            .contains(&format!("{} entries written", lines.lines().count()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn how_things_stand_is_counted_where_it_is_asked() {
    let host = imported(7).await;
    host.ctl(&["devices", "disable", "SN-0001", "--yes"])
        .await
        .ends(0);
    let dead = dead_letters(&host);
    dead.park("poison", "unreadable").await.unwrap();
    let told = host.json(&["status"]).await.ends(0);
    let told = &told.objects()[0];
    assert_eq!(
        (&told["Registered"], &told["Disabled"]),
        (&json!(6), &json!(1))
    );
    assert_eq!(
        (&told["deadLetters"], &told["queueReady"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        told["iotThrottles"],
        json!(null),
        "a host tells its own metrics"
    );
    let table = host.ctl(&["status"]).await.ends(0);
    assert!(table.out.contains("a host's server tells"), "{}", table.out);
    let recount = host.json(&["status", "--recount"]).await.ends(0);
    assert_eq!(recount.object("state", "Registered")["corrected"], 0);
    assert!(
        recount.err.contains("nothing to correct"),
        "{}",
        recount.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_sent_taken_back_and_told() {
    let host = imported(150).await;
    let serials: Vec<String> = (1..=151).map(|n| format!("SN-{n:04}\n")).collect();
    let file = host.file("night.csv", &format!("productid\n{}", serials.concat()));
    let submit = [
        "batch",
        "submit",
        &file,
        "--id",
        "night",
        "--yes",
        "--no-wait",
    ];
    let dry = host
        .json(&[&submit[..], &["--dry-run"]].concat())
        .await
        .ends(1);
    assert_eq!(dry.object("result", "would be sent")["devices"], 150);
    assert_eq!(orders(&host).depth().await, Ok(0));
    let sent = host.json(&submit).await.ends(1);
    assert_eq!(sent.object("result", "sent")["devices"], 150);
    assert!(sent.out.contains("no such device"), "{}", sent.out);
    let again = host.json(&submit).await.ends(1);
    assert_eq!(again.object("result", "were on their way")["devices"], 150);
    assert_eq!(
        orders(&host).depth().await,
        Ok(150),
        "what was sent is not sent twice"
    );
    let taken = orders(&host)
        .receive(1, Duration::ZERO, Duration::ZERO)
        .await;
    assert!(
        taken.unwrap()[0].tenant.as_ref().unwrap().contains("night"),
        "one tenant"
    );
    it_is_told(&host).await;
    let cancel = host
        .ctl(&["batch", "cancel", "night", "--yes"])
        .await
        .ends(0);
    assert!(
        cancel.err.contains("149 devices were taken back"),
        "{}",
        cancel.err
    );
    host.ctl(&["batch", "status", "no-such"]).await.ends(1);
}

/// The batch named night, and what came of it; the bundle of one of its devices waits.
async fn it_is_told(host: &Host) {
    let list = host.json(&["batch", "list"]).await.ends(0);
    assert_eq!(list.object("batch", "night")["by"], OPERATOR);
    let status = host.json(&["batch", "status", "night"]).await.ends(0);
    assert!(status.out.contains("Requested"), "{}", status.out);
    let results = host.json(&["batch", "results", "night"]).await.ends(0);
    assert_eq!(results.objects().len(), 151);
    for text in [
        "UPDATE cvm_devices SET applyState = -1, certID = REPEAT('a', 64), certArn = 'arn:aws:iot:x:1:cert/a', \
         endpoint = 'iot.test', bundle = 'b/r/o/c', bundleSha256 = SHA2('a bundle', 256), bundleUntil = 9000000000000 \
         WHERE productid = 'SN-0001'",
        "INSERT INTO cvm_bundles VALUES ('b/r/o/c', 'a bundle', 1)",
    ] {
        host.by_hand(text).await;
    }
    let out = host.path("bundles");
    let bundles = host
        .json(&["batch", "bundles", "night", "--out", &out])
        .await
        .ends(0);
    assert_eq!(bundles.objects().len(), 151);
    assert_eq!(bundles.object("productid", "SN-0001")["result"], "fetched");
    let bundle = std::fs::read_to_string(format!("{out}/SN-0001.json")).unwrap();
    assert_eq!(bundle, "a bundle");
    let page = host.path("night.html");
    host.ctl(&["report", "--batch", "night", "--html", &page])
        .await
        .ends(0);
    assert!(std::fs::read_to_string(&page).unwrap().contains("night"));
}

/// An order of this device, as a worker parks it.
fn order(serial: &str) -> String {
    let serial = cvm_shared::ids::SerialNumber::parse(serial).unwrap();
    let generation = cvm_shared::request::Generation::FIRST;
    let request = Request::new(&serial, generation, KeySource::Service);
    Order {
        serial,
        generation,
        request,
    }
    .encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_worked_off() {
    let host = imported(3).await;
    let serials = host.file("some.csv", "productid\nSN-0001\nSN-0002\n");
    host.ctl(&["batch", "submit", &serials, "--yes", "--no-wait"])
        .await
        .ends(0);
    let dead = dead_letters(&host);
    for (body, reason) in [
        (order("SN-0001"), "policy_missing"),
        (order("SN-0003"), "policy_missing"),
        (order("SN-9999"), "unknown_device"),
        ("hunter2-poison".to_owned(), "unreadable"),
    ] {
        dead.park(&body, reason).await.unwrap();
    }
    let list = host.json(&["dlq", "list"]).await.ends(0);
    assert_eq!(list.object("reason", "policy_missing")["letters"], 2);
    let each = host.json(&["dlq", "list", "--each"]).await.ends(0);
    assert_eq!(each.objects().len(), 4);
    let id = each.object("reason", "unreadable")["messageId"].clone();
    let shown = host
        .json(&["dlq", "show", id.as_str().unwrap()])
        .await
        .ends(0);
    assert!(!shown.out.contains("hunter2"), "{}", shown.out);
    host.ctl(&["dlq", "show", "987654"]).await.ends(1);
    let before = orders(&host).depth().await.unwrap();
    let dry = host.json(&["dlq", "replay", "--all", "--dry-run"]).await;
    assert_eq!(orders(&host).depth().await, Ok(before), "{dry:?}");
    let replay = [
        "dlq",
        "replay",
        "--code",
        "policy_missing",
        "--yes",
        "--reason",
        "policy made",
    ];
    let replayed = host.json(&replay).await;
    assert_eq!(orders(&host).depth().await, Ok(before + 2), "{replayed:?}");
    let trail = host.json(&["audit", "show", "SN-0001"]).await.ends(0);
    let last = trail.objects().pop().unwrap();
    assert_eq!(
        (&last["deed"], &last["reason"]),
        (&json!("replay"), &json!("policy made"))
    );
    host.ctl(&["dlq", "drop", "--all", "--yes"]).await.ends(2);
    let drop = ["dlq", "drop", "--all", "--yes", "--reason", "a drill"];
    host.ctl(&drop).await.ends(0);
    assert_eq!(dead.depth().await, Ok(0));
    let file = host.path("trails.ndjson");
    host.ctl(&["audit", "export", &file]).await.ends(0);
    let trails = std::fs::read_to_string(&file).unwrap();
    assert_eq!(trails.matches("#letters").count(), 2, "{trails}");
    assert!(!trails.contains("hunter2"));
    let native = host
        .ctl(&["dlq", "replay", "--all", "--native", "--yes"])
        .await
        .ends(2);
    assert!(native.err.contains("leave it out"), "{}", native.err);
}

/// A server's admin address that gives one answer, and hands out what it was asked.
async fn admin(status: &str, body: &str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![0; 4096];
        let count = stream.read(&mut text).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_s_janitor_is_asked_at_its_server() {
    let host = Host::start().await;
    let (address, asked) = admin("200 OK", "{\"complete\":true,\"failed\":0,\"orphans\":3}").await;
    let told = host
        .json(&["sweep", "--report", "--admin", &address])
        .await
        .ends(0);
    assert_eq!(told.objects()[0]["orphans"], 3);
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("POST /sweep?reportOnly=true HTTP/1.1\r\n"),
        "{asked}"
    );
    let (address, asked) = admin("200 OK", "{\"complete\":true,\"failed\":2}").await;
    host.ctl(&["sweep", "--yes", "--admin", &address])
        .await
        .ends(1);
    assert!(
        asked
            .await
            .unwrap()
            .starts_with("POST /sweep?reportOnly=false ")
    );
    let problem = "{\"title\":\"Conflict\",\"detail\":\"another round\\u001b is on its way\"}";
    let (address, _asked) = admin("409 Conflict", problem).await;
    let refused = host
        .ctl(&["sweep", "--yes", "--admin", &address])
        .await
        .ends(3);
    assert!(
        refused.err.contains("another round\\u{1b} is on its way"),
        "{}",
        refused.err
    );
    let nobody = host
        .ctl(&["sweep", "--report", "--admin", "http://127.0.0.1:9"])
        .await
        .ends(3);
    assert!(nobody.err.contains("is it running"), "{}", nobody.err);
    let unasked = host.ctl(&["sweep"]).await.ends(2);
    assert!(
        unasked.err.contains("Nobody is there to answer"),
        "{}",
        unasked.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mistyped_is_told_with_what_to_do() {
    let host = Host::start().await;
    let bare = Host::empty().await;
    let wrong = host.file("wrong", "hunter2\n");
    let url = host.url.clone();
    let inside = url.replace("ops@", "ops:hunter2@");
    let list = ["devices", "list"];
    let nowhere = "mysql://ops@127.0.0.1:9/cvm".to_owned();
    let file = |path: &str| {
        vec![
            ("CVM_STORE".to_owned(), url.clone()),
            ("CVM_STORE_PASSWORD_FILE".to_owned(), path.to_owned()),
        ]
    };
    let at = |url: &str| vec![("CVM_STORE".to_owned(), url.to_owned())];
    let with = |name: &str| {
        let mut all = host.variables();
        all.push((name.to_owned(), "x".to_owned()));
        all
    };
    for (variables, code, reason) in [
        (at(&inside), 2, "must not hold the password"),
        (at("postgres://ops@127.0.0.1/cvm"), 2, "no mysql:// URL"),
        (at(&nowhere), 3, "check address"),
        (at(&url), 3, "--store-password-file"),
        (file(&wrong), 3, "--store-password-file"),
        (file("/no/such/file"), 2, "No such file"),
        (bare.variables(), 1, "run `cvm-server migrate`"),
        (with("CVM_STACK"), 2, "name one of them"),
        (with("CVM_TABLE"), 2, "name one of them"),
        (with("CVM_QUEUE_URL"), 2, "go together"),
        (with("CVM_BUCKET"), 2, "no AWS region"),
    ] {
        let answer = lab::run(&list, &variables).await;
        let text = format!("{variables:?}: {answer:?}");
        let answer = answer.ends(code);
        assert!(answer.err.contains(reason), "{text}");
        assert!(!answer.err.contains("hunter2"), "{text}");
    }
    let cost = host.ctl(&["cost"]).await.ends(2);
    assert!(cost.err.contains("serverless form alone"), "{}", cost.err);
}

/// Queues on SQS and batches on S3, and nobody is asked who we are: the database says.
#[tokio::test(flavor = "multi_thread")]
async fn queues_and_bucket_may_be_on_aws() {
    let host = imported(4).await;
    let standin = StandIn::start(Options::default()).await.unwrap();
    let account = standin.account();
    let mut variables = lab::stack(&standin);
    variables.retain(|(name, _)| name != "CVM_TABLE");
    variables.push((
        "CVM_DEAD_LETTER_QUEUE_URL".to_owned(),
        account.dead_letter_queue_url(),
    ));
    variables.extend(host.variables());
    let file = host.file("day.csv", "productid\nSN-0001\nSN-0002\n");
    let submit = [
        "batch",
        "submit",
        &file,
        "--id",
        "day",
        "--yes",
        "--no-wait",
    ];
    lab::run(&submit, &variables).await.ends(0);
    assert_eq!(account.queue_depth().visible, 2);
    assert_eq!(orders(&host).depth().await, Ok(0));
    assert!(account.object("batches/day/about.json").is_some());
    let status = lab::run(&["status", "--output", "json"], &variables)
        .await
        .ends(0);
    assert_eq!(status.objects()[0]["queueReady"], 2);
    let trail = host.json(&["audit", "show", "SN-0001"]).await.ends(0);
    assert_eq!(trail.objects().pop().unwrap()["author"], OPERATOR);
    let calls = account.calls();
    let is_ours = |call: &String| {
        call.starts_with("SendMessage") || call.contains("Queue") || call.contains("Object")
    };
    assert!(calls.keys().all(is_ours), "{calls:?}");
}
