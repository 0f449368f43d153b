//! What the template says in a partition: references, conditions and names put in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use serde_json::Map;
use serde_json::Value;
use yaml_serde::Value as Yaml;

/// The template that ships.
pub const TEXT: &str = include_str!("../../../infra/template.yaml");

/// The account's number.
pub const ACCOUNT: &str = "123456789012";

/// A partition, with a region of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// What its ARNs begin with, after `arn:`.
    pub name: &'static str,
    /// A region.
    pub region: &'static str,
    /// What its services' hosts end in.
    pub suffix: &'static str,
}

/// All of them.
pub const PARTITIONS: [Partition; 3] = [
    Partition {
        name: "aws",
        region: "us-east-1",
        suffix: "amazonaws.com",
    },
    Partition {
        name: "aws-cn",
        region: "cn-north-1",
        suffix: "amazonaws.com.cn",
    },
    Partition {
        name: "aws-us-gov",
        region: "us-gov-west-1",
        suffix: "amazonaws.com",
    },
];

/// The template in a partition.
#[derive(Clone, Debug)]
pub struct Template {
    root: Arc<Value>,
    partition: Partition,
    parameters: BTreeMap<String, String>,
}

impl Template {
    /// The template that ships, with its parameters' defaults.
    pub fn shipped(partition: Partition) -> Self {
        static ROOT: LazyLock<Arc<Value>> = LazyLock::new(|| read(TEXT));
        Self::of(ROOT.clone(), partition)
    }

    /// Reads one.
    pub fn parse(text: &str, partition: Partition) -> Self {
        Self::of(read(text), partition)
    }

    fn of(root: Arc<Value>, partition: Partition) -> Self {
        let parameters = object(&root, "Parameters").iter();
        let default = |(name, said): (&String, &Value)| (name.clone(), text(&said["Default"]));
        let parameters = parameters.map(default).collect();
        Self {
            root,
            partition,
            parameters,
        }
    }

    /// With another value of a parameter that there is.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: &str) -> Self {
        let old = self
            .parameters
            .insert(parameter.to_owned(), value.to_owned());
        old.unwrap_or_else(|| panic!("no parameter {parameter}"));
        self
    }

    /// Where it is.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The resources of one type that its conditions let be, by name: their properties.
    pub fn of_type(&self, kind: &str) -> BTreeMap<String, Value> {
        let resources = object(&self.root, "Resources").iter();
        let wanted =
            resources.filter(|(_, resource)| resource["Type"] == kind && self.is_there(resource));
        let rendered = wanted.map(|(name, resource)| {
            let properties = self.render(&resource["Properties"]);
            (name.clone(), properties.unwrap_or(Value::Null))
        });
        rendered.collect()
    }

    /// A resource's ARN.
    pub fn arn(&self, name: &str) -> String {
        let Partition {
            name: partition,
            region,
            ..
        } = self.partition;
        let regional = |service: &str, rest: &str| {
            format!("arn:{partition}:{service}:{region}:{ACCOUNT}:{rest}")
        };
        let physical = physical(name);
        match self.kind(name) {
            "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => {
                regional("cloudwatch", &format!("alarm:{physical}"))
            }
            "AWS::DynamoDB::Table" => regional("dynamodb", &format!("table/{physical}")),
            "AWS::Events::Rule" => regional("events", &format!("rule/{physical}")),
            "AWS::IAM::ManagedPolicy" => {
                format!("arn:{partition}:iam::{ACCOUNT}:policy/{physical}")
            }
            "AWS::IAM::Role" => format!("arn:{partition}:iam::{ACCOUNT}:role/{physical}"),
            "AWS::IoT::Policy" => regional("iot", &format!("policy/{physical}")),
            "AWS::KMS::Key" => regional("kms", &format!("key/{physical}")),
            "AWS::Logs::LogGroup" => regional("logs", &format!("log-group:{physical}:*")),
            "AWS::S3::Bucket" => format!("arn:{partition}:s3:::{physical}"),
            "AWS::Serverless::Function" => regional("lambda", &format!("function:{physical}")),
            "AWS::SNS::Topic" => regional("sns", &physical),
            "AWS::SQS::Queue" => regional("sqs", &physical),
            other => panic!("{name}: what the ARN of {other} looks like is not known here"),
        }
    }

    /// The key that all is encrypted with: the stack's own, or the one it is given.
    pub fn key(&self) -> String {
        let given = &self.parameters["ExistingKeyArn"];
        if given.is_empty() {
            self.arn("Key")
        } else {
            given.clone()
        }
    }

    fn kind(&self, name: &str) -> &str {
        let resource = &self.root["Resources"][name];
        let kind = resource["Type"].as_str();
        let kind = kind.unwrap_or_else(|| panic!("no resource {name}"));
        assert!(
            self.is_there(resource),
            "{name} is named where its condition leaves it out"
        );
        kind
    }

    fn is_there(&self, resource: &Value) -> bool {
        let condition = resource.get("Condition").and_then(Value::as_str);
        condition.is_none_or(|name| self.condition(name))
    }

    fn condition(&self, name: &str) -> bool {
        let said = self.root["Conditions"].get(name);
        self.holds(said.unwrap_or_else(|| panic!("no condition {name}")))
    }

    fn holds(&self, said: &Value) -> bool {
        let (function, argument) = only(said).unwrap_or_else(|| panic!("no condition: {said}"));
        let list = || argument.as_array().unwrap().iter();
        match function {
            "Condition" => self.condition(argument.as_str().unwrap()),
            "Fn::Equals" => self.render(&argument[0]) == self.render(&argument[1]),
            "Fn::Not" => !self.holds(&argument[0]),
            "Fn::And" => list().all(|part| self.holds(part)),
            "Fn::Or" => list().any(|part| self.holds(part)),
            other => panic!("the condition function {other} is not known here"),
        }
    }

    /// The value with everything put in; `None` where it says `AWS::NoValue`.
    fn render(&self, value: &Value) -> Option<Value> {
        if let Some((function, argument)) = only(value)
            && (function.starts_with("Fn::") || function == "Ref")
        {
            return self.call(function, argument);
        }
        Some(match value {
            Value::Array(items) => items.iter().filter_map(|item| self.render(item)).collect(),
            Value::Object(members) => {
                let members = members.iter();
                let rendered =
                    members.filter_map(|(name, value)| Some((name.clone(), self.render(value)?)));
                Value::Object(rendered.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        })
    }

    fn call(&self, function: &str, argument: &Value) -> Option<Value> {
        Some(match function {
            "Ref" => {
                return self
                    .reference(argument.as_str().unwrap())
                    .map(Value::String);
            }
            "Fn::GetAtt" => self
                .attribute(&text(&argument[0]), &text(&argument[1]))
                .into(),
            "Fn::Sub" => self.substitute(argument).into(),
            "Fn::If" => {
                let branch = if self.condition(&text(&argument[0])) {
                    1
                } else {
                    2
                };
                return self.render(&argument[branch]);
            }
            "Fn::Join" => {
                let parts = self.render(&argument[1]).unwrap();
                let parts: Vec<String> = parts.as_array().unwrap().iter().map(text).collect();
                parts.join(&text(&argument[0])).into()
            }
            "Fn::FindInMap" => {
                let path = self.render(argument).unwrap();
                let mut found = &self.root["Mappings"];
                for name in path.as_array().unwrap() {
                    found = &found[text(name)];
                }
                found.clone()
            }
            other => panic!("the function {other} is not known here"),
        })
    }

    fn reference(&self, name: &str) -> Option<String> {
        let Partition {
            name: partition,
            region,
            suffix,
        } = self.partition;
        Some(match name {
            "AWS::NoValue" => return None,
            "AWS::Partition" => partition.to_owned(),
            "AWS::Region" => region.to_owned(),
            "AWS::URLSuffix" => suffix.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::StackName" => "cvm".to_owned(),
            "AWS::StackId" => {
                format!("arn:{partition}:cloudformation:{region}:{ACCOUNT}:stack/cvm/1")
            }
            name => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None => self.identity(name),
            },
        })
    }

    /// What `Ref` gives for a resource.
    fn identity(&self, name: &str) -> String {
        let Partition { region, suffix, .. } = self.partition;
        match self.kind(name) {
            "AWS::SQS::Queue" => {
                format!("https://sqs.{region}.{suffix}/{ACCOUNT}/{}", physical(name))
            }
            "AWS::IAM::ManagedPolicy" | "AWS::SNS::Topic" => self.arn(name),
            _ => physical(name),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> String {
        match attribute {
            "Arn" | "TopicArn" => self.arn(name),
            "StreamArn" => format!("{}/stream/2026-01-01T00:00:00.000", self.arn(name)),
            other => format!("{}.{other}", physical(name)),
        }
    }

    /// Puts `${Name}` and `${Name.Attribute}` in; `${!Name}` stays as `${Name}`, for IAM.
    fn substitute(&self, argument: &Value) -> String {
        let pattern = argument.as_array().map_or(argument, |list| &list[0]);
        let mut rest = pattern.as_str().unwrap();
        let mut put_in = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap();
            put_in += before;
            let part = match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some((name, attribute))) => self.attribute(name, attribute),
                (None, None) => match argument.get(1).and_then(|own| own.get(name)) {
                    Some(own) => text(&self.render(own).unwrap()),
                    None => self.reference(name).unwrap(),
                },
            };
            put_in += &part;
            rest = after;
        }
        put_in + rest
    }
}

/// Bucket names are lower case; so that nothing depends on it, all are.
fn physical(name: &str) -> String {
    format!("cvm-{}", name.to_lowercase())
}

fn text(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string())
}

fn object<'a>(value: &'a Value, name: &str) -> &'a Map<String, Value> {
    value[name].as_object().unwrap()
}

/// The one member of an object that has one.
fn only(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let (name, value) = members.iter().next()?;
    (members.len() == 1).then_some((name, value))
}

fn read(text: &str) -> Arc<Value> {
    Arc::new(plain(yaml_serde::from_str(text).unwrap()))
}

/// YAML's short forms (`!Ref X`) as the long ones (`{"Ref": "X"}`).
fn plain(value: Yaml) -> Value {
    match value {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let argument = plain(tagged.value);
            let (name, argument) = match tag.trim_start_matches('!') {
                "GetAtt" => ("Fn::GetAtt".to_owned(), split(argument)),
                name @ ("Ref" | "Condition") => (name.to_owned(), argument),
                name => (format!("Fn::{name}"), argument),
            };
            Value::Object(Map::from_iter([(name, argument)]))
        }
        Yaml::Mapping(members) => {
            let members = members.into_iter();
            let plain = members.map(|(name, value)| (text(&plain(name)), plain(value)));
            Value::Object(plain.collect())
        }
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        scalar @ (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_)) => {
            serde_json::to_value(scalar).unwrap()
        }
    }
}

/// `A.B` as `["A", "B"]`.
fn split(argument: Value) -> Value {
    match argument.as_str().and_then(|text| text.split_once('.')) {
        Some((name, attribute)) => vec![name, attribute].into(),
        None => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
Parameters:
  Mode: { Type: String, Default: "off" }
Conditions:
  IsOn: !Equals [!Ref Mode, "on"]
  IsChina: !Equals [!Ref AWS::Partition, aws-cn]
  Either: !Or [!Condition IsOn, !Not [!Not [!Condition IsChina]]]
Resources:
  T: { Type: AWS::DynamoDB::Table, Properties: {} }
  X:
    Type: Of::Interest
    Properties:
      A: !GetAtt T.Arn
      B: !Sub "${T.Arn}/index/${!x} ${AWS::Region} ${T}"
      C: !If [IsOn, yes-it-is, !Ref AWS::NoValue]
      D: [!If [Either, 1, !Ref AWS::NoValue], !Join ["-", [a, !Ref Mode]]]
  Y: { Type: Of::Interest, Condition: IsOn, Properties: {} }
"#;

    #[test]
    fn references_conditions_and_names_are_put_in() {
        let off = Template::parse(SMALL, PARTITIONS[0]);
        let on = off.clone().with("Mode", "on");
        let rendered = &off.of_type("Of::Interest")["X"];
        let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/cvm-t";
        assert_eq!(
            *rendered,
            serde_json::json!({ "A": arn, "B": format!("{arn}/index/${{x}} us-east-1 cvm-t"), "D": ["a-off"] })
        );
        assert_eq!(off.of_type("Of::Interest").len(), 1);
        let rendered = on.of_type("Of::Interest");
        assert_eq!(rendered.len(), 2);
        assert_eq!(rendered["X"]["C"], "yes-it-is");
        let named = SMALL.replace("Join [", "Join [!Ref Y, ");
        let unsound = Template::parse(&named, PARTITIONS[0]);
        std::panic::catch_unwind(|| unsound.of_type("Of::Interest")).unwrap_err();
        let china = Template::parse(SMALL, PARTITIONS[1]);
        assert_eq!(
            china.of_type("Of::Interest")["X"]["D"],
            serde_json::json!([1, "a-off"])
        );
        assert!(
            china
                .arn("T")
                .starts_with("arn:aws-cn:dynamodb:cn-north-1:")
        );
    }
}
