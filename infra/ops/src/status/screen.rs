//! A look as a screen, or as one object for programs.

use std::time::Duration;

use comfy_table::Cell;
use comfy_table::CellAlignment;
use comfy_table::Color;
use cvm_shared::time::UnixMillis;
use serde_json::Value;
use serde_json::json;

use crate::calendar::rfc3339;
use crate::cli::Output;
use crate::context::Context;
use crate::printer::plain;
use crate::printer::sheet;
use crate::printer::shown;
use crate::status::look::Look;
use crate::status::look::MINUTES;
use crate::status::recent::Recent;
use crate::terminal::csv_line;

const STATES: [&str; 6] = [
    "Registered",
    "Requested",
    "Issuing",
    "Vended",
    "Failed",
    "Disabled",
];

/// Over how many minutes the rate is taken.
const RATE_MINUTES: u64 = 5;

/// The look in the form that was asked for.
pub(super) fn told(look: &Look, quota: f64, context: &Context) -> String {
    let facts = facts(look, quota);
    match context.output {
        Output::Json => {
            let object = facts
                .into_iter()
                .map(|fact| (fact.name.to_owned(), fact.value));
            Value::Object(object.collect()).to_string()
        }
        Output::Csv => {
            let lines = facts
                .iter()
                .map(|fact| csv_line([fact.name, &plain(&fact.value)]));
            lines.collect::<Vec<_>>().join("\n")
        }
        Output::Table => table(&facts, context.styled),
    }
}

/// One line of the screen.
struct Fact {
    name: &'static str,
    value: Value,
    /// What it means, in words.
    note: String,
    colour: Option<Color>,
}

fn fact(name: &'static str, value: impl Into<Value>) -> Fact {
    Fact {
        name,
        value: value.into(),
        note: String::new(),
        colour: None,
    }
}

impl Fact {
    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn red_if(mut self, is_bad: bool) -> Self {
        self.colour = is_bad.then_some(Color::Red);
        self
    }
}

fn facts(look: &Look, quota: f64) -> Vec<Fact> {
    let mut facts = vec![fact("at", rfc3339(look.at))];
    facts.extend(queue(look));
    for state in STATES {
        let count = look.devices(state);
        facts.push(fact(state, count).red_if(state == "Failed" && count > 0));
    }
    facts.extend(pace(look, quota));
    facts.extend(recent(look));
    facts.extend(care(look));
    facts
}

fn queue(look: &Look) -> Vec<Fact> {
    let queue = look.queue;
    let oldest = look.oldest.as_ref();
    let age = oldest.map(|(_, since)| look.at.since(*since));
    let who = oldest.map_or_else(String::new, |(serial, _)| format!("device {serial}"));
    vec![
        fact("queueReady", queue.ready).note("messages that wait for a worker"),
        fact("queueInFlight", queue.in_flight).note("with a worker, or given back for a while"),
        fact("queueDelayed", queue.delayed),
        fact("oldestSeconds", age.map(|age| age.as_secs()))
            .note(age.map_or(who.clone(), |age| format!("{}, {who}", spoken(age))))
            .red_if(age.is_some_and(|age| age > Duration::from_mins(15))),
        fact("deadLetters", look.dead_letters)
            .note("cvmctl dlq list")
            .red_if(look.dead_letters > 0),
    ]
}

fn pace(look: &Look, quota: f64) -> Vec<Fact> {
    let vended = look.done("finish", RATE_MINUTES);
    let failed = look.done("fail", RATE_MINUTES);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = vended as f64 / (RATE_MINUTES * 60) as f64;
    let waiting = look.devices("Requested") + look.devices("Issuing");
    let percent = (100.0 * rate / quota).round();
    let left = (waiting > 0).then(|| time_left(waiting, rate.max(quota)));
    vec![
        fact("vendedPerSecond", (rate * 100.0).round() / 100.0).note(format!(
            "in the last {RATE_MINUTES} minutes; {percent} % of {quota} a second"
        )),
        fact("failedRecently", failed)
            .note(format!("in the last {RATE_MINUTES} minutes"))
            .red_if(failed > 0),
        fact("secondsToGo", left.map(|left| left.as_secs()))
            .note(left.map_or_else(String::new, |left| format!("{} at best", spoken(left)))),
    ]
}

/// What the metrics say; a throttle is no failure.
fn recent(look: &Look) -> Vec<Fact> {
    let told = |name, count: &dyn Fn(&Recent) -> u64, what: &str| match &look.recent {
        Ok(recent) => {
            fact(name, count(recent)).note(format!("{what} in the last {MINUTES} minutes"))
        }
        Err(reason) => fact(name, Value::Null).note(reason.clone()),
    };
    let failures = look.recent.as_ref().map_or(0, |recent| recent.failures);
    vec![
        told("iotThrottles", &|recent| recent.throttles, "of AWS IoT"),
        told(
            "issueFailures",
            &|recent| recent.failures,
            "requests given up",
        )
        .red_if(failures > 0),
    ]
}

/// How long this many devices take at this rate.
fn time_left(devices: i64, rate: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = devices as f64 / rate.max(0.01);
    Duration::from_secs_f64(seconds.max(0.0))
}

fn care(look: &Look) -> Vec<Fact> {
    let swept = look.sweep.as_ref().map(|(at, _)| *at);
    let told = look.sweep.as_ref().map(|(_, told)| told);
    let failed = told.and_then(|told| told["failed"].as_u64()).unwrap_or(0);
    let alarms = match &look.alarms {
        Ok(alarms) => fact("alarms", alarms.clone()).red_if(!alarms.is_empty()),
        Err(reason) => fact("alarms", Value::Null).note(reason.clone()),
    };
    vec![
        fact("lastSweep", swept.map(rfc3339))
            .note(ago(look.at, swept))
            .red_if(failed > 0),
        fact("sweepResult", told.map(summary)),
        alarms,
    ]
}

fn ago(now: UnixMillis, then: Option<UnixMillis>) -> String {
    then.map_or_else(
        || "never yet".to_owned(),
        |then| format!("{} ago", spoken(now.since(then))),
    )
}

/// What a sweep did, without what it did not do.
fn summary(told: &Value) -> Value {
    let all = told.as_object().into_iter().flatten();
    let some = all.filter(|(_, count)| count.as_u64() != Some(0));
    let some = some.map(|(name, count)| (name.clone(), count.clone()));
    json!(some.collect::<serde_json::Map<String, Value>>())
}

/// `1 h 3 min`, `12 s`.
fn spoken(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn table(facts: &[Fact], styled: bool) -> String {
    let mut table = sheet(styled);
    for fact in facts {
        let text = if fact.value.is_null() {
            "-".to_owned()
        } else {
            shown(&plain(&fact.value))
        };
        let value = Cell::new(text);
        let value = match &fact.value {
            Value::Number(_) | Value::Null => value.set_alignment(CellAlignment::Right),
            Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => value,
        };
        let value = fact.colour.map_or(value.clone(), |colour| value.fg(colour));
        let name = Cell::new(fact.name).fg(Color::DarkGrey);
        table.add_row([
            name,
            value,
            Cell::new(shown(&fact.note)).fg(Color::DarkGrey),
        ]);
    }
    table.trim_fmt()
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
