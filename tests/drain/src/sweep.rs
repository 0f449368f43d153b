//! Many drains beside each other: over devices, over workers, over the size of a batch.

use crate::figures::Figures;
use crate::figures::Method;
use crate::fluid::Fluid;
use crate::plan::Plan;
use crate::report;
use crate::run::play;

/// Named runs under one title.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// What differs from one to the next.
    pub title: &'static str,
    /// The runs.
    pub runs: Vec<(String, Figures)>,
}

/// Over devices, up to ten million; those beyond `plan.simulated_most` are reckoned.
pub fn over_devices(plan: &Plan) -> Sheet {
    let counts = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let plans = counts.map(|devices| {
        let name = report::grouped(f64::from(devices), 0);
        let reckoned = if devices > plan.simulated_most {
            " (reckoned)"
        } else {
            ""
        };
        let plan = Plan {
            devices,
            ..plan.clone()
        };
        (name + reckoned, plan)
    });
    sheet("devices", plans)
}

/// Over workers.
pub fn over_workers(plan: &Plan) -> Sheet {
    let plans = [1, 2, 4, 8, 16, 32].map(|workers| {
        let plan = Plan {
            workers,
            ..plan.clone()
        };
        (workers.to_string(), plan)
    });
    sheet("workers", plans)
}

/// Over the size of a batch.
pub fn over_batches(plan: &Plan) -> Sheet {
    let plans = [1, 2, 5, 10, 20, 50, 100].map(|batch| {
        let plan = Plan {
            batch,
            ..plan.clone()
        };
        (batch.to_string(), plan)
    });
    sheet("batch", plans)
}

/// Under an SQS fair queue and one that is not.
pub fn over_fairness(plan: &Plan) -> Sheet {
    let plans = [true, false].map(|is_fair| {
        let plan = Plan {
            is_fair,
            ..plan.clone()
        };
        let name = if is_fair { "fair" } else { "first come" };
        (name.to_owned(), plan)
    });
    sheet("queue", plans)
}

fn sheet(title: &'static str, plans: impl IntoIterator<Item = (String, Plan)>) -> Sheet {
    let runs = plans.into_iter().map(|(name, plan)| (name, play(&plan)));
    Sheet {
        title,
        runs: runs.collect(),
    }
}

/// How far the fluid is from the simulation where both can be had: one line each.
pub fn differences(plan: &Plan) -> Vec<String> {
    let of = |devices: u32| {
        let plan = Plan {
            devices,
            ..plan.clone()
        };
        difference(&plan, &play(&plan))
    };
    [10_000, 100_000].map(of).into()
}

/// The same of runs over devices that were simulated.
pub fn differences_in(plan: &Plan, sheet: &Sheet) -> Vec<String> {
    let runs = sheet.runs.iter().map(|(_, figures)| figures);
    let simulated = runs.filter(|figures| figures.method == Method::Simulated);
    simulated.map(|figures| difference(plan, figures)).collect()
}

fn difference(plan: &Plan, simulated: &Figures) -> String {
    let reckoned = Fluid::of(plan).seconds(simulated.devices);
    report::difference(simulated, reckoned)
}
