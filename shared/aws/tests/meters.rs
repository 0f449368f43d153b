//! What CloudWatch is told, word for word. One test, for a process keeps its metrics once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use cvm_aws::meters::ALL;
use cvm_aws::meters::ISSUE_SECONDS;
use cvm_aws::meters::ISSUED;
use cvm_aws::meters::Meters;
use serde_json::Value;
use serde_json::json;
use tracing::Level;

fn told(meters: Meters) -> String {
    let mut page = Vec::new();
    meters.tell_to(&mut page);
    String::from_utf8(page).unwrap()
}

#[test]
fn what_happened_is_told_once_and_nothing_else_is() {
    ISSUED.add(7); // before anybody keeps metrics: to nobody
    let meters = Meters::start("stack".to_owned(), Level::WARN).unwrap();
    assert_eq!(told(meters), "");
    ISSUED.add(1);
    ISSUED.add(1);
    ISSUE_SECONDS.took(Duration::from_micros(1_234_567));
    ISSUE_SECONDS.took(Duration::from_secs(2));
    let line = told(meters);
    assert_eq!(line.lines().count(), 1);
    let mut line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["_aws"]["Timestamp"].take().is_u64());
    let expected = json!({
        "_aws": {
            "Timestamp": null,
            "CloudWatchMetrics": [{
                "Namespace": "stack",
                "Dimensions": [[]],
                "Metrics": [
                    { "Name": "IssueSeconds", "Unit": "Seconds" },
                    { "Name": "Issued", "Unit": "Count" },
                ],
            }],
        },
        "level": "WARN",
        "Issued": 2,
        "IssueSeconds": [1.234, 2.0],
    });
    assert_eq!(line, expected);
    assert_eq!(told(meters), "");
    assert!(Meters::start("again".to_owned(), Level::INFO).is_err());
}

#[test]
fn no_two_metrics_have_one_name() {
    let names: BTreeSet<&str> = ALL.iter().map(|meter| meter.name).collect();
    assert_eq!(names.len(), ALL.len());
}
