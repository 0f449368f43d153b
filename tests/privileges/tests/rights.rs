//! Both ways: every recorded call is allowed, and every right is needed by one or has its reason.

use cvm_privileges::audit::Finding;
use cvm_privileges::audit::audit;
use cvm_privileges::policy::Statement;
use cvm_privileges::policy::Statements;
use cvm_privileges::policy::documents;
use cvm_privileges::policy::documents_allow;
use cvm_privileges::policy::held_by;
use cvm_privileges::policy::statements;
use cvm_privileges::reasons::REASONS;
use cvm_privileges::recording::recorded;
use cvm_privileges::reference::checks;
use cvm_privileges::template::PARTITIONS;
use cvm_privileges::template::Template;

fn findings(statements: &Statements, template: &Template) -> Vec<Finding> {
    audit(statements, &recorded(), template, REASONS)
}

#[test]
fn every_recorded_call_is_allowed_and_every_right_is_needed() {
    for partition in PARTITIONS {
        let template = Template::shipped(partition);
        let findings = findings(&statements(&template), &template);
        let said: String = findings
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect();
        assert!(findings.is_empty(), "in {}:\n{said}", partition.name);
    }
}

/// The same by the documents as they stand: nothing is lost in taking them apart.
#[test]
fn the_documents_themselves_allow_every_recorded_call() {
    for partition in PARTITIONS {
        let template = Template::shipped(partition);
        let documents = documents(&template);
        for call in recorded() {
            let held = held_by(&call.by)
                .into_iter()
                .map(|name| documents[name].clone());
            let held: Vec<_> = held.collect();
            for check in checks(&call, &template) {
                assert!(
                    documents_allow(&held, &check),
                    "{call}: {check:?} in {}",
                    partition.name
                );
            }
        }
    }
}

#[test]
fn a_statement_that_is_dropped_is_missed() {
    let template = Template::shipped(PARTITIONS[0]);
    let all = statements(&template);
    for (owner, its) in &all {
        for n in 0..its.len() {
            let mut less = all.clone();
            let dropped = less.get_mut(owner).unwrap().remove(n);
            assert!(
                !findings(&less, &template).is_empty(),
                "nobody misses {dropped}"
            );
        }
    }
}

#[test]
fn an_action_a_resource_or_a_condition_s_value_that_is_dropped_is_missed() {
    let template = Template::shipped(PARTITIONS[0]);
    let all = statements(&template);
    for (owner, its) in &all {
        for (n, statement) in its.iter().enumerate() {
            for less in smaller(statement) {
                let mut changed = all.clone();
                changed.get_mut(owner).unwrap()[n] = less.clone();
                assert!(!findings(&changed, &template).is_empty(), "enough: {less}");
            }
        }
    }
}

/// The statement without one part of each list that has several.
fn smaller(statement: &Statement) -> Vec<Statement> {
    let without = |list: &Vec<String>, n: usize| {
        let mut list = list.clone();
        list.remove(n);
        list
    };
    let several = |list: &Vec<String>| if list.len() > 1 { 0..list.len() } else { 0..0 };
    let mut smaller = Vec::new();
    for n in several(&statement.actions) {
        let actions = without(&statement.actions, n);
        smaller.push(Statement {
            actions,
            ..statement.clone()
        });
    }
    for n in several(&statement.resources) {
        let resources = without(&statement.resources, n);
        smaller.push(Statement {
            resources,
            ..statement.clone()
        });
    }
    for (at, (_, _, values)) in statement.conditions.iter().enumerate() {
        for n in several(values) {
            let mut less = statement.clone();
            less.conditions[at].2 = without(values, n);
            smaller.push(less);
        }
    }
    smaller
}

#[test]
fn a_right_that_is_added_is_noticed() {
    let template = Template::shipped(PARTITIONS[0]);
    let all = statements(&template);
    for (owner, its) in &all {
        for n in 0..its.len() {
            let mut more = all.clone();
            let widened = &mut more.get_mut(owner).unwrap()[n];
            widened.actions.push("dynamodb:DeleteTable".to_owned());
            let findings = findings(&more, &template);
            let is_found = |finding: &Finding| matches!(finding, Finding::Surplus(_));
            assert!(findings.iter().any(is_found), "{owner} {n}: {findings:?}");
        }
    }
}

/// A reason must be about a right that is there, and that no call shows.
#[test]
fn a_reason_that_explains_nothing_is_noticed() {
    let template = Template::shipped(PARTITIONS[0]);
    let mut calls = recorded();
    calls.retain(|call| call.by != "LedgerRole");
    let all = statements(&template);
    assert!(
        !audit(&all, &calls, &template, REASONS).is_empty(),
        "its rights have no calls"
    );
    assert!(!audit(&all, &recorded(), &template, &REASONS[1..]).is_empty());
}
