//! Makes a failing scenario small: takes parts away for as long as the same invariant still breaks.

use cvm_maria::ground::Ground;
use cvm_testkit::sample::Lean;

use crate::chronicle::Violation;
use crate::run::play_on;
use crate::scenario::Scenario;
use crate::scenario::Vanishes;

/// The smallest scenario that was found, and what it breaks on this ground.
pub fn shrink(ground: &Ground, scenario: Scenario, violation: Violation) -> (Scenario, Violation) {
    let (mut best, mut broken) = (scenario, violation);
    loop {
        let smaller = candidates(&best).into_iter().find_map(|candidate| {
            let found = play_on(ground, candidate.clone(), false).violation?;
            (found.rule == broken.rule).then_some((candidate, found))
        });
        match smaller {
            Some((candidate, found)) => (best, broken) = (candidate, found),
            None => return (best, broken),
        }
    }
}

/// The scenario with one thing less.
fn candidates(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Scenario)| {
        let mut candidate = scenario.clone();
        change(&mut candidate);
        if candidate != *scenario {
            all.push(candidate);
        }
    };
    for index in 0..scenario.devices.len() {
        if scenario.devices.len() > 1 {
            with(&|candidate| {
                candidate.devices.remove(index);
            });
        }
        with(&|candidate| candidate.devices[index].errands.clear());
        with(&|candidate| candidate.devices[index].lean = Lean::No);
        with(&|candidate| candidate.devices[index].power_cuts = 0.0);
        with(&|candidate| candidate.devices[index].confirms_twice = false);
        with(&|candidate| candidate.devices[index].vanishes = Vanishes::Never);
    }
    for index in 0..scenario.acts.len() {
        with(&|candidate| {
            candidate.acts.remove(index);
        });
    }
    for index in 0..scenario.weather.rates.len() {
        with(&|candidate| candidate.weather.rates[index] = 0.0);
    }
    with(&|candidate| candidate.weather.outage = None);
    with(&|candidate| candidate.weather.storm = None);
    with(&|candidate| candidate.weather.crowd = 0.0);
    with(&|candidate| candidate.weather.zombies = 0.0);
    with(&|candidate| candidate.weather.duplicates = 0.0);
    with(&|candidate| candidate.weather.losses = 0.0);
    with(&|candidate| candidate.weather.skew = std::time::Duration::ZERO);
    with(&|candidate| candidate.weather.index_lag = std::time::Duration::ZERO);
    with(&|candidate| candidate.weather.list_lag = std::time::Duration::ZERO);
    all
}
