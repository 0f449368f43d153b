//! `cvmctl move`, as a real program between an AWS in memory and a real MariaDB, both ways; cut off, gone on with, and held
//! against what somebody changed by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "support/lab.rs"]
mod lab;

use std::process::Command;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use cvm_aws::guard::DynamoGuard;
use cvm_aws::keys::DynamoKeys;
use cvm_aws::stock::DynamoStock;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_aws::trails::DynamoTrails;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::listing::MySqlStock;
use cvm_mysql::trails::MySqlTrails;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::entry::Entry;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::moving::Keys;
use cvm_shared::operate::moving::Stock;
use cvm_shared::operate::moving::Stored;
use cvm_shared::operate::trails::LETTERS;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Guard as _;
use cvm_standin::Account;
use cvm_standin::Options;
use cvm_standin::StandIn;
use lab::Answer;
use lab::Host;
use lab::begin;
use lab::end;
use lab::run;
use lab::stack;
use serde_json::Value;
use serde_json::json;

/// A stack in memory and a host's database.
struct Lab {
    standin: StandIn,
    host: Host,
}

const COPY: [&str; 7] = [
    "move", "copy", "--to", "database", "--yes", "--output", "json",
];
const BACK: [&str; 7] = ["move", "copy", "--to", "stack", "--yes", "--output", "json"];
const VERIFY: [&str; 4] = ["move", "verify", "--output", "json"];

impl Lab {
    async fn start() -> Self {
        let standin = StandIn::start(Options::default()).await.unwrap();
        // Fewer than there are, so that there are pages.
        standin.account().set_scan_page(40);
        Self {
            standin,
            host: Host::start().await,
        }
    }

    fn account(&self) -> &Account {
        self.standin.account()
    }

    /// With so many devices in the stack, each fifth of them lean, some of them disabled, keys bound, trails told, and a note without a device.
    async fn with(devices: usize) -> Self {
        let lab = Self::start().await;
        let row = |n: usize| {
            let rights = if n.is_multiple_of(5) {
                ",group,yes"
            } else {
                "fleet,,"
            };
            format!("SN-{n:04},hunter2-Xq9v%T4mWz7kRb{n:04},,{rights},kind,n=r{n}\n")
        };
        let rows: String = (1..=devices).map(row).collect();
        let header =
            "productid,secret,thingName,policyName,policyFrom,thingMade,thingType,attributes";
        let file = lab.host.file("devices.csv", &format!("{header}\n{rows}"));
        run(&["devices", "import", &file], &stack(&lab.standin))
            .await
            .ends(0);
        lab.tell().await;
        lab.change("disable", "SN-0001").await;
        lab.change("enable", "SN-0001").await;
        let guard = DynamoGuard::new(
            lab.dynamodb(),
            Account::GUARD_TABLE.to_owned(),
            SystemRandom,
        );
        guard.nonce_key().await.unwrap();
        for n in 1..=3u8 {
            let serial = SerialNumber::parse(format!("SN-000{n}")).unwrap();
            let key = PublicKeyDigest::of(&[n]);
            assert_eq!(guard.bind_key(key, &serial).await, Ok(true));
        }
        let facts = [("productid", LETTERS), ("deed", "discard"), ("at", "1000")];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let note = Placed {
            place: "m-1".to_owned(),
            facts: facts.into(),
            head: None,
        };
        lab.stack_trails().add(&[note]).await.unwrap();
        lab
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let credentials =
            aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(Account::REGION))
            .credentials_provider(credentials)
            .endpoint_url(self.standin.endpoint())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    fn stack_trails(&self) -> DynamoTrails {
        DynamoTrails::new(self.dynamodb(), Account::AUDIT_TABLE.to_owned())
    }

    async fn stack_rows(&self) -> Vec<Stored> {
        all(DynamoStock::new(self.dynamodb(), Account::TABLE.to_owned())).await
    }

    async fn host_rows(&self) -> Vec<Stored> {
        all(MySqlStock::new(self.host.database.clone())).await
    }

    /// What the ledger would do: each row's last change is added to its trail.
    async fn tell(&self) {
        let rows = self.stack_rows().await;
        let rows = rows.iter().filter_map(|row| row.record.as_ref().ok());
        let entries: Vec<Placed> = rows.filter_map(Entry::of).map(Placed::of).collect();
        for part in entries.chunks(25) {
            self.stack_trails().add(part).await.unwrap();
        }
    }

    /// An operator's change in the stack.
    async fn change(&self, deed: &str, serial: &str) {
        let args = ["devices", deed, serial, "--yes"];
        run(&args, &stack(&self.standin)).await.ends(0);
        self.tell().await;
    }

    fn variables(&self) -> Vec<(String, String)> {
        let mut all = stack(&self.standin);
        all.extend(self.host.variables());
        all
    }

    async fn ctl(&self, args: &[&str]) -> Answer {
        run(args, &self.variables()).await
    }

    /// Both sides have the same, by another eye than `move verify`.
    async fn is_the_same(&self) {
        assert_eq!(
            sorted(self.stack_rows().await),
            sorted(self.host_rows().await)
        );
        let trails = MySqlTrails::new(self.host.database.clone());
        assert_eq!(entries(&self.stack_trails()).await, entries(&trails).await);
        let stack = DynamoKeys::new(self.dynamodb(), Account::GUARD_TABLE.to_owned());
        let host = MySqlGuard::new(self.host.database.clone(), SystemRandom);
        assert_eq!(keys(&stack).await, keys(&host).await);
    }
}

async fn all(mut stock: impl Stock) -> Vec<Stored> {
    let mut all = Vec::new();
    while let Some(page) = stock.page().await.unwrap() {
        all.extend(page);
    }
    all
}

fn sorted(mut rows: Vec<Stored>) -> Vec<Stored> {
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

async fn entries(trails: &impl Trails) -> Vec<String> {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let page = trails.page(next).await.unwrap();
        all.extend(page.entries.iter().map(|entry| format!("{entry:?}")));
        next = page.next;
        if next.is_none() {
            all.sort();
            return all;
        }
    }
}

async fn keys(keys: &impl Keys) -> Vec<String> {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let (page, after) = keys.bound(next).await.unwrap();
        all.extend(
            page.iter()
                .map(|(key, serial)| format!("{} {serial}", key.to_hex())),
        );
        next = after;
        if next.is_none() {
            all.sort();
            return all;
        }
    }
}

/// The counts of a part: new, brought forward, problems.
fn counts(answer: &Answer, part: &str) -> [u64; 3] {
    let objects = answer.objects();
    let found = objects
        .iter()
        .find(|object| object["part"] == part && object.get("new").is_some());
    let found = found.unwrap_or_else(|| panic!("{answer:?}"));
    ["new", "brought forward", "problems"].map(|name| found[name].as_u64().unwrap())
}

fn problems(answer: &Answer) -> Vec<Value> {
    let objects = answer.objects().into_iter();
    objects
        .filter(|object| object.get("problem").is_some())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_there_is_moves_and_moves_back() {
    let lab = Lab::with(130).await;
    let before = lab.ctl(&VERIFY).await.ends(1);
    assert_eq!(counts(&before, "devices"), [0, 0, 130]);
    let copied = lab.ctl(&[&COPY[..], &["--verify"]].concat()).await.ends(0);
    assert_eq!(counts(&copied, "keys"), [3, 0, 0]);
    assert_eq!(counts(&copied, "trails"), [133, 0, 0]);
    assert_eq!(counts(&copied, "devices"), [130, 0, 0]);
    lab.is_the_same().await;
    lab.host.ctl(&["audit", "verify", "--all"]).await.ends(0);
    let again = lab.ctl(&COPY).await.ends(0);
    for part in ["keys", "trails", "devices"] {
        assert_eq!(counts(&again, part), [0, 0, 0], "{part}");
    }
    // A change there is brought forward here, and its trail with it.
    lab.change("disable", "SN-0002").await;
    let forward = lab.ctl(&COPY).await.ends(0);
    assert_eq!(counts(&forward, "devices"), [0, 1, 0]);
    assert_eq!(counts(&forward, "trails"), [1, 0, 0]);
    lab.is_the_same().await;
    // Back, into the old stack and into a fresh one.
    lab.host
        .ctl(&["devices", "enable", "SN-0002", "--yes"])
        .await
        .ends(0);
    let back = lab.ctl(&BACK).await.ends(0);
    assert_eq!(counts(&back, "devices"), [0, 1, 0]);
    lab.is_the_same().await;
    let fresh = Lab {
        standin: StandIn::start(Options::default()).await.unwrap(),
        host: lab.host,
    };
    let back = fresh
        .ctl(&[&BACK[..], &["--verify"]].concat())
        .await
        .ends(0);
    assert_eq!(counts(&back, "devices"), [130, 0, 0]);
    assert_eq!(counts(&back, "keys"), [3, 0, 0]);
    fresh.is_the_same().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_by_hand_is_found_and_never_overwritten() {
    let lab = Lab::with(30).await;
    lab.ctl(&COPY).await.ends(0);
    lab.host
        .by_hand("UPDATE cvm_devices SET policyName = 'admin' WHERE productid = 'SN-0003'")
        .await;
    lab.host
        .by_hand("UPDATE cvm_devices SET revision = 0 WHERE productid = 'SN-0005'")
        .await;
    let found = lab.ctl(&VERIFY).await.ends(1);
    let differs = found.object("name", "SN-0003");
    assert_eq!(
        differs["problem"],
        json!(format!(
            "differs at cvm_devices at {} in policyName",
            host_name(&lab)
        ))
    );
    assert_eq!(
        counts(&found, "devices"),
        [0, 0, 2],
        "told once, not from both sides"
    );
    let copied = lab.ctl(&COPY).await.ends(1);
    assert_eq!(counts(&copied, "devices"), [0, 0, 2]);
    let rows = lab.host_rows().await;
    let policy = |name: &str| {
        let row = rows.iter().find(|row| row.name == name).unwrap();
        row.record
            .as_ref()
            .unwrap()
            .binding
            .policy
            .name()
            .unwrap()
            .to_string()
    };
    assert_eq!(policy("SN-0003"), "admin", "left as it is");
    let few = lab
        .ctl(&[&VERIFY[..], &["--show", "1"]].concat())
        .await
        .ends(1);
    assert_eq!(problems(&few).len(), 1);
    assert_eq!(counts(&few, "devices")[2], 2, "all are counted");
}

fn host_name(lab: &Lab) -> String {
    lab.host.url.rsplit_once('@').unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_forged_is_found_on_either_side() {
    let lab = Lab::with(10).await;
    lab.ctl(&COPY).await.ends(0);
    for text in [
        "UPDATE cvm_trails SET facts = REPLACE(facts, 'import', 'forged') WHERE productid = 'SN-0004'",
        "DELETE FROM cvm_trails WHERE productid = 'SN-0005'",
        "INSERT INTO cvm_trails SELECT 'SN-0006', 'zzz', `at`, deed, REPLACE(facts, 'SN-0004', 'SN-0006'), NULL FROM cvm_trails WHERE productid = 'SN-0004'",
        "DELETE FROM cvm_devices WHERE productid = 'SN-0007'",
        "INSERT INTO cvm_guard VALUES (CONCAT('key#', REPEAT('ab', 32)), 'SN-0008', NULL, NULL)",
    ] {
        lab.host.by_hand(text).await;
    }
    let digest = PublicKeyDigest::of(&[1]).to_hex();
    lab.host
        .by_hand(&format!(
            "UPDATE cvm_guard SET productid = 'SN-0009' WHERE guard = 'key#{digest}'"
        ))
        .await;
    let found = lab.ctl(&VERIFY).await.ends(1);
    assert_eq!(counts(&found, "trails")[2], 3, "{found:?}");
    assert_eq!(counts(&found, "devices")[2], 1, "{found:?}");
    assert_eq!(counts(&found, "keys")[2], 2, "{found:?}");
    let copied = lab.ctl(&COPY).await.ends(1);
    assert_eq!(
        counts(&copied, "trails"),
        [1, 0, 1],
        "the missing one comes, the forged one stays: {copied:?}"
    );
    assert_eq!(counts(&copied, "devices"), [1, 0, 0]);
    assert_eq!(counts(&copied, "keys"), [0, 0, 1]);
}

/// What this version does not know is told and stays where it is; so do rows that a worker holds.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_silently() {
    let lab = Lab::with(8).await;
    let mut item = lab.account().item("SN-0003").unwrap();
    item["colour"] = json!({ "S": "red" });
    lab.account().put_item(item);
    let mut item = lab.account().item("SN-0004").unwrap();
    item["applyState"] = json!({ "N": "77" });
    lab.account().put_item(item);
    let mut item = lab.account().item("SN-0005").unwrap();
    for (name, value) in [
        ("applyState", json!({ "N": "3" })),
        ("requestId", json!({ "S": "0".repeat(32) })),
        ("owner", json!({ "S": "0".repeat(32) })),
        ("leaseUntil", json!({ "N": "1" })),
    ] {
        item[name] = value;
    }
    lab.account().put_item(item);
    let copied = lab.ctl(&COPY).await.ends(1);
    let told = |name: &str| {
        copied.object("name", name)["problem"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(told("SN-0003").contains("in colour"), "{copied:?}");
    assert!(told("SN-0004").contains("cannot be read"), "{copied:?}");
    assert!(told("SN-0005").contains("is Issuing"), "{copied:?}");
    assert_eq!(counts(&copied, "devices"), [5, 0, 3]);
    assert_eq!(lab.host_rows().await.len(), 5);
    // The other way round: a column of a later version of the host's.
    lab.host
        .by_hand("ALTER TABLE cvm_devices ADD COLUMN `colour` VARCHAR(9) NULL")
        .await;
    lab.host
        .by_hand("UPDATE cvm_devices SET colour = 'red' WHERE productid = 'SN-0006'")
        .await;
    let back = Lab {
        standin: StandIn::start(Options::default()).await.unwrap(),
        host: lab.host,
    };
    let copied = back.ctl(&BACK).await.ends(1);
    assert_eq!(counts(&copied, "devices"), [4, 0, 1]);
    let told = copied.object("name", "SN-0006")["problem"].clone();
    assert!(told.as_str().unwrap().contains("in colour"), "{told}");
    assert_eq!(back.account().item("SN-0006"), None);
}

/// Stopped, or killed, in the midst of each part, and gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_may_be_cut_off_anywhere() {
    for (signal, code) in [("-INT", 130), ("-KILL", -1)] {
        let lab = Lab::with(1500).await;
        for most in [1, 700, 1502] {
            let child = begin(&COPY, &lab.variables());
            let id = child.id().unwrap().to_string();
            while reached(&lab).await < most {
                SystemClock.sleep(Duration::from_millis(2)).await;
            }
            let sent = Command::new("kill").args([signal, &id]).status().unwrap();
            assert!(sent.success(), "it ended before it was cut off");
            let cut = end(child).await;
            assert_eq!(cut.code, code, "{cut:?}");
        }
        let rest = lab.ctl(&COPY).await.ends(0);
        let [new, _, problems] = counts(&rest, "devices");
        assert!(
            new > 0 && new <= 1500 && problems == 0,
            "{signal}: {rest:?}"
        );
        lab.ctl(&VERIFY).await.ends(0);
        lab.is_the_same().await;
    }
}

/// How many entries and devices have arrived.
async fn reached(lab: &Lab) -> i64 {
    let count = "SELECT (SELECT COUNT(*) FROM cvm_trails) + (SELECT COUNT(*) FROM cvm_devices)";
    let count = sqlx::query_scalar::<_, i64>(count);
    count.fetch_one(lab.host.database.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mistyped_is_told_before_anything_is_done() {
    let lab = Lab::start().await;
    let unasked = ["move", "copy", "--to", "database"];
    let answer = lab.ctl(&unasked).await.ends(2);
    assert!(
        answer.err.contains("take no requests any more"),
        "{answer:?}"
    );
    assert!(
        answer.err.contains("Nobody is there to answer"),
        "{answer:?}"
    );
    let answer = run(&VERIFY, &stack(&lab.standin)).await.ends(2);
    assert!(answer.err.contains("no --store"), "{answer:?}");
    let answer = run(&VERIFY, &lab.host.variables()).await.ends(2);
    assert!(answer.err.contains("no AWS region"), "{answer:?}");
    let mut some = lab.variables();
    some.retain(|(name, _)| name != "CVM_GUARD_TABLE");
    let answer = run(&VERIFY, &some).await.ends(2);
    assert!(
        answer.err.contains("CVM_GUARD_TABLE is not set"),
        "{answer:?}"
    );
    lab.ctl(&["move", "copy", "--to", "mysql"]).await.ends(2);
    lab.ctl(&["move", "copy"]).await.ends(2);
    lab.ctl(&VERIFY).await.ends(0);
}
