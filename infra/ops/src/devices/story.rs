//! One device's whole story, from its row. The verifier is no part of it.

use std::fmt::Display;

use cvm_shared::failure::FailureCode;
use cvm_shared::record::Attributes;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::Superseded;
use cvm_shared::request::KeySource;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use serde::Serialize;
use serde::Serializer;
use serde_json::Value;

use crate::calendar::rfc3339;
use crate::import::login::Auth;
use crate::printer::plain;

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

    /// All facts, null where one does not apply.
    pub fn facts(&self) -> impl Iterator<Item = (&'static str, &Value)> + '_ {
        self.facts.iter().map(|(name, value)| (*name, value))
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
        self.text("policyName", binding.policy.name());
        self.text("thingType", binding.thing_type.as_ref());
        self.text("thingGroup", binding.thing_group.as_ref());
        self.fact("attributes", attributes(&binding.attributes));
        self.text("policyFrom", by_group(&binding.policy));
        self.text("thingMade", binding.thing_made.then_some("yes"));
        self.text("auth", Some(Auth::of(record.proof_only)));
        self.text(
            "secret",
            record.verifier.is_stretched().then_some("stretched"),
        );
        self.fact("generation", record.generation.0);
        self.fact("epoch", record.epoch.0);
        self.fact("revision", record.revision);
        self.text("reprovision", record.reprovision.map(Reprovision::as_str));
        let hand = record.trail.as_ref().map(|trail| &trail.hand);
        self.text(
            "lastChange",
            record.trail.as_ref().map(|trail| trail.deed.as_str()),
        );
        self.text("lastChangeBy", hand.map(|hand| hand.author.as_str()));
        self.moment("lastChangeAt", hand.map(|hand| hand.at));
        self.text(
            "lastChangeReason",
            hand.and_then(|hand| Some(hand.reason.as_ref()?.as_str())),
        );
        self.fact("createsToday", record.creates.count);
        self.fact("resent", record.resent.count);
        self.fact("superseded", superseded(&record.superseded));
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
        let (issued, delivery) = (state.issued(), delivery(state));
        let bundle = issued.map(|_| match delivery {
            None | Some(Delivery::Waiting { .. }) => "staged",
            Some(Delivery::Confirmed { .. }) => "confirmed",
            Some(Delivery::Expired { .. }) => "expired",
        });
        let (until, confirmed, expired) = match delivery {
            None => (None, None, None),
            Some(Delivery::Waiting { until }) => (Some(until), None, None),
            Some(Delivery::Confirmed { at }) => (None, Some(at), None),
            Some(Delivery::Expired { at }) => (None, None, Some(at)),
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
        self.moment("bundleUntil", until);
        self.moment("confirmedAt", confirmed);
        self.moment("expiredAt", expired);
    }

    fn failure(&mut self, state: &State) {
        let (failure, moments) = failure(state).unzip();
        let (failed_at, retry_at) = moments.unzip();
        self.text("failure", failure.map(FailureCode::as_str));
        self.moment("failedAt", failed_at);
        let helps = failure.map(FailureCode::may_be_retried);
        self.fact("retryHelps", helps);
        self.moment("retryAt", retry_at.flatten());
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

/// Certificates of earlier generations that still exist, and what becomes of them.
fn superseded(olds: &[Superseded]) -> Option<Value> {
    let told = |old: &Superseded| {
        let fate = match (old.inactive_at, old.ending) {
            (Some(at), Ending::Kept { disuse, .. }) => {
                format!("{} since {}", disuse.as_str(), rfc3339(at))
            }
            (Some(at), _) => format!("INACTIVE since {}", rfc3339(at)),
            (None, Ending::AtOnce) => "to be deleted".to_owned(),
            (None, Ending::Kept { disuse, .. }) => format!("to be {}", disuse.as_str()),
            (None, Ending::Grace { until }) => format!("in grace until {}", rfc3339(until)),
        };
        Value::from(format!("{} {fate}", old.issued.certificate_id))
    };
    (!olds.is_empty()).then(|| olds.iter().map(told).collect())
}

fn mode(key: &KeySource) -> &'static str {
    match key {
        KeySource::Device(_) => "csr",
        KeySource::Service => "keys",
    }
}

fn delivery(state: &State) -> Option<Delivery> {
    match state {
        State::Vended { delivery, .. } => Some(*delivery),
        State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Failed { .. } => None,
    }
}

/// Why it failed; when, and from when on asking again can help.
type Failed = (FailureCode, (UnixMillis, Option<UnixMillis>));

fn failure(state: &State) -> Option<Failed> {
    match state {
        State::Failed {
            failure,
            failed_at,
            retry_at,
            ..
        } => Some((*failure, (*failed_at, *retry_at))),
        State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Vended { .. } => None,
    }
}

/// As the table has it; none for a policy that is named.
fn by_group(policy: &PolicyFrom) -> Option<&'static str> {
    match policy {
        PolicyFrom::Certificate(_) => None,
        PolicyFrom::Group => Some("group"),
    }
}

fn attributes(attributes: &Attributes) -> Option<Value> {
    let pair = |(name, value): (&_, &_)| (format!("{name}"), Value::from(format!("{value}")));
    (!attributes.is_empty()).then(|| attributes.iter().map(pair).collect())
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
