//! One device's whole story, from its row. The verifier is no part of it.

use std::fmt::Display;

use cvm_shared::failure::FailureCode;
use cvm_shared::record::Attributes;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use serde::Serialize;
use serde::Serializer;
use serde_json::Value;

use crate::calendar::rfc3339;

/// What is known of a device: names and values in reading order.
///
/// Every story has the same names; what does not apply is null.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    facts: Vec<(&'static str, Value)>,
}

impl Story {
    /// The story of this row.
    pub fn of(record: &Record) -> Self {
        let mut story = Self { facts: Vec::new() };
        story.device(record);
        story.request(record);
        story.certificate(&record.state);
        story.failure(&record.state);
        story
    }

    /// The facts that apply, as texts.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        let told = self.facts.iter().filter(|(_, value)| !value.is_null());
        told.map(|(name, value)| (*name, plain(value)))
    }

    fn device(&mut self, record: &Record) {
        let binding = &record.binding;
        self.text("productid", Some(&record.serial));
        self.text("state", Some(record.state.name()));
        self.fact("applyState", record.state.apply_state());
        self.text("thingName", Some(&binding.thing));
        self.text("policyName", Some(&binding.policy));
        self.text("thingType", binding.thing_type.as_ref());
        self.text("thingGroup", binding.thing_group.as_ref());
        self.fact("attributes", attributes(&binding.attributes));
        self.fact("generation", record.generation.0);
        self.fact("epoch", record.epoch.0);
        self.fact("revision", record.revision);
    }

    fn request(&mut self, record: &Record) {
        let (key, lease) = match &record.state {
            State::Requested { request, .. } => (Some(&request.key), None),
            State::Issuing { request, lease, .. } => (Some(&request.key), Some(lease)),
            State::Disabled | State::Registered | State::Vended { .. } | State::Failed { .. } => {
                (None, None)
            }
        };
        self.moment("requestedAt", record.requested_at);
        self.text("requestId", record.state.request_id());
        self.text("mode", key.map(mode));
        self.text("leaseOwner", lease.map(|lease| &lease.owner));
        self.moment("leaseUntil", lease.map(|lease| lease.until));
    }

    fn certificate(&mut self, state: &State) {
        let (issued, confirmed_at) = (state.issued(), confirmed_at(state));
        let bundle = match (issued, confirmed_at) {
            (None, _) => None,
            (Some(_), None) => Some("staged"),
            (Some(_), Some(_)) => Some("confirmed"),
        };
        self.text("certificateId", issued.map(|issued| &issued.certificate_id));
        self.text(
            "certificateArn",
            issued.map(|issued| &issued.certificate_arn),
        );
        self.text("endpoint", issued.map(|issued| &issued.endpoint));
        self.text("bundle", bundle);
        self.text("bundleKey", issued.map(|issued| &issued.bundle.key));
        self.text("bundleSha256", issued.map(|issued| &issued.bundle.sha256));
        self.moment("confirmedAt", confirmed_at);
    }

    fn failure(&mut self, state: &State) {
        let (failure, failed_at) = failure(state).unzip();
        self.text("failure", failure.map(FailureCode::as_str));
        self.moment("failedAt", failed_at);
        let helps = failure.map(FailureCode::may_be_retried);
        self.fact("retryHelps", helps);
    }

    fn text(&mut self, name: &'static str, value: Option<impl Display>) {
        self.fact(name, value.map(|value| value.to_string()));
    }

    fn moment(&mut self, name: &'static str, value: Option<UnixMillis>) {
        self.fact(name, value.map(rfc3339));
    }

    fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.push((name, value.into()));
    }
}

impl Serialize for Story {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.facts.iter().map(|(name, value)| (name, value)))
    }
}

fn mode(key: &KeySource) -> &'static str {
    match key {
        KeySource::Device(_) => "csr",
        KeySource::Service => "keys",
    }
}

fn confirmed_at(state: &State) -> Option<UnixMillis> {
    match state {
        State::Vended { confirmed_at, .. } => *confirmed_at,
        State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Failed { .. } => None,
    }
}

fn failure(state: &State) -> Option<(FailureCode, UnixMillis)> {
    match state {
        State::Failed {
            failure, failed_at, ..
        } => Some((*failure, *failed_at)),
        State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Vended { .. } => None,
    }
}

fn attributes(attributes: &Attributes) -> Option<Value> {
    let pair = |(name, value): (&_, &_)| (format!("{name}"), Value::from(format!("{value}")));
    (!attributes.is_empty()).then(|| attributes.iter().map(pair).collect())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(";"),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name}={}", plain(value)));
            pairs.collect::<Vec<_>>().join(";")
        }
    }
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
