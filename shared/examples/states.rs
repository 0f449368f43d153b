//! Prints `shared/STATES.md`, worked out by asking the transition function itself:
//! `cargo run -p cvm-shared --example states > shared/STATES.md`

#![allow(clippy::unwrap_used, reason = "its own samples are well formed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use cvm_shared::care::waiting;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::Owner;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Lease;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::reprovision::Superseded;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::transition::next;
use cvm_shared::verifier::Verifier;

const NOW: UnixMillis = UnixMillis(1_000_000_000);
const LATER: UnixMillis = UnixMillis(2_000_000_000);
const BEFORE: UnixMillis = UnixMillis(500_000_000);

#[allow(
    dead_code,
    reason = "the test that compares the file includes this one"
)]
fn main() {
    print!("{}", document());
}

/// The whole document.
pub(crate) fn document() -> String {
    let mut text = String::from(HEAD);
    text.push_str(&diagram());
    text.push_str(TABLE_HEAD);
    for (name, by, event) in events() {
        text.push_str(&row(name, by, &event));
    }
    text.push_str(WAITING_HEAD);
    for (name, record) in records() {
        let waits = waiting(&record).map_or("nobody but device or operator", |waits| {
            waits.group.as_str()
        });
        let _ = writeln!(
            text,
            "| {name} | {} | {waits} |",
            record.state.apply_state()
        );
    }
    text
}

const HEAD: &str = "\
# The states of a device

Generated from `cvm_shared::transition::next` and compared in a test: this page cannot be out of date. To write it anew:
`cargo run -p cvm-shared --example states > shared/STATES.md`

";

const TABLE_HEAD: &str = "
## Every event in every state

What an event makes of each state; a state that is not named answers *already*. The condition of the write that carries
a change out is always the same: the row still has the revision, state, generation and epoch that it was computed from.

| event | by | changes | refused |
|---|---|---|---|
";

const WAITING_HEAD: &str = "
## Who moves a row on

| state | `applyState` | index `waiting` |
|---|---|---|
";

fn diagram() -> String {
    let mut edges = BTreeSet::new();
    for (event_name, _, event) in events() {
        for (_, record) in records() {
            if let Ok(after) = next(&record, &event) {
                let (from, to) = (record.state.name(), after.state.name());
                if from != to {
                    edges.insert((from, to, short(event_name)));
                }
            }
        }
    }
    let mut text = String::from("```mermaid\nstateDiagram-v2\n    [*] --> Registered : import\n");
    for (from, to, event) in edges {
        let _ = writeln!(text, "    {from} --> {to} : {event}");
    }
    text.push_str("```\n");
    text
}

/// The event without its case.
fn short(name: &str) -> &str {
    name.split(',').next().unwrap_or(name)
}

fn row(name: &str, by: &str, event: &Event) -> String {
    let (mut changes, mut refusals) = (Vec::new(), Vec::new());
    for (state, record) in records() {
        match next(&record, event) {
            Ok(after) => changes.push(format!("{state} → {}", told(&record, &after))),
            Err(Refusal::Already) => {}
            Err(refusal) => refusals.push((reason(&refusal), state)),
        }
    }
    let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
    for (reason, state) in refusals {
        match grouped.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, states)) => states.push(state),
            None => grouped.push((reason, vec![state])),
        }
    }
    let refused: Vec<String> = grouped
        .iter()
        .map(|(reason, states)| match states.len() {
            all if all == records().len() => format!("*{reason}*: every state"),
            _ => format!("*{reason}*: {}", states.join(", ")),
        })
        .collect();
    format!(
        "| {name} | {by} | {} | {} |\n",
        changes.join("<br>"),
        refused.join("<br>")
    )
}

/// The new state, and what else has changed.
fn told(before: &Record, after: &Record) -> String {
    let mut text = after.state.name().to_owned();
    if after.generation != before.generation {
        text.push_str(", generation + 1");
    }
    if after.superseded.len() > before.superseded.len() {
        text.push_str(", its certificate is superseded");
    }
    text
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Already => "already",
        Refusal::Disabled => "disabled",
        Refusal::NothingAsked => "nothing asked",
        Refusal::OtherRequest => "other request",
        Refusal::StaleGeneration => "stale generation",
        Refusal::NotMarkedYet => "not marked yet",
        Refusal::LeaseHeld { .. } => "lease held",
        Refusal::LeaseLost => "lease lost",
        Refusal::NotIssued => "not issued",
        Refusal::FailedForGood { .. } => "failed for good",
        Refusal::TooSoon { .. } => "too soon",
        Refusal::Confirmed => "confirmed",
        Refusal::Expired => "expired",
        Refusal::ReplacementPending { .. } => "replacement pending",
        Refusal::HasCertificate => "has a certificate",
        Refusal::NotDue => "not due",
    }
}

fn serial() -> SerialNumber {
    SerialNumber::parse("SN-1").unwrap()
}

fn request() -> Request {
    Request::new(&serial(), Generation::FIRST, KeySource::Service)
}

fn issued() -> Issued {
    Issued {
        certificate_id: "a".repeat(64).try_into().unwrap(),
        certificate_arn: String::new(),
        endpoint: String::new(),
        bundle: BundleRef {
            key: BundleKey::parse("b/a").unwrap(),
            sha256: String::new(),
        },
    }
}

fn lease(epoch: u64, until: UnixMillis) -> Lease {
    Lease {
        epoch: Epoch(epoch),
        owner: Owner::from_random([1; 16]),
        until,
    }
}

fn record(state: State) -> Record {
    let binding = Binding {
        thing: ThingName::parse("SN-1").unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("policy").unwrap()),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    let token = DeviceToken::parse("token").unwrap();
    let verifier = Verifier::derive(&serial(), &token);
    Record {
        epoch: Epoch(7),
        state,
        ..Record::registered(serial(), verifier, binding)
    }
}

fn records() -> Vec<(&'static str, Record)> {
    let mut all = open_records();
    all.extend(ended_records());
    all
}

fn open_records() -> Vec<(&'static str, Record)> {
    let issuing = |until, issued| {
        record(State::Issuing {
            request: request(),
            lease: lease(7, until),
            issued,
        })
    };
    let requested = record(State::Requested {
        request: request(),
        issued: None,
    });
    vec![
        ("Disabled", record(State::Disabled)),
        ("Registered", record(State::Registered)),
        ("Requested", requested),
        ("Issuing", issuing(LATER, None)),
        ("Issuing (lease over)", issuing(BEFORE, None)),
        ("Issuing (committed)", issuing(LATER, Some(issued()))),
    ]
}

fn ended_records() -> Vec<(&'static str, Record)> {
    let vended = |delivery| {
        record(State::Vended {
            request: request().id,
            issued: issued(),
            delivery,
        })
    };
    let failed = |failure, issued, retry_at| {
        record(State::Failed {
            request: request().id,
            issued,
            failure,
            failed_at: NOW,
            retry_at,
        })
    };
    let (retry, never) = (FailureCode::PolicyMissing, FailureCode::CsrRefused);
    let spent = failed(FailureCode::BudgetSpent, None, Some(LATER));
    let confirmed = Delivery::Confirmed { at: NOW };
    let mut replaced = vended(confirmed);
    replaced.superseded.push(Superseded {
        issued: issued(),
        generation: Generation::FIRST,
        ending: Ending::Grace { until: LATER },
        inactive_at: None,
    });
    vec![
        (
            "Vended (waiting)",
            vended(Delivery::Waiting { until: BEFORE }),
        ),
        ("Vended (confirmed)", vended(confirmed)),
        ("Vended (expired)", vended(Delivery::Expired { at: NOW })),
        ("Failed", failed(retry, None, None)),
        ("Failed (committed)", failed(retry, Some(issued()), None)),
        ("Failed (until later)", spent),
        ("Failed (for good)", failed(never, None, None)),
        ("Vended (old one in grace)", replaced),
    ]
}

/// An event's name, who brings it, and the event.
type Told = (&'static str, &'static str, Event);

fn events() -> Vec<Told> {
    let mut all = device_events();
    all.extend(claims());
    all.extend(holder_events());
    all.extend(aftercare_events());
    all
}

fn device_events() -> Vec<Told> {
    let apply = |default| Event::Apply {
        key: KeySource::Service,
        generation: Generation::FIRST,
        now: NOW,
        terms: ReprovisionTerms {
            default,
            grace: Duration::from_hours(1),
        },
    };
    let request = request().id;
    let confirm = Event::Confirm { request, now: NOW };
    let (never, redeliver) = (Reprovision::Never, Reprovision::Redeliver);
    vec![
        ("apply, policy `never`", "device", apply(never)),
        ("apply, policy `redeliver`", "device", apply(redeliver)),
        (
            "apply, policy `replace`",
            "device",
            apply(Reprovision::Replace),
        ),
        ("confirm", "device", confirm),
    ]
}

fn claims() -> Vec<Told> {
    let claim = |generation| Event::Claim {
        request: request(),
        generation: Generation(generation),
        lease: lease(8, LATER),
        now: NOW,
        budget: 12,
    };
    vec![
        ("claim", "worker", claim(1)),
        ("claim, order of an earlier generation", "worker", claim(0)),
        ("claim, order of a later generation", "worker", claim(2)),
    ]
}

fn replay() -> Event {
    Event::Replay {
        request: request(),
        generation: Generation(1),
        now: NOW,
    }
}

fn holder_events() -> Vec<Told> {
    let fence = || lease(7, LATER).fence();
    let commit = Event::Commit {
        fence: fence(),
        issued: issued(),
    };
    let retire = Event::Retire {
        fence: fence(),
        now: NOW,
        budget: 12,
    };
    let finish = Event::Finish {
        fence: fence(),
        bundle_until: LATER,
    };
    let release = Event::Release {
        fence: fence(),
        unused: false,
    };
    let fail = Event::Fail {
        fence: fence(),
        failure: FailureCode::PolicyMissing,
        now: NOW,
        unused: false,
    };
    vec![
        ("commit", "worker", commit),
        ("retire", "worker", retire),
        ("finish", "worker", finish),
        ("release", "worker", release),
        ("fail", "worker", fail),
    ]
}

fn aftercare_events() -> Vec<Told> {
    let certificate = issued().certificate_id;
    let deactivate = Event::Deactivate {
        certificate: certificate.clone(),
        now: NOW,
    };
    let settle = Event::Settle {
        certificate: certificate.clone(),
    };
    let revoke_and_keep = Event::Revoke {
        keep: Some(Disuse::Revoked),
    };
    vec![
        ("resend", "janitor", Event::Resend { now: NOW }),
        ("abandon", "janitor", Event::Abandon { now: NOW }),
        ("expire", "janitor", Event::Expire { now: NOW }),
        ("deactivate the old one", "janitor", deactivate),
        (
            "forget the old one",
            "janitor, worker",
            Event::Forget { certificate },
        ),
        ("settle the kept one", "janitor", settle),
        ("reset", "operator", Event::Reset),
        ("revoke", "operator", Event::Revoke { keep: None }),
        ("revoke and keep", "operator", revoke_and_keep),
        ("disable", "operator", Event::Disable),
        ("enable", "operator", Event::Enable),
        ("replay a dead letter", "operator", replay()),
        ("discard a dead letter", "operator", Event::Discard),
    ]
}
