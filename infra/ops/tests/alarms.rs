//! The template's alarms, dashboard and metrics are held to the runbooks and to the list in the code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use cvm_aws::meters::ALL;
use yaml_serde::Value;

const OWN: &str = "AWS::StackName";

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(infra().join(path)).unwrap()
}

/// What stands under a tag (`!Ref`, `!Sub`), too.
fn bare(value: &Value) -> &Value {
    if let Value::Tagged(tagged) = value {
        bare(&tagged.value)
    } else {
        value
    }
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    let found = value.get(name).map(bare);
    found.and_then(Value::as_str).unwrap_or_default()
}

/// The resources of one type: names and properties.
fn resources(kind: &str) -> Vec<(String, Value)> {
    let template: Value = yaml_serde::from_str(&text("template.yaml")).unwrap();
    let all = template["Resources"].as_mapping().unwrap().iter();
    let own = all.filter(|(_, resource)| word(resource, "Type") == kind);
    let own = own.map(|(name, resource)| {
        let name = name.as_str().unwrap().to_owned();
        (name, resource["Properties"].clone())
    });
    own.collect()
}

fn alarms() -> Vec<(String, Value)> {
    let alarms = resources("AWS::CloudWatch::Alarm");
    assert!(alarms.len() >= 15, "{} alarms were found", alarms.len());
    alarms
}

/// The page that an alarm's description ends with.
fn page(alarm: &Value) -> &str {
    let last = word(alarm, "AlarmDescription").split(' ').next_back();
    last.unwrap().strip_prefix("infra/runbooks/").unwrap()
}

#[test]
fn every_alarm_names_a_page_and_every_page_has_an_alarm() {
    let pages = infra().join("runbooks").read_dir().unwrap();
    let pages = pages.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages: BTreeSet<String> = pages.filter(|name| name != "README.md").collect();
    let alarms = alarms();
    let named = alarms.iter().map(|(_, alarm)| page(alarm).to_owned());
    assert_eq!(named.collect::<BTreeSet<_>>(), pages);
}

#[test]
fn the_first_page_says_which_alarm_has_which_page() {
    let first = text("runbooks/README.md");
    for (name, alarm) in alarms() {
        let row = first
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("{name} is on no line"));
        assert!(row.contains(&format!("({})", page(&alarm))), "{name}");
    }
}

/// The emulator knows no metric math, AWS charges each metric in it; and who looks after a stack must be told.
#[test]
fn every_alarm_is_a_plain_one_that_is_told() {
    for (name, alarm) in alarms() {
        assert!(alarm.get("Metrics").is_none(), "{name}");
        for told in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[told].as_sequence().unwrap().len(), 1, "{name}");
        }
        let missing = word(&alarm, "TreatMissingData");
        let expected = match &*name {
            "NoSweepAlarm" => "breaching",
            _ => "notBreaching",
        };
        assert_eq!(missing, expected, "{name}");
    }
}

/// Lambda's metrics that the China regions lack are those of event source mappings and of asynchronous events.
#[test]
fn every_alarm_is_on_a_metric_that_there_is() {
    let ours: BTreeSet<&str> = ALL.iter().map(|meter| meter.name).collect();
    for (name, alarm) in alarms() {
        let (space, metric) = (word(&alarm, "Namespace"), word(&alarm, "MetricName"));
        let everywhere: &[&str] = match space {
            OWN => {
                assert!(ours.contains(metric), "{name}: {metric}");
                assert!(alarm.get("Dimensions").is_none(), "{name}");
                continue;
            }
            "AWS/ApiGateway" => &["5xx"],
            "AWS/DynamoDB" => &["ReadThrottleEvents", "WriteThrottleEvents"],
            "AWS/Lambda" => &["Errors", "IteratorAge", "Throttles"],
            "AWS/SQS" => &[
                "ApproximateAgeOfOldestMessage",
                "ApproximateNumberOfMessagesVisible",
            ],
            other => panic!("{name}: {other}"),
        };
        assert!(everywhere.contains(&metric), "{name}: {metric}");
    }
}

#[test]
fn the_dashboard_is_json_and_shows_metrics_and_alarms_that_there_are() {
    let (_, dashboard) = resources("AWS::CloudWatch::Dashboard").remove(0);
    let body: serde_json::Value = serde_json::from_str(word(&dashboard, "DashboardBody")).unwrap();
    let ours: BTreeSet<&str> = ALL.iter().map(|meter| meter.name).collect();
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let lists = &widget["properties"];
        for metric in lists["metrics"].as_array().into_iter().flatten() {
            if metric[0] == format!("${{{OWN}}}") {
                let name = metric[1].as_str().unwrap();
                assert!(ours.contains(name), "{name}");
            }
        }
        let alarms = lists["alarms"].as_array().into_iter().flatten();
        shown.extend(alarms.map(|alarm| alarm.as_str().unwrap().to_owned()));
    }
    let all = alarms().into_iter();
    let all: BTreeSet<String> = all.map(|(name, _)| format!("${{{name}.Arn}}")).collect();
    assert_eq!(shown, all);
}

#[test]
fn the_page_of_metrics_is_the_list_in_the_code() {
    let page = text("METRICS.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = ALL
        .iter()
        .map(|meter| {
            let (name, unit) = (meter.name, meter.unit.as_str());
            format!("| `{name}` | {unit} | {} | {} |", meter.told_by, meter.says)
        })
        .collect();
    assert_eq!(rows, expected);
}
