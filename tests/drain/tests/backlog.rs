//! Small backlogs: the worker that ships uses what the account grants, and what does not is noticed.

use cvm_drain::account::Call;
use cvm_drain::figures::Figures;
use cvm_drain::figures::Limit;
use cvm_drain::fluid::Fluid;
use cvm_drain::plan::Plan;
use cvm_drain::promise::promises;
use cvm_drain::run::play;

fn batch(devices: u32) -> Plan {
    Plan {
        devices,
        line_devices: 0,
        ..Plan::default()
    }
}

/// Plays it; everybody is served, whatever else happens.
fn played(plan: &Plan) -> Figures {
    let figures = play(plan);
    assert_eq!((figures.vended, figures.lost), (figures.devices, 0));
    figures
}

fn broken(plan: &Plan, figures: &Figures) -> Vec<String> {
    let all = promises(plan, figures).into_iter();
    all.filter(|promise| !promise.is_kept)
        .map(|promise| promise.text)
        .collect()
}

#[test]
fn a_backlog_uses_the_quota_and_meets_no_throttle() {
    let plan = batch(500);
    let figures = played(&plan);
    assert!(figures.share().unwrap() >= 0.97, "{figures}");
    assert_eq!(figures.limit, Limit::Quota(Call::UpdateCertificate));
    assert_eq!(broken(&plan, &figures), [""; 0], "{figures}");
    assert_eq!(promises(&plan, &figures).len(), 3);
}

#[test]
fn devices_of_both_kinds_use_it_too() {
    let plan = Plan {
        keys: 0.5,
        ..batch(300)
    };
    let figures = played(&plan);
    assert!(figures.share().unwrap() >= 0.97, "{figures}");
    // Two quotas of creates let more through at once than one: the workers' bursts meet at the activations.
    assert!(figures.throttled_part() < 0.001, "{figures}");
}

#[test]
fn all_workers_bursts_together_fit_into_the_accounts() {
    for workers in [2, 3, 4, 6] {
        let plan = Plan {
            workers,
            ..batch(300)
        };
        let figures = played(&plan);
        assert!(figures.share().unwrap() >= 0.97, "{figures}");
        assert!(figures.throttled_part() < 0.001, "{workers}: {figures}");
    }
}

#[test]
fn a_line_device_does_not_wait_for_the_batch() {
    let plan = Plan {
        line_devices: 20,
        ..batch(500)
    };
    let figures = played(&plan);
    assert!(figures.line_wait.longest < 15.0, "{figures}");
    assert!(figures.batch_wait.half > 20.0, "{figures}");
    let unfair = Plan {
        is_fair: false,
        ..plan
    };
    let figures = played(&unfair);
    assert!(figures.line_wait.most > 30.0, "{figures}");
}

#[test]
fn one_worker_with_one_message_is_bound_by_its_time() {
    let plan = Plan {
        workers: 1,
        batch: 1,
        ..batch(100)
    };
    let figures = played(&plan);
    assert_eq!(figures.limit, Limit::Workers);
    assert!(figures.share().unwrap() < 0.6, "{figures}");
}

#[test]
fn a_pace_that_is_too_fast_is_noticed() {
    let plan = Plan {
        pace_scale: 2.0,
        ..batch(300)
    };
    let figures = played(&plan);
    assert!(figures.throttled_part() > 0.01, "{figures}");
    assert!(!broken(&plan, &figures).is_empty(), "{figures}");
}

#[test]
fn a_pace_that_is_too_slow_is_noticed() {
    let plan = Plan {
        pace_scale: 0.9,
        ..batch(300)
    };
    let figures = played(&plan);
    assert!(!broken(&plan, &figures).is_empty(), "{figures}");
}

#[test]
fn a_neighbour_costs_time_and_nobody_their_certificate() {
    let plan = Plan {
        throttle: 0.3,
        ..batch(200)
    };
    let figures = played(&plan);
    assert!((0.2..0.4).contains(&figures.throttled_part()), "{figures}");
}

#[test]
fn a_seed_repeats_and_another_differs() {
    let plan = Plan {
        line_devices: 5,
        throttle: 0.1,
        keys: 0.2,
        ..batch(120)
    };
    assert_eq!(played(&plan), played(&plan));
    let other = Plan {
        seed: 2,
        ..plan.clone()
    };
    assert_ne!(played(&plan), played(&other));
}

#[test]
fn the_fluid_is_near_the_simulation() {
    let plan = batch(1_000);
    let reckoned = Fluid::of(&plan).seconds(plan.devices.into());
    let simulated = played(&plan).seconds;
    assert!(
        (reckoned / simulated - 1.0).abs() < 0.05,
        "{reckoned} {simulated}"
    );
}

#[test]
fn what_is_too_large_is_reckoned() {
    let plan = batch(10_000_000);
    let figures = play(&plan);
    assert!(
        (figures.seconds / 1_000_000.0 - 1.0).abs() < 0.01,
        "{figures}"
    );
    assert!(broken(&plan, &figures).is_empty());
}
