//! What the template makes of its parameters, as far as the bill asks: sizes of functions, batches, what is paid by the
//! month. It is the template that this program was built with.

use std::collections::BTreeMap;

use yaml_serde::Value;

/// The template.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Parameters by name.
pub type Parameters = BTreeMap<String, String>;

/// A template that was read.
#[derive(Clone, Debug)]
pub struct Template(Value);

/// What of it the bill asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Memory of the function behind the API, in MB.
    pub ingest_mb: i64,
    /// Of the function behind the queue.
    pub worker_mb: i64,
    /// Of the function that cleans up.
    pub janitor_mb: i64,
    /// Of the function that writes the trails.
    pub ledger_mb: i64,
    /// How many messages a batch of the worker holds.
    pub batch: i64,
    /// How many workers there are at most.
    pub workers: i64,
    /// How many changes a batch of the ledger holds.
    pub trail_batch: i64,
    /// How long the ledger's batches are waited for, in seconds.
    pub trail_window_seconds: i64,
    /// Keys of KMS.
    pub keys: i64,
    /// Metrics that alarms watch.
    pub alarms: i64,
    /// Alarms on alarms.
    pub composite_alarms: i64,
    /// Dashboards.
    pub dashboards: i64,
}

impl Template {
    /// Reads it.
    pub fn read(text: &str) -> Result<Self, String> {
        yaml_serde::from_str(text)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// The parameters with their defaults.
    pub fn defaults(&self) -> Parameters {
        let declared = self.0["Parameters"].as_mapping().into_iter().flatten();
        declared
            .filter_map(|(name, about)| {
                let default = text(&about["Default"]).unwrap_or_default();
                Some((name.as_str()?.to_owned(), default))
            })
            .collect()
    }

    /// What these parameters make of it.
    pub fn shape(&self, parameters: &Parameters) -> Result<Shape, String> {
        let number = |path: &[&str]| {
            let found = path
                .iter()
                .fold(&self.0["Resources"], |at, name| &at[*name]);
            let number = resolved(found, parameters).and_then(|text| text.parse().ok());
            number.ok_or_else(|| format!("the template has no number at {}", path.join(".")))
        };
        let memory = |function: &str| number(&[function, "Properties", "MemorySize"]);
        let requests = ["Worker", "Properties", "Events", "Requests", "Properties"];
        let changes = ["Ledger", "Properties", "Events", "Changes", "Properties"];
        let batch = |at: [&str; 5], name: &[&str]| number(&[&at[..], name].concat());
        Ok(Shape {
            ingest_mb: memory("Ingest")?,
            worker_mb: memory("Worker")?,
            janitor_mb: memory("Janitor")?,
            ledger_mb: memory("Ledger")?,
            batch: batch(requests, &["BatchSize"])?,
            workers: batch(requests, &["ScalingConfig", "MaximumConcurrency"])?,
            trail_batch: batch(changes, &["BatchSize"])?,
            trail_window_seconds: batch(changes, &["MaximumBatchingWindowInSeconds"])?,
            keys: self.count("AWS::KMS::Key", parameters, |_| 1),
            alarms: self.count("AWS::CloudWatch::Alarm", parameters, watched),
            composite_alarms: self.count("AWS::CloudWatch::CompositeAlarm", parameters, |_| 1),
            dashboards: self.count("AWS::CloudWatch::Dashboard", parameters, |_| 1),
        })
    }

    /// How many of a kind these parameters make, each counted as `weight` says.
    fn count(&self, kind: &str, parameters: &Parameters, weight: fn(&Value) -> i64) -> i64 {
        let all = self.0["Resources"].as_mapping().into_iter().flatten();
        let of_kind = all.filter(|(_, about)| about["Type"].as_str() == Some(kind));
        let made = of_kind.filter(|(_, about)| match about["Condition"].as_str() {
            Some(condition) => self.holds(condition, parameters),
            None => true,
        });
        made.map(|(_, about)| weight(&about["Properties"])).sum()
    }

    /// Whether a condition holds. One that asks more than the parameters can tell is taken to hold.
    fn holds(&self, condition: &str, parameters: &Parameters) -> bool {
        self.judge(&self.0["Conditions"][condition], parameters)
            .unwrap_or(true)
    }

    fn judge(&self, condition: &Value, parameters: &Parameters) -> Option<bool> {
        let (function, told) = function(condition)?;
        let all = || told.as_sequence().into_iter().flatten();
        let mut judged = all().map(|one| self.judge(one, parameters));
        match function.as_str() {
            "Condition" => self.judge(&self.0["Conditions"][told.as_str()?], parameters),
            "Not" => Some(!judged.next()??),
            "And" => judged.try_fold(true, |so_far, one| Some(so_far && one?)),
            "Or" => judged.try_fold(false, |so_far, one| Some(so_far || one?)),
            "Equals" => {
                let mut texts = all().map(|one| resolved(one, parameters));
                Some(texts.next()?? == texts.next()??)
            }
            _ => None,
        }
    }
}

/// A text, or the parameter that is referred to.
fn resolved(value: &Value, parameters: &Parameters) -> Option<String> {
    match function(value) {
        Some((name, told)) if name == "Ref" => parameters.get(told.as_str()?).cloned(),
        Some(_) => None,
        None => text(value),
    }
}

/// A function of CloudFormation in either form, without its `Fn::`, and what it is told.
fn function(value: &Value) -> Option<(String, &Value)> {
    let (name, told) = match value {
        Value::Tagged(tagged) => (tagged.tag.to_string(), &tagged.value),
        Value::Mapping(map) if map.len() == 1 => {
            let (name, told) = map.iter().next()?;
            (name.as_str()?.to_owned(), told)
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Sequence(_)
        | Value::Mapping(_) => return None,
    };
    let name = name.trim_start_matches('!').trim_start_matches("Fn::");
    Some((name.to_owned(), told))
}

/// A literal as CloudFormation has it: all are texts.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

/// How many metrics an alarm watches: one, or those that its formula is made of.
fn watched(alarm: &Value) -> i64 {
    let metrics = alarm["Metrics"].as_sequence().into_iter().flatten();
    let of_formula = metrics.filter(|one| !one["MetricStat"].is_null()).count();
    i64::try_from(of_formula).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
