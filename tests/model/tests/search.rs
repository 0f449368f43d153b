//! The search, small enough for every test run: the protocol holds, and no rule can be left out.

#![expect(clippy::panic, reason = "a test may panic")]

use cvm_model::focus::Focus;
use cvm_model::model::Model;
use cvm_model::mutant::Mutant;
use cvm_model::search::Found;
use cvm_model::search::search;

/// More states than any of these searches has.
const MOST: usize = 400_000;

fn explored(focus: Focus, mutant: Option<Mutant>) -> Found {
    let mut model = Model::new(focus, mutant);
    search(&mut model, MOST, &mut |_, _| {})
}

fn held(name: &str, found: &Found) {
    if let Some((breach, trace)) = &found.breach {
        panic!("{name}: {breach}\n{}", trace.join("\n"));
    }
    assert!(found.complete, "{name}: more than {MOST} states");
    assert!(found.rests > 0, "{name}: nothing ever comes to rest");
}

#[test]
fn all_properties_hold_in_every_state_of_the_small_worlds() {
    for focus in Focus::brief() {
        let name = focus.name;
        held(name, &explored(focus, None));
    }
}

#[test]
fn every_rule_that_is_left_out_breaks_the_property_it_is_for() {
    for mutant in Mutant::ALL {
        let found = explored(mutant.focus(), Some(mutant));
        let Some((breach, trace)) = found.breach else {
            panic!("{} is not needed in {} states", mutant.rule(), found.states);
        };
        println!("without '{}': {breach}", mutant.rule());
        for (number, step) in trace.iter().enumerate() {
            println!("{:4}. {step}", number + 1);
        }
        assert_eq!(breach.rule, mutant.breaks(), "{}", mutant.rule());
    }
}

/// Else a counter-example would show nothing about the rule.
#[test]
fn where_a_rule_is_missed_all_holds_while_it_is_kept() {
    for mutant in Mutant::ALL {
        held(mutant.rule(), &explored(mutant.focus(), None));
    }
}
