//! A factory's batch by the real cvmctl: interrupted, resumed, accounted for, fetched, and taken back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvm_local::watch::queue_depth;
use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::state::State;
use cvm_testkit::sample;
use serde_json::Value;
use serde_json::json;

use crate::cvmctl::Answer;
use crate::cvmctl::cvmctl;
use crate::cvmctl::cvmctl_as;
use crate::cvmctl::interrupted;
use crate::cvmctl::station_key;
use crate::lab::Lab;
use crate::lab::until;

/// How many devices a batch has here; every second one has a key of its own.
const DEVICES: usize = 60;

/// Registers devices and writes the file that asks for them.
async fn fleet(lab: &Lab, home: &Path, prefix: &str) -> String {
    let mut text = String::new();
    for n in 0..DEVICES {
        let serial = format!("{prefix}:{n:03}");
        let mut device = lab.device(&serial);
        device.binding.thing = sample::device(&format!("{prefix}-{n:03}")).binding.thing;
        lab.put(&device).await;
        let mut row = json!({ "productid": serial });
        match n % 4 {
            1 => row["csr"] = sample::csr_pem_of(&serial).into(),
            3 => {
                let name = format!("{prefix}-{n:03}.csr");
                fs::write(home.join(&name), sample::csr_pem_of(&serial)).unwrap();
                row["csrFile"] = name.into();
            }
            _ => {}
        }
        text += &row.to_string();
        text += "\n";
    }
    let path = home.join(format!("{prefix}.ndjson"));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn lines(answer: &Answer) -> Vec<Value> {
    let lines = answer.out.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// What a submit has counted.
fn tally(answer: &Answer) -> BTreeMap<String, u64> {
    let rows = lines(answer).into_iter();
    let pair = |row: Value| {
        let name = row["result"].as_str()?.to_owned();
        Some((name, row["devices"].as_u64()?))
    };
    rows.filter_map(pair).collect()
}

pub(crate) async fn a_factory_s_batch_that_is_interrupted_loses_nothing(lab: Arc<Lab>) {
    let home = tempfile::tempdir().unwrap();
    let file = fleet(&lab, home.path(), "E2E-night").await;
    let submit = [
        "batch", "submit", &file, "--id", "night", "--output", "json", "--yes",
    ];
    let looked = cvmctl(&lab, &[&submit[..], &["--dry-run"]].concat()).await;
    assert_eq!(looked.code, 0, "{looked:?}");
    assert_eq!(tally(&looked)["would be sent"], DEVICES as u64);
    let unknown = cvmctl(&lab, &["batch", "status", "night"]).await;
    assert_eq!(unknown.code, 1, "a dry run keeps nothing: {unknown:?}");

    let slowly = [&submit[..], &["--rate", "8"]].concat();
    let mut sent = 0;
    for device in [10, 30] {
        let cut = Box::pin(interrupted(&lab, &slowly, is_asked_for(&lab, device))).await;
        assert_eq!(cut.code, 130, "{cut:?}");
        assert!(cut.err.contains("cvmctl batch submit"), "{cut:?}");
        assert!(cut.err.contains("batch status night"), "{cut:?}");
        let tally = tally(&cut);
        assert!(tally["sent"] > 0 && tally["not come to"] > 0, "{tally:?}");
        sent += tally["sent"];
    }
    let whole = cvmctl(&lab, &submit).await;
    assert_eq!(whole.code, 0, "{whole:?}");
    let tally = tally(&whole);
    assert_eq!(tally["Vended now"], DEVICES as u64, "{tally:?}");
    assert_eq!(
        sent + tally["sent"],
        DEVICES as u64,
        "nothing was sent twice: {tally:?}"
    );
    every_row_is_accounted_for(&lab).await;
    its_bundles_are_fetched(&lab, home.path()).await;
    it_is_listed_and_keeps_its_name(&lab, home.path()).await;
}

/// The moment from which this device is asked for.
async fn is_asked_for(lab: &Lab, device: usize) {
    let serial = format!("E2E-night:{device:03}");
    let asked = until(Duration::from_mins(2), async || {
        (lab.row(&serial).await.state != State::Registered).then_some(())
    });
    asked.await.expect("it is asked for");
}

async fn every_row_is_accounted_for(lab: &Lab) {
    let results = cvmctl(lab, &["batch", "results", "night", "--output", "json"]).await;
    assert_eq!((results.code, results.err.as_str()), (0, ""));
    let rows = lines(&results);
    assert_eq!(rows.len(), DEVICES);
    for (n, row) in rows.iter().enumerate() {
        let serial = format!("E2E-night:{n:03}");
        assert_eq!(row["line"], n + 1);
        assert_eq!(row["productid"], *serial);
        assert_eq!(
            (&row["state"], &row["error"]),
            (&json!("Vended"), &Value::Null)
        );
        assert!(row["finishedAt"].is_string(), "{row}");
        let device = lab.row(&serial).await;
        let id = device.state.issued().unwrap().certificate_id.as_str();
        assert_eq!(row["certificateId"], id);
        assert_eq!(lab.attached(device.binding.thing.as_str()).await.len(), 1);
    }
    let status = cvmctl(
        lab,
        &["batch", "status", "night", "--watch", "--output", "csv"],
    )
    .await;
    assert_eq!(status.out, format!("state,devices\nVended,{DEVICES}\n"));
}

async fn its_bundles_are_fetched(lab: &Lab, home: &Path) {
    let out = home.join("bundles");
    let fetch = [
        "batch",
        "bundles",
        "night",
        "--out",
        out.to_str().unwrap(),
        "--output",
        "csv",
    ];
    // An operator alone may look after devices, and not take what is theirs.
    let refused = cvmctl_as(lab, &station_key(lab).await, &fetch).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused.err.contains("the bundle of E2E-night"),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    let fetched = cvmctl(lab, &fetch).await;
    assert_eq!((fetched.code, fetched.err.as_str()), (0, ""), "{fetched:?}");
    assert_eq!(fetched.out.matches(",fetched").count(), DEVICES);
    for n in 0..DEVICES {
        let path = out.join(format!("E2E-night.{n:03}.json"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let bytes = fs::read(&path).unwrap();
        let device = lab.row(&format!("E2E-night:{n:03}")).await;
        let issued = device.state.issued().unwrap();
        assert_eq!(digest(&bytes), issued.bundle.sha256);
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("PRIVATE KEY"), "a key in the open");
        // A sealed one does not read as a bundle.
        let is_own_key = n % 2 == 1;
        assert_eq!(Bundle::decode(&bytes).is_ok(), is_own_key, "{text}");
    }
    let again = cvmctl(lab, &fetch).await;
    assert_eq!(again.out.matches(",was there").count(), DEVICES);
}

async fn it_is_listed_and_keeps_its_name(lab: &Lab, home: &Path) {
    let list = cvmctl(lab, &["batch", "list", "--output", "json"]).await;
    let night = lines(&list).into_iter().find(|row| row["batch"] == "night");
    let night = night.expect("it is listed");
    assert_eq!(
        (&night["rows"], &night["file"]),
        (&json!(DEVICES), &json!("E2E-night.ndjson"))
    );
    let other = home.join("other.csv");
    fs::write(&other, "productid\nE2E-night:000\n").unwrap();
    let other = other.to_str().unwrap();
    let submit = ["batch", "submit", other, "--id", "night", "--yes"];
    let refused = cvmctl(lab, &submit).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("other rows already"), "{refused:?}");
}

pub(crate) async fn a_batch_that_is_taken_back_leaves_what_is_done(lab: Arc<Lab>) {
    let home = tempfile::tempdir().unwrap();
    let file = fleet(&lab, home.path(), "E2E-back").await;
    let submit = [
        "batch",
        "submit",
        &file,
        "--id",
        "back",
        "--no-wait",
        "--yes",
    ];
    let submitted = cvmctl(&lab, &submit).await;
    assert_eq!(submitted.code, 0, "{submitted:?}");
    let cancel = [
        "batch",
        "cancel",
        "back",
        "--yes",
        "--output",
        "json",
        "--reason",
        "wrong hall",
    ];
    let cancelled = cvmctl(&lab, &cancel).await;
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    let rows = lines(&cancelled);
    assert_eq!(rows.len(), DEVICES);
    let back = rows.iter().filter(|row| row["result"] == "taken back");
    assert!(
        back.clone().count() > 0,
        "the workers were faster: {cancelled:?}"
    );
    let refused = cvmctl(&lab, &["batch", "cancel", "back"]).await;
    assert_eq!(refused.code, 2, "nobody is there to answer: {refused:?}");
    let (sdk, url) = (lab.site.emulator.sdk(), &lab.site.outputs.queue_url);
    let empty = until(Duration::from_mins(3), async || {
        (queue_depth(&sdk, url).await.unwrap() == 0).then_some(())
    });
    assert!(empty.await.is_some(), "the orders were never done with");
    for row in &rows {
        let device = lab.row(row["productid"].as_str().unwrap()).await;
        let certificates = lab.attached(device.binding.thing.as_str()).await.len();
        if row["result"] == "taken back" {
            assert_eq!(
                (&device.state, device.generation.0),
                (&State::Registered, 2)
            );
            assert_eq!(certificates, 0, "its order was moot");
            let trail = device.trail.unwrap();
            assert_eq!(trail.hand.reason.unwrap().as_str(), "wrong hall");
        } else {
            assert!(matches!(device.state, State::Vended { .. }), "{device:?}");
            assert_eq!(certificates, 1);
        }
    }
}
