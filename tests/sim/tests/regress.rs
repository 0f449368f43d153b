//! Small worlds in which the simulation once found a fault of the product, each played often enough
//! that it would be found again.

use std::time::Duration;

use cvm_shared::reprovision::Reprovision;
use cvm_sim::fault::Fault;
use cvm_sim::run::play;
use cvm_sim::scenario::DevicePlan;
use cvm_sim::scenario::Flaw;
use cvm_sim::scenario::Scenario;
use cvm_sim::scenario::Settings;
use cvm_sim::scenario::Vanishes;
use cvm_sim::weather::Weather;
use cvm_testkit::sample::Lean;

/// One device and fine weather, for three hours that a test can spoil.
fn small(seed: u64) -> Scenario {
    Scenario {
        seed,
        devices: vec![DevicePlan {
            number: 0,
            own_key: true,
            reprovision: None,
            policy_missing: false,
            lean: Lean::No,
            arrives: Duration::from_mins(1),
            power_cuts: 0.0,
            vanishes: Vanishes::Never,
            confirms_twice: false,
            errands: Vec::new(),
        }],
        acts: Vec::new(),
        weather: Weather {
            ends: Duration::from_hours(3),
            ..Weather::calm()
        },
        settings: Settings {
            reprovision: Reprovision::Redeliver,
            grace: Duration::from_hours(1),
            bundle_wait: Duration::from_hours(24),
            creates_per_day: 12,
            poll_seconds: 10,
        },
        flaw: Flaw::None,
    }
}

/// None of these worlds breaks anything.
fn all_hold(worlds: impl Iterator<Item = Scenario>) {
    let broken: Vec<_> = worlds
        .filter_map(|world| Some((world.seed, play(world, false).violation?)))
        .collect();
    assert_eq!(broken, []);
}

/// Workers stall past their leases, and rivals finish what they had begun.
fn stalling(seed: u64) -> Scenario {
    let mut world = small(seed);
    world.weather.zombies = 0.4;
    world.weather.rates[Fault::After as usize] = 0.1;
    world.weather.rates[Fault::KillAfter as usize] = 0.05;
    world
}

#[test]
fn a_worker_that_stalls_before_it_looks_for_the_bundle_deletes_nothing_of_a_rival() {
    all_hold((0..150).map(stalling));
}

#[test]
fn one_that_did_would_be_found_again() {
    let mut worlds = (0..150).map(|seed| stalling(seed).with_flaw(Flaw::DeletesUnfenced));
    let found = worlds.find_map(|world| play(world, false).violation);
    assert_eq!(found.map(|found| found.rule), Some("I2"));
}

#[test]
fn a_bundle_whose_shredding_failed_does_not_stay() {
    all_hold((0..100).map(|seed| {
        let mut world = small(seed);
        world.devices[0].vanishes = Vanishes::AfterOneConfirm;
        world.weather.rates[Fault::Before as usize] = 0.2;
        world
    }));
}
