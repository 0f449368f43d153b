//! Some hundred seeds hold, faults really strike in them, a seed repeats, and a broken rule is noticed.

use cvm_sim::fault::Fault;
use cvm_sim::report::Figures;
use cvm_sim::run::play;
use cvm_sim::scenario::Flaw;
use cvm_sim::scenario::Scenario;

/// As many as take half a minute without optimisation.
const SEEDS: u64 = 300;

#[test]
fn all_invariants_hold_and_every_fault_strikes() {
    let mut figures = Figures::default();
    for seed in 0..SEEDS {
        let outcome = play(Scenario::draw(seed), false);
        assert_eq!(outcome.violation, None, "cargo sim --seed {seed} --trace");
        figures.merge(&Figures {
            seeds: 1,
            calls: outcome.calls,
            lasted: outcome.lasted,
            tally: outcome.tally,
        });
    }
    for fault in Fault::ALL {
        let count = figures.tally.of("faults", fault.name());
        assert!(count > 0, "{} never struck", fault.name());
    }
    for (section, name) in [
        ("rows", "vended"),
        ("rows", "confirmed"),
        ("rows", "expired"),
        ("rows", "replaced"),
        ("processes", "workers killed"),
        ("processes", "zombies"),
        ("sweeps", "orphans deleted"),
        ("sweeps", "orders sent again"),
        ("sweeps", "certificates removed"),
        ("dead letters", "given up by the queue"),
        ("operator", "reset"),
        ("operator", "revoked"),
        ("operator", "dead letters sent again"),
        ("failed", "policy_missing"),
    ] {
        assert!(figures.tally.of(section, name) > 0, "no {section}: {name}");
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 0..30 {
        let (one, two) = (Scenario::draw(seed), Scenario::draw(seed));
        assert_eq!(one, two);
        let (one, two) = (play(one, false), play(two, true));
        assert_eq!(one.hash, two.hash, "seed {seed}");
        assert_eq!(one.tally, two.tally, "seed {seed}");
        assert!(!two.lines.is_empty());
    }
}

/// The invariant that breaks first in so many seeds with this flaw.
fn noticed(flaw: Flaw, seeds: u64) -> Option<&'static str> {
    (0..seeds).find_map(|seed| {
        let scenario = Scenario::draw(seed).with_flaw(flaw);
        play(scenario, false).violation.map(|found| found.rule)
    })
}

#[test]
fn a_table_that_writes_on_no_condition_is_noticed() {
    assert_eq!(noticed(Flaw::BlindSwap, 100), Some("I10"));
}

#[test]
fn certificates_that_are_active_at_once_are_noticed() {
    assert_eq!(noticed(Flaw::CreatesActive, 5), Some("I6"));
}

#[test]
fn a_queue_that_loses_messages_is_noticed() {
    assert_eq!(noticed(Flaw::LosesSends, 100), Some("I3"));
}

#[test]
fn certificates_that_are_not_retired_are_noticed() {
    let rule = noticed(Flaw::RetiresNothing, 100).unwrap();
    assert!(["I1", "I6"].contains(&rule), "{rule}");
}

#[test]
fn bundles_that_are_not_shredded_are_noticed() {
    assert_eq!(noticed(Flaw::ShredsNothing, 100), Some("bundles"));
}

#[test]
fn a_token_in_a_message_is_noticed() {
    assert_eq!(noticed(Flaw::LeaksToken, 5), Some("I4"));
}

#[test]
fn a_certificate_on_another_thing_is_noticed() {
    assert_eq!(noticed(Flaw::AttachesAstray, 5), Some("I7"));
}

#[test]
fn a_janitor_that_never_comes_is_noticed() {
    let rule = noticed(Flaw::NoJanitor, 50).unwrap();
    assert!(["I1", "I3", "I6"].contains(&rule), "{rule}");
}

#[test]
fn a_budget_that_is_not_counted_is_noticed() {
    assert_eq!(noticed(Flaw::CountsNothing, 300), Some("I9"));
}
