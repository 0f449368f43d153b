//! How a fleet scales: the drain in virtual time, with the real worker, over devices, workers, batches and quotas.
//!
//! `cargo drain` shows one run of it in full, and what it leaves out.

use cvm_drain::beyond;
use cvm_drain::figures::Figures;
use cvm_drain::figures::Method;
use cvm_drain::figures::limit_name;
use cvm_drain::plan::Plan;
use cvm_drain::sweep;

use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::target::Report;
use crate::target::Target;

/// Devices of a run whose size is not what is looked at.
const DEVICES: u32 = 5_000;

const HEAD: [&str; 10] = [
    "",
    "devices/s",
    "takes, h",
    "quota used, %",
    "throttled, %",
    "came back, %",
    "wait p50, s",
    "line p99, s",
    "worker GB s a device",
    "bound by",
];

/// Plays all of them; up to `simulated` devices are served one by one, more are reckoned from the quota.
pub fn measure(simulated: u32) -> Report {
    let fleets = Plan {
        simulated_most: simulated,
        ..Plan::default()
    };
    let plan = Plan {
        devices: DEVICES,
        ..Plan::default()
    };
    let devices = sweep::over_devices(&fleets);
    let targets = targets(&devices.runs);
    let raised = beyond::over_quotas(&plan);
    let mut past = shown(
        "past the knee: raised quotas and the fewest workers that keep all promises",
        &raised,
    );
    for line in beyond::over_stacks(&raised) {
        past.note(line);
    }
    let mut grown = shown("over devices, 4 workers, batches of 10", &devices);
    grown.note(format!("Up to {simulated} devices the real worker serves each of them in virtual time; beyond, the quota is all that is reckoned with."));
    Report {
        sheets: vec![
            grown,
            shown(
                "over workers (MaximumConcurrency), batches of 10",
                &sweep::over_workers(&plan),
            ),
            shown(
                "over the size of a batch, 4 workers",
                &sweep::over_batches(&plan),
            ),
            shown(
                "a device of its own beside a factory's batch",
                &sweep::over_fairness(&plan),
            ),
            past,
        ],
        targets,
    }
}

/// Those of the largest fleet that was served one by one.
fn targets(runs: &[(String, Figures)]) -> Vec<Target> {
    let mut simulated = runs.iter().rev().map(|(_, figures)| figures);
    let largest = simulated.find(|figures| figures.method == Method::Simulated);
    let Some(figures) = largest else {
        return Vec::new();
    };
    let share = figures.share().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "counts of devices")]
    let unserved = (figures.devices - figures.vended) as f64;
    vec![
        Target::at_most(
            "devices of the largest simulated fleet that are not served",
            0.0,
            unserved,
        ),
        Target::at_least("share of the tightest quota that it uses", 0.97, share),
        Target::at_most(
            "its throttled calls, %",
            1.0,
            100.0 * figures.throttled_part(),
        ),
        Target::at_most(
            "wait of a lone device beside it, p99, s",
            30.0,
            figures.line_wait.most,
        ),
    ]
}

fn shown(title: &'static str, sheet: &sweep::Sheet) -> Sheet {
    let mut head = HEAD;
    head[0] = sheet.title;
    let mut shown = Sheet::new(title, &head);
    for (name, run) in &sheet.runs {
        shown.row(line(name, run));
    }
    shown
}

fn line(name: &str, run: &Figures) -> [Cell; 10] {
    let share = run
        .share()
        .map_or(Cell::None, |share| Cell::Number(100.0 * share, 1));
    let seen = |cell| {
        if run.method == Method::Simulated {
            cell
        } else {
            Cell::None
        }
    };
    [
        name.into(),
        Cell::Number(run.per_second, 2),
        Cell::Number(run.seconds / 3600.0, 2),
        seen(share),
        seen(Cell::Number(100.0 * run.throttled_part(), 2)),
        seen(Cell::Number(100.0 * run.given_back_part(), 1)),
        Cell::Number(run.batch_wait.half, 0),
        seen(Cell::Number(run.line_wait.most, 1)),
        Cell::Number(run.gb_seconds_per_device(), 3),
        limit_name(run.limit).into(),
    ]
}

/// A factory's burst with its polls, in virtual time.
pub fn burst(devices: u32) -> Sheet {
    let plan = Plan {
        devices,
        ..Plan::default()
    };
    let run = cvm_drain::run::play(&plan);
    let polls = cvm_drain::polls::play(devices, &run, 1);
    let mut sheet = Sheet::new("the same in virtual time", &["figure", "value"]);
    let lines = [
        ("devices", Cell::Count(run.devices)),
        ("served", Cell::Count(run.vended)),
        ("hours", Cell::Number(run.seconds / 3600.0, 2)),
        ("devices a second", Cell::Number(run.per_second, 2)),
        (
            "tightest quota used, %",
            run.share()
                .map_or(Cell::None, |share| Cell::Number(100.0 * share, 1)),
        ),
        (
            "throttled calls, %",
            Cell::Number(100.0 * run.throttled_part(), 2),
        ),
        (
            "wait of the batch, p50, s",
            Cell::Number(run.batch_wait.half, 0),
        ),
        (
            "wait of a lone device meanwhile, p50, s",
            Cell::Number(run.line_wait.half, 1),
        ),
        (
            "wait of a lone device meanwhile, p99, s",
            Cell::Number(run.line_wait.most, 1),
        ),
        (
            "polls a second, busiest minute",
            Cell::Number(polls.figures.busiest_minute, 0),
        ),
        (
            "polls a second after the storm, busiest minute",
            Cell::Number(polls.figures.calm_minute, 0),
        ),
        (
            "polls a device",
            Cell::Number(polls.figures.polls_per_device, 1),
        ),
    ];
    for (name, cell) in lines {
        sheet.row([name.into(), cell]);
    }
    sheet
}
