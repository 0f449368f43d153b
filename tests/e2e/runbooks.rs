//! The runbooks' commands, run against a deployed stack with the operators' rights alone.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDatum;
use aws_sdk_cloudwatch::types::StateValue;
use cvm_aws::system::SystemClock;
use cvm_local::site::STACK;
use cvm_local::workspace::Workspace;
use cvm_shared::ports::Clock as _;
use cvm_shared::state::State;
use cvm_testkit::sample;
use serde_json::json;

use crate::cvmctl::Key;
use crate::cvmctl::cvmctl_as;
use crate::cvmctl::operator_key;
use crate::lab::Lab;

/// The device that the pages speak of.
const DEVICE: &str = "SN-0001";

pub(crate) async fn every_command_of_the_runbooks_runs() {
    // With all that may page somebody and look on.
    let switched_on = [
        ("AlarmEmail", "night.shift@example.com"),
        ("Dashboard", "on"),
        ("Tracing", "on"),
        ("PollAfterSeconds", "1"),
    ];
    // The workers ask Service Quotas for their pace, or go the slow default one.
    let lab = Arc::new(Lab::with(&switched_on).await);
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
    status_shows_what_pages(&lab, &operator).await;
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

/// Alarms that ring, and what the metrics say; the functions' own lines go no further than the log here.
async fn status_shows_what_pages(lab: &Lab, operator: &Key) {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&lab.site.emulator.sdk());
    let alarms = cloudwatch.describe_alarms().alarm_name_prefix(STACK);
    let alarms = alarms.send().await.unwrap();
    let alarms = alarms.metric_alarms();
    assert_eq!(alarms.len(), 20);
    for alarm in alarms {
        let to = alarm.alarm_actions();
        assert!(to.len() == 1 && to[0].contains(":sns:"), "{alarm:?}");
        let description = alarm.alarm_description().unwrap();
        assert!(description.contains("infra/runbooks/"), "{description}");
    }
    let quiet = cvmctl_as(lab, operator, &["status", "--output", "json"]).await;
    let quiet = quiet.objects().remove(0);
    assert_eq!(
        (&quiet["iotThrottles"], &quiet["issueFailures"]),
        (&json!(0), &json!(0))
    );
    for (name, count) in [("IotThrottles", 41.0), ("Failed", 2.0), ("Failed", 1.0)] {
        let datum = MetricDatum::builder().metric_name(name).value(count);
        let at = DateTime::from_millis(i64::try_from(SystemClock.now().0).unwrap() - 120_000);
        let put = cloudwatch.put_metric_data().namespace(STACK);
        let put = put.metric_data(datum.timestamp(at).build());
        put.send().await.unwrap();
    }
    let rings = alarms.iter().filter_map(|alarm| alarm.alarm_name());
    let rings = rings.filter(|name| name.contains("ThrottlesAlarm")).min();
    let rings = rings.unwrap();
    let ring = cloudwatch.set_alarm_state().alarm_name(rings);
    let ring = ring.state_value(StateValue::Alarm).state_reason("a test");
    ring.send().await.unwrap();
    let loud = cvmctl_as(lab, operator, &["status", "--output", "json"]).await;
    let loud = loud.objects().remove(0);
    assert_eq!(loud["iotThrottles"], json!(41));
    assert_eq!(loud["issueFailures"], json!(3));
    assert_eq!(loud["alarms"], json!([rings]));
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
