//! Past the knee: what raised quotas and more stacks bring, and how many workers they need.
//!
//! A stack is one account and region with quotas of its own; devices are divided among stacks, which know nothing of each
//! other. So their speeds add up.

use crate::figures::Figures;
use crate::figures::real;
use crate::fluid::Fluid;
use crate::plan::Plan;
use crate::promise::promises;
use crate::report;
use crate::run::play;
use crate::sweep::Sheet;

/// Quotas, as multiples of the default.
const SCALES: [f64; 5] = [1.0, 2.0, 5.0, 10.0, 50.0];
/// How many minutes of work a trial has.
const TRIAL_SECONDS: f64 = 120.0;
/// How many workers are tried, as multiples of those that would do if nobody ever waited.
const TRIES: [f64; 6] = [1.25, 2.0, 3.0, 4.0, 6.0, 8.0];

/// The fewest workers, of those that were tried, with which each quota keeps its promises; all that were tried if none
/// does.
pub fn over_quotas(plan: &Plan) -> Sheet {
    let best = SCALES.map(|scale| {
        best(&Plan {
            quota_scale: scale,
            ..plan.clone()
        })
    });
    Sheet {
        title: "quotas, workers",
        runs: best.into(),
    }
}

fn best(plan: &Plan) -> (String, Figures) {
    let fluid = Fluid::of(plan);
    let least = fluid.quota_per_second * fluid.batch_seconds / f64::from(plan.batch);
    let mut tried = None;
    for times in TRIES {
        let plan = Plan {
            workers: whole(least * times).max(2),
            devices: whole(fluid.quota_per_second * TRIAL_SECONDS),
            ..plan.clone()
        };
        let figures = play(&plan);
        let is_kept = promises(&plan, &figures)
            .iter()
            .all(|promise| promise.is_kept);
        let name = format!("x{}, {} workers", plan.quota_scale, plan.workers);
        tried = Some((name, figures));
        if is_kept {
            break;
        }
    }
    tried.unwrap_or_else(|| ("none".to_owned(), Figures::reckoned(plan, &fluid)))
}

/// How long a fleet takes on so many stacks, each as fast as these runs are; a line for each.
pub fn over_stacks(sheet: &Sheet) -> Vec<String> {
    let line = |(name, figures): &(String, Figures)| {
        let takes = |devices: u64, stacks: u64| {
            let speed = figures.per_second * real(stacks);
            report::duration(real(devices) / speed.max(1e-9))
        };
        format!(
            "{name}: a million takes {} on one stack, {} on five; ten million {} on one, {} on five, {} on twenty",
            takes(1_000_000, 1),
            takes(1_000_000, 5),
            takes(10_000_000, 1),
            takes(10_000_000, 5),
            takes(10_000_000, 20),
        )
    };
    sheet.runs.iter().map(line).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of workers and devices are positive and small"
)]
fn whole(value: f64) -> u32 {
    value.ceil() as u32
}
