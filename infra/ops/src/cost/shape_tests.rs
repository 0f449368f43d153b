//! What is read off a template.

use super::*;

const SMALL: &str = r#"
Parameters:
  Ring: { Type: String, Default: "" }
  Size: { Type: Number, Default: 512 }
  Screen: { Type: String, Default: "on" }
Conditions:
  Rings: !Not [!Equals [!Ref Ring, ""]]
  Shows: { "Fn::Equals": [{ Ref: Screen }, "on"] }
  Both: !And [!Condition Rings, !Condition Shows]
  Either: !Or [!Condition Rings, !Condition Shows]
  Unknown: !Equals [!Ref "AWS::Region", us-east-1]
Resources:
  A: { Type: "AWS::CloudWatch::Alarm", Condition: Rings, Properties: { MetricName: m } }
  B: { Type: "AWS::CloudWatch::Alarm", Condition: Both, Properties: { MetricName: m } }
  C:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics: [{ Id: e, Expression: a/b }, { Id: a, MetricStat: {} }, { Id: b, MetricStat: {} }]
  D: { Type: "AWS::CloudWatch::Dashboard", Condition: Shows }
  E: { Type: "AWS::CloudWatch::Dashboard", Condition: Either }
  F: { Type: "AWS::CloudWatch::CompositeAlarm", Condition: Unknown }
  Key: { Type: "AWS::KMS::Key" }
  Ingest: { Properties: { MemorySize: !Ref Size } }
  Worker: { Properties: { MemorySize: 256, Events: { Requests: { Properties: { BatchSize: 10, ScalingConfig: { MaximumConcurrency: 4 } } } } } }
  Janitor: { Properties: { MemorySize: 128 } }
  Ledger: { Properties: { MemorySize: 128, Events: { Changes: { Properties: { BatchSize: 250, MaximumBatchingWindowInSeconds: 5 } } } } }
"#;

fn shape(set: &[(&str, &str)]) -> Shape {
    let template = Template::read(SMALL).unwrap();
    let mut parameters = template.defaults();
    for (name, value) in set {
        parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    template.shape(&parameters).unwrap()
}

#[test]
fn what_is_made_follows_the_conditions() {
    let made = |set| {
        let shape = shape(set);
        (shape.alarms, shape.composite_alarms, shape.dashboards)
    };
    assert_eq!(made(&[]), (2, 1, 2));
    assert_eq!(made(&[("Ring", "a")]), (4, 1, 2));
    assert_eq!(made(&[("Ring", "a"), ("Screen", "off")]), (3, 1, 1));
    assert_eq!(made(&[("Screen", "off")]), (2, 1, 0));
}

#[test]
fn a_number_may_be_a_parameter() {
    assert_eq!(shape(&[]).ingest_mb, 512);
    assert_eq!(shape(&[("Size", "1024")]).ingest_mb, 1024);
    let template = Template::read("Resources: {}").unwrap();
    let refused = template.shape(&Parameters::new()).unwrap_err();
    assert_eq!(
        refused,
        "the template has no number at Ingest.Properties.MemorySize"
    );
}

#[test]
fn the_template_itself_can_be_read() {
    let template = Template::read(TEMPLATE).unwrap();
    let defaults = template.defaults();
    assert_eq!(defaults["Architecture"], "arm64");
    assert_eq!(defaults["SweepMinutes"], "15");
    let shape = template.shape(&defaults).unwrap();
    assert_eq!(shape.keys, 1);
    assert!(shape.workers >= 2 && shape.batch >= 1);
}
