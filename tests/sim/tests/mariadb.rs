//! The simulation on a real MariaDB, by the adapters of the host form.

use cvm_maria::ground::Ground;
use cvm_maria::ground::Parts;
use cvm_sim::report::Figures;
use cvm_sim::run::Outcome;
use cvm_sim::run::play;
use cvm_sim::run::play_on;
use cvm_sim::scenario::Flaw;
use cvm_sim::scenario::Scenario;

/// As many as take a quarter of a minute without optimisation.
const SEEDS: u64 = 20;

fn figures(outcome: Outcome) -> Figures {
    Figures {
        seeds: 1,
        calls: outcome.calls,
        lasted: outcome.lasted,
        tally: outcome.tally,
    }
}

#[test]
fn all_invariants_hold_and_every_trail_is_in_the_table() {
    let ground = Ground::maria(Parts::All);
    let mut all = Figures::default();
    for seed in 0..SEEDS {
        let outcome = play_on(&ground, Scenario::draw(seed), false);
        let broken = &outcome.violation;
        assert_eq!(*broken, None, "cargo sim --mysql --seed {seed} --trace");
        all.merge(&figures(outcome));
    }
    for (section, name) in [
        ("rows", "confirmed"),
        ("rows", "expired"),
        ("trails", "entries in the table"),
        ("faults", "answer lost"),
        ("faults", "effect after the error"),
        ("processes", "zombies"),
        ("dead letters", "given up by the queue"),
    ] {
        assert!(all.tally.of(section, name) > 0, "no {section}: {name}");
    }
}

/// Two databases, one seed, one history.
#[test]
fn a_seed_always_gives_the_same_run() {
    let grounds = [(); 2].map(|()| Ground::maria(Parts::All));
    for seed in 0..4 {
        let scenario = || Scenario::draw(seed);
        let one = play_on(&grounds[0], scenario(), true);
        let two = play_on(&grounds[1], scenario(), true);
        assert_eq!(one.lines, two.lines, "seed {seed}");
        assert_eq!(one.hash, two.hash, "seed {seed}");
        assert!(!one.lines.is_empty());
    }
}

/// Where the fakes' indexes do not lag behind, nothing tells device table, guard and vault on MariaDB from the fakes: each
/// call at its moment has the same answer.
#[test]
fn a_seed_gives_the_run_that_it_gives_on_the_fakes() {
    let ground = Ground::maria(Parts::Tables);
    for seed in 100..100 + SEEDS {
        let mut scenario = Scenario::draw(seed);
        scenario.weather.index_lag = std::time::Duration::ZERO;
        let fakes = play(scenario.clone(), true);
        let mysql = play_on(&ground, scenario, true);
        assert_eq!(fakes.lines, mysql.lines, "seed {seed}");
        assert_eq!(fakes.hash, mysql.hash, "seed {seed}");
    }
}

#[test]
fn a_table_that_writes_on_no_condition_is_noticed() {
    let ground = Ground::maria(Parts::All);
    let found = (0..100).find_map(|seed| {
        let scenario = Scenario::draw(seed).with_flaw(Flaw::BlindSwap);
        play_on(&ground, scenario, false).violation
    });
    let rule = found.map(|found| found.rule);
    assert!(matches!(rule, Some("I10" | "trail")), "{rule:?}");
}
