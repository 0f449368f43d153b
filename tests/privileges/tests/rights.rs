//! Both ways: every recorded call is allowed, and every right is needed by one or has its reason.

use std::collections::BTreeSet;

use cvm_privileges::audit::Audit;
use cvm_privileges::audit::Finding;
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

fn shipped() -> (Template, Statements) {
    let template = Template::shipped(PARTITIONS[0]);
    let statements = statements(&template);
    (template, statements)
}

#[test]
fn every_recorded_call_is_allowed_and_every_right_is_needed() {
    for partition in PARTITIONS {
        let template = Template::shipped(partition);
        let audit = Audit::new(&statements(&template), &recorded(), &template);
        let findings = audit.findings(REASONS).into_iter();
        let said: String = findings.map(|finding| finding.to_string() + "\n").collect();
        assert!(said.is_empty(), "in {}:\n{said}", partition.name);
    }
}

#[test]
fn a_key_of_one_s_own_is_used_like_the_stack_s() {
    for partition in PARTITIONS {
        let (name, region) = (partition.name, partition.region);
        let key = format!("arn:{name}:kms:{region}:123456789012:key/own");
        let template = Template::shipped(partition).with("ExistingKeyArn", &key);
        let audit = Audit::new(&statements(&template), &recorded(), &template);
        assert_eq!(audit.findings(REASONS), [], "in {name}");
    }
}

/// Who signs calls of the API, where it wants that, has one right: to make them. API Gateway checks it, no run of ours.
#[test]
fn who_signs_calls_may_make_them_and_nothing_else() {
    for partition in PARTITIONS {
        let template = Template::shipped(partition).with("ApiAuth", "AWS_IAM");
        let audit = Audit::new(&statements(&template), &recorded(), &template);
        let (name, region) = (partition.name, partition.region);
        let right = format!(
            "CallerPolicy/CallApi: execute-api:Invoke on arn:{name}:execute-api:{region}:123456789012:cvm-httpapi/*"
        );
        assert_eq!(
            audit.findings(REASONS),
            [Finding::Surplus(right)],
            "in {name}"
        );
    }
}

/// The same by the documents as they stand: nothing is lost in taking them apart.
#[test]
fn the_documents_themselves_allow_every_recorded_call() {
    for partition in PARTITIONS {
        let template = Template::shipped(partition);
        let documents = documents(&template);
        for call in recorded() {
            let held = held_by(&call.by).into_iter();
            let held: Vec<_> = held.map(|name| documents[name].clone()).collect();
            for check in checks(&call, &template) {
                let allowed = documents_allow(&held, &check);
                assert!(allowed, "{call}: {check:?} in {}", partition.name);
            }
        }
    }
}

#[test]
fn each_statement_has_a_name_of_its_own() {
    let (_, all) = shipped();
    for (owner, its) in all {
        let names: BTreeSet<&str> = its.iter().map(|statement| statement.sid.as_str()).collect();
        assert_eq!(names.len(), its.len(), "{owner}");
        assert!(!names.contains(""), "{owner}");
    }
}

#[test]
fn a_statement_that_is_dropped_is_missed() {
    let (template, all) = shipped();
    let audit = Audit::new(&all, &recorded(), &template);
    for dropped in all.values().flatten() {
        let is_other =
            |atom: &Statement| (&atom.owner, &atom.sid) != (&dropped.owner, &dropped.sid);
        let findings = audit.findings_with(REASONS, is_other);
        assert!(!findings.is_empty(), "nobody misses {dropped}");
    }
}

/// One action on one resource under one value of each condition.
#[test]
fn the_smallest_part_of_a_statement_that_is_dropped_is_missed() {
    let (template, all) = shipped();
    let audit = Audit::new(&all, &recorded(), &template);
    for dropped in all.values().flatten().flat_map(Statement::atoms) {
        let findings = audit.findings_with(REASONS, |atom| *atom != dropped);
        let is_explained = REASONS.iter().any(|reason| reason.explains(&dropped));
        assert!(
            is_explained || !findings.is_empty(),
            "nobody misses {dropped}"
        );
    }
}

#[test]
fn a_right_that_is_added_is_noticed() {
    let (template, all) = shipped();
    let mut more = all.clone();
    for widened in more.values_mut().flatten() {
        widened.actions.push("dynamodb:DeleteTable".to_owned());
    }
    let findings = Audit::new(&more, &recorded(), &template).findings(REASONS);
    let surplus: Vec<String> = findings.iter().map(ToString::to_string).collect();
    for Statement { owner, sid, .. } in all.values().flatten() {
        let start = format!("too much: {owner}/{sid}: dynamodb:DeleteTable on ");
        assert!(
            surplus.iter().any(|said| said.starts_with(&start)),
            "{start}"
        );
    }
}

/// A right that two statements give is one too many.
#[test]
fn a_right_that_is_given_twice_is_noticed() {
    let (template, all) = shipped();
    let mut more = all.clone();
    for its in more.values_mut() {
        let twice = its.clone();
        its.extend(twice);
    }
    let findings = Audit::new(&more, &recorded(), &template).findings(REASONS);
    let surplus: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let is_explained = |atom: &Statement| REASONS.iter().any(|reason| reason.explains(atom));
    for atom in all.values().flatten().flat_map(Statement::atoms) {
        let said = format!("too much: {atom}");
        assert!(is_explained(&atom) || surplus.contains(&said), "{atom}");
    }
}

/// A reason must be about a right that is there, and that no call shows.
#[test]
fn a_reason_that_explains_nothing_is_noticed() {
    let (template, all) = shipped();
    let audit = Audit::new(&all, &recorded(), &template);
    let none = audit.findings_with(REASONS, |atom| atom.owner != "LedgerRole");
    let is_stale = |finding: &Finding| matches!(finding, Finding::Stale(_));
    assert!(none.iter().any(is_stale), "{none:?}");
    assert!(
        !audit.findings(&REASONS[1..]).is_empty(),
        "its rights have no calls"
    );
}
