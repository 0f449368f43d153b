//! A factory's burst for real: thousands of devices at once against AWS's default quotas, and nothing goes wrong.
//!
//! `cargo burst` is the same with everything going wrong.

use std::time::Duration;

use cvm_lambda::Error;
use cvm_lambda::backend::Backend;
use cvm_lambda::burst::Burst;
use cvm_lambda::burst::Outcome;
use cvm_lambda::burst::Plan;
use cvm_lambda::burst::Progress;
use cvm_lambda::poller::Loss;
use cvm_lambda::shell::Bar;
use cvm_local::functions::Functions;
use cvm_standin::Usage;

use crate::scale;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::stopwatch::millis;
use crate::target::Report;
use crate::target::Target;

/// Devices of the burst in virtual time.
const SIMULATED: u32 = 100_000;
/// The share of the tightest quota that must be used while there is a backlog.
const SHARE: f64 = 0.97;
/// The percentage of calls that may be throttled.
const THROTTLED: f64 = 1.0;

/// Has so many devices ask at the same moment.
pub async fn measure(functions: &Functions, devices: usize) -> Result<Report, Error> {
    let plan = plan(devices);
    let dir = tempfile::Builder::new().prefix("cvm-measure-").tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let backend = Backend::stand_in(plan.stand_in()).await?;
    let burst = Burst::prepare(&backend, functions, &plan, dir.path());
    let burst = Box::pin(burst).await?;
    let bar = Bar::new("burst", devices);
    let progress = move |now: Progress| {
        bar.set(now.confirmed);
        bar.tell(format_args!("{} queued", now.queued));
    };
    let outcome = Box::pin(burst.run(&progress)).await?;
    backend.stop().await;
    let mut report = told(&outcome);
    let simulated = tokio::task::block_in_place(|| scale::burst(SIMULATED));
    report.sheets.push(simulated);
    Ok(report)
}

/// As the template has it, and AWS's default quotas.
fn plan(devices: usize) -> Plan {
    Plan {
        devices,
        keys: 0.0,
        bucket: None,
        throttle: 0.0,
        kill_every: None,
        kills_most: None,
        duplicate: 0.0,
        visibility_seconds: 180,
        run_seconds: 30,
        lease_seconds: 45,
        loss: Loss::WaitOut,
        workers: 4,
        batch: 10,
        poll_seconds: 10,
        limit: Duration::from_mins(30),
        seed: 1,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
fn told(outcome: &Outcome) -> Report {
    let share = outcome.bottleneck().map_or(0.0, |(_, share)| share);
    let throttled = throttled(outcome);
    let letters: usize = outcome.dead_letters.values().sum();
    let unserved = (outcome.devices - outcome.vended) as f64;
    Report {
        sheets: vec![sheet(outcome, throttled)],
        targets: vec![
            Target::at_most("devices of a burst that are not served", 0.0, unserved),
            Target::at_most("dead letters of a burst", 0.0, letters as f64),
            Target::at_least(
                "share of the tightest quota that a burst uses",
                SHARE,
                share,
            ),
            Target::at_most("throttled calls of a burst, %", THROTTLED, throttled),
        ],
    }
}

/// The percentage of AWS IoT calls that were throttled.
#[expect(clippy::cast_precision_loss, reason = "counts")]
fn throttled(outcome: &Outcome) -> f64 {
    let sum = |of: fn(&Usage) -> u64| outcome.usage.values().map(of).sum::<u64>() as f64;
    100.0 * sum(|usage| usage.throttled) / sum(|usage| usage.calls).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
fn sheet(outcome: &Outcome, throttled: f64) -> Sheet {
    let mut sheet = Sheet::new("a burst against AWS's default quotas", &["figure", "value"]);
    let seconds = outcome.took.as_secs_f64();
    let wait = |fraction| {
        outcome
            .wait(fraction)
            .map_or(Cell::None, |wait| Cell::Number(millis(wait) / 1000.0, 1))
    };
    let requests = outcome.requests.unwrap_or_default();
    let polls = requests.saturating_sub(2 * outcome.devices as u64) as f64;
    let lines: [(&str, Cell); 10] = [
        ("devices", (outcome.devices as u64).into()),
        ("served and confirmed", (outcome.vended as u64).into()),
        ("seconds", Cell::Number(seconds, 1)),
        (
            "devices a second",
            Cell::Number(outcome.vended as f64 / seconds, 2),
        ),
        ("tightest quota", bottleneck(outcome)),
        ("throttled calls, %", Cell::Number(throttled, 2)),
        (
            "certificates created a device",
            Cell::Number(outcome.created as f64 / outcome.devices as f64, 3),
        ),
        ("accepted to ready, p50, s", wait(0.50)),
        ("accepted to ready, p99, s", wait(0.99)),
        (
            "polls a second, all devices",
            Cell::Number(polls / seconds, 1),
        ),
    ];
    for (name, cell) in lines {
        sheet.row([name.into(), cell]);
    }
    sheet
}

fn bottleneck(outcome: &Outcome) -> Cell {
    match outcome.bottleneck() {
        Some((api, share)) => format!("{} {:.1} %", api.name(), 100.0 * share).into(),
        None => Cell::None,
    }
}
