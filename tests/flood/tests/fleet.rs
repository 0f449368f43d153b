//! Small fleets: the pace that ships keeps to the allowance, and what does not is noticed.

use cvm_flood::figures::Figures;
use cvm_flood::plan::Plan;
use cvm_flood::plan::Waiting;
use cvm_flood::run::play;
use cvm_ingest::pace::PollTerms;

fn fleet(devices: u32, allowance: u32) -> Plan {
    Plan {
        devices,
        terms: PollTerms {
            least_seconds: 2,
            polls_per_second: allowance,
            issues_per_second: 10,
        },
        doors: 4,
        ..Plan::default()
    }
}

fn played(plan: &Plan) -> Figures {
    let figures = play(plan, |_| ());
    assert!(
        (figures.devices - f64::from(plan.devices)).abs() < 0.5,
        "all are served"
    );
    figures
}

#[test]
fn a_paced_fleet_keeps_to_the_allowance_and_uses_it() {
    for seed in 1..=2 {
        let plan = Plan {
            seed,
            ..fleet(20_000, 100)
        };
        let figures = played(&plan);
        assert!(figures.is_bounded(&plan), "{figures:?}");
        assert!(figures.calm_minute > 60.0, "{figures:?}");
        // 20,000 take 2,000 s; nobody sleeps on for long after that.
        assert!(figures.total_seconds < 2_500, "{figures:?}");
    }
}

#[test]
fn it_keeps_to_it_however_the_fleet_comes() {
    for (window_seconds, depth_lag_seconds, doors) in [(0, 10, 1), (0, 60, 16), (900, 0, 16)] {
        let plan = Plan {
            window_seconds,
            depth_lag_seconds,
            doors,
            ..fleet(10_000, 50)
        };
        let figures = played(&plan);
        assert!(figures.is_bounded(&plan), "{plan:?} {figures:?}");
    }
}

#[test]
fn a_short_queue_is_not_kept_waiting() {
    let figures = played(&fleet(100, 500));
    assert!(figures.late_most_seconds < 4.0, "{figures:?}");
    let figures = played(&fleet(2_000, 500));
    assert!(figures.late_most_seconds < 20.0, "{figures:?}");
}

#[test]
fn fixed_polling_is_noticed() {
    let plan = Plan {
        waiting: Waiting::Fixed(2),
        ..fleet(4_000, 100)
    };
    let figures = played(&plan);
    assert!(!figures.is_bounded(&plan), "{figures:?}");
}

#[test]
fn rude_devices_are_noticed() {
    let plan = Plan {
        rude_percent: 5.0,
        ..fleet(10_000, 100)
    };
    let figures = played(&plan);
    assert!(!figures.is_bounded(&plan), "{figures:?}");
}

#[test]
fn a_seed_repeats_and_another_differs() {
    let plan = fleet(1_000, 20);
    assert_eq!(played(&plan), played(&plan));
    let other = Plan {
        seed: 2,
        ..plan.clone()
    };
    assert_ne!(played(&plan), played(&other));
}

#[test]
fn a_sample_tells_what_the_whole_fleet_does() {
    let whole = Plan {
        gateway_per_second: 300,
        gateway_burst: 150,
        ..fleet(12_000, 500)
    };
    let sample = whole.with_fixed_sample(20);
    let whole = Plan {
        waiting: Waiting::Fixed(20),
        ..whole
    };
    assert_eq!((sample.devices, sample.parts), (6_000, 2));
    let (whole, sample) = (play(&whole, |_| ()), play(&sample, |_| ()));
    for (one, two) in [
        (whole.let_through, sample.let_through),
        (whole.dollars, sample.dollars),
    ] {
        assert!((one / two - 1.0).abs() < 0.02, "{whole:?} {sample:?}");
    }
}
