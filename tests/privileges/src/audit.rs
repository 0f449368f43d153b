//! Holds rights, calls and reasons together: what is missing, what is too much, and what explains nothing any more.

use std::fmt;

use crate::policy::Check;
use crate::policy::Statement;
use crate::policy::Statements;
use crate::policy::allows;
use crate::policy::held_by;
use crate::reasons::Reason;
use crate::recording::Call;
use crate::recording::Calls;
use crate::reference::checks;
use crate::template::Template;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The call is made and not allowed.
    Missing {
        /// The call.
        call: Call,
        /// What is asked for it.
        action: String,
        /// On what.
        resource: String,
    },
    /// The right is there, and no call needs it, or another statement gives it as well.
    Surplus(String),
    /// The reason explains no right, or one that a call shows.
    Stale(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                call,
                action,
                resource,
            } => write!(f, "missing: {action} on {resource} for {call}"),
            Self::Surplus(right) => write!(f, "too much: {right}"),
            Self::Stale(reason) => write!(f, "explains nothing: {reason}"),
        }
    }
}

/// A question that a call raises, and the rights that each by itself answer it with yes.
struct Question {
    call: Call,
    check: Check,
    yes: Vec<usize>,
}

/// All rights, taken apart, and all questions: asked once, so that a right can be left out in no time.
pub struct Audit {
    atoms: Vec<Statement>,
    questions: Vec<Question>,
}

impl Audit {
    /// Asks all that these calls raise of these rights.
    pub fn new(statements: &Statements, calls: &Calls, template: &Template) -> Self {
        let atoms: Vec<Statement> = statements
            .values()
            .flatten()
            .flat_map(Statement::atoms)
            .collect();
        let raised = calls.iter().flat_map(|call| {
            let checks = checks(call, template).into_iter();
            checks.map(|check| (call.clone(), check))
        });
        let questions = raised.map(|(call, check)| {
            let held = held_by(&call.by);
            let answers = atoms
                .iter()
                .enumerate()
                .filter(|(_, atom)| held.contains(&atom.owner.as_str()) && allows([*atom], &check));
            let yes = answers.map(|(n, _)| n).collect();
            Question { call, check, yes }
        });
        Self {
            questions: questions.collect(),
            atoms,
        }
    }

    /// All that is wrong.
    pub fn findings(&self, reasons: &[Reason]) -> Vec<Finding> {
        self.findings_with(reasons, |_| true)
    }

    /// All that would be wrong with only the rights that are kept.
    pub fn findings_with(
        &self,
        reasons: &[Reason],
        keeps: impl Fn(&Statement) -> bool,
    ) -> Vec<Finding> {
        let kept: Vec<bool> = self.atoms.iter().map(keeps).collect();
        let mut needed = vec![false; self.atoms.len()];
        let mut findings = Vec::new();
        for Question { call, check, yes } in &self.questions {
            let mut yes = yes.iter().filter(|n| kept[**n]);
            match (yes.next(), yes.next()) {
                (None, _) => findings.push(Finding::Missing {
                    call: call.clone(),
                    action: check.action.clone(),
                    resource: check.resource.clone(),
                }),
                (Some(one), None) => needed[*one] = true,
                (Some(_), Some(_)) => {}
            }
        }
        let atoms = self.atoms.iter().zip(needed).zip(kept);
        let atoms: Vec<(&Statement, bool)> = atoms
            .filter_map(|(atom, kept)| kept.then_some(atom))
            .collect();
        findings.extend(surplus(&atoms, reasons));
        findings.extend(stale(&atoms, reasons));
        findings
    }
}

/// Rights that are neither needed nor explained.
fn surplus(atoms: &[(&Statement, bool)], reasons: &[Reason]) -> Vec<Finding> {
    let is_explained = |atom: &Statement| reasons.iter().any(|reason| reason.explains(atom));
    let surplus = atoms
        .iter()
        .filter(|(atom, is_needed)| !is_needed && !is_explained(atom));
    surplus
        .map(|(atom, _)| Finding::Surplus(atom.to_string()))
        .collect()
}

/// Reasons for nothing, or for what needs none.
fn stale(atoms: &[(&Statement, bool)], reasons: &[Reason]) -> Vec<Finding> {
    let is_stale = |reason: &&Reason| {
        let mut explained = atoms
            .iter()
            .filter(|(atom, _)| reason.explains(atom))
            .peekable();
        explained.peek().is_none() || explained.any(|(_, is_needed)| *is_needed)
    };
    let stale = reasons.iter().filter(is_stale);
    let name = |Reason {
                    owner, sid, action, ..
                }: &Reason| format!("{owner}/{sid}: {action}");
    stale.map(|reason| Finding::Stale(name(reason))).collect()
}
