//! The runbooks' commands, run against a deployed stack with the operators' rights alone.

use std::sync::Arc;
use std::time::Duration;

use cvm_local::workspace::Workspace;
use cvm_shared::state::State;
use cvm_testkit::sample;

use crate::cvmctl::Key;
use crate::cvmctl::cvmctl_as;
use crate::cvmctl::operator_key;
use crate::lab::Lab;

/// The device that the pages speak of.
const DEVICE: &str = "SN-0001";

pub(crate) async fn every_command_of_the_runbooks_runs() {
    // As deployed: the workers ask Service Quotas for their pace, or go the slow default one.
    let lab = Arc::new(Lab::with(&[("PollAfterSeconds", "1")]).await);
    lab.put(&lab.device(DEVICE)).await;
    let csr = sample::csr_pem_of(DEVICE);
    let answer = lab.submit(DEVICE, sample::TOKEN, Some(&csr)).await;
    answer.error_for_status().unwrap();
    lab.vended(DEVICE, Duration::from_mins(1)).await;
    let books = Workspace::find()
        .await
        .unwrap()
        .root()
        .join("infra/runbooks");
    let operator = operator_key(&lab).await;
    let mut ran = 0;
    for entry in books.read_dir().unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with("cvmctl ")) {
            run(&lab, &operator, line).await;
            ran += 1;
        }
    }
    assert!(ran > 15, "{ran}");
    a_report_is_written(&lab, &operator).await;
    what_no_page_speaks_of_runs(&lab, &operator).await;
    Lab::stop(lab).await;
}

/// It does what it says, or says that there is nothing of the kind: never a wrong usage, never a refused call.
async fn run(lab: &Lab, operator: &Key, line: &str) {
    let words = line.split(" \"").next().unwrap().split(' ').skip(1);
    let quoted = line.split('"').nth(1);
    let rest = line.rsplit('"').next().filter(|_| quoted.is_some());
    let rest = rest.unwrap_or_default().split_whitespace();
    let words: Vec<&str> = words.chain(quoted).chain(rest).collect();
    let answer = cvmctl_as(lab, operator, &words).await;
    assert!(
        matches!(answer.code, 0 | 1),
        "{line}: {}\n{}\n{}",
        answer.code,
        answer.out,
        answer.err
    );
}

/// A batch's report, with the same rights.
async fn a_report_is_written(lab: &Lab, operator: &Key) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("batch.csv");
    let page = home.path().join("report.html");
    let devices: Vec<String> = (0..6).map(|n| format!("E2E-report-{n}")).collect();
    for serial in &devices[1..] {
        lab.put(&lab.device(serial)).await;
    }
    std::fs::write(&file, format!("productid\n{}\n", devices.join("\n"))).unwrap();
    let file = file.to_str().unwrap();
    let submit = ["batch", "submit", file, "--id", "night", "--yes"];
    let submitted = cvmctl_as(lab, operator, &submit).await;
    assert_eq!(submitted.code, 1, "one is not in the table: {submitted:?}");
    let report = [
        "report",
        "--batch",
        "night",
        "--html",
        page.to_str().unwrap(),
    ];
    let reported = cvmctl_as(lab, operator, &report).await;
    assert_eq!(reported.code, 0, "{reported:?}");
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("<b>5</b>vended"), "{page}");
    assert!(page.contains("no such device"), "{page}");
}

/// Commands of the everyday, with the same rights.
async fn what_no_page_speaks_of_runs(lab: &Lab, operator: &Key) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("devices.csv");
    let secret = sample::TOKEN;
    let row = format!("E2E-imported,{secret},,{}", lab.site.outputs.device_policy);
    std::fs::write(
        &file,
        format!("productid,secret,thingName,policyName\n{row}\n"),
    )
    .unwrap();
    let (all, trails) = (
        home.path().join("all.csv"),
        home.path().join("trails.ndjson"),
    );
    for (line, code) in [
        (&["devices", "import", file.to_str().unwrap()][..], 0),
        (&["devices", "export", all.to_str().unwrap()], 0),
        // The devices of this trial were put into the table by nobody's hand.
        (&["audit", "verify", "--all"], 1),
        (&["audit", "export", trails.to_str().unwrap()], 0),
        (&["status", "--recount"], 0),
    ] {
        let answer = cvmctl_as(lab, operator, line).await;
        assert_eq!(answer.code, code, "{line:?}: {answer:?}");
    }
    assert_eq!(lab.row("E2E-imported").await.state, State::Registered);
}
