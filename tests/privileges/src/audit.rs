//! Holds rights, calls and reasons together: what is missing, what is too much, and what explains nothing any more.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
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

/// All that is wrong with these rights, for these calls.
pub fn audit(
    statements: &Statements,
    calls: &Calls,
    template: &Template,
    reasons: &[Reason],
) -> Vec<Finding> {
    let asked: Vec<Asked<'_>> = calls
        .iter()
        .flat_map(|call| asked(call, template))
        .collect();
    let mut findings = missing(statements, &asked);
    let atoms: Vec<Statement> = statements
        .values()
        .flatten()
        .flat_map(Statement::atoms)
        .collect();
    let needed = needed(&atoms, &asked);
    let explained = |atom: &Statement| reasons.iter().any(|reason| reason.explains(atom));
    for (atom, is_needed) in atoms.iter().zip(&needed) {
        if !is_needed && !explained(atom) {
            findings.push(Finding::Surplus(atom.to_string()));
        }
    }
    for reason in reasons {
        let mut explained = atoms
            .iter()
            .zip(&needed)
            .filter(|(atom, _)| reason.explains(atom))
            .peekable();
        if explained.peek().is_none() || explained.any(|(_, is_needed)| *is_needed) {
            let Reason {
                owner, sid, action, ..
            } = reason;
            findings.push(Finding::Stale(format!("{owner}/{sid}: {action}")));
        }
    }
    findings
}

/// A question with the call that it is asked for.
struct Asked<'a> {
    call: &'a Call,
    check: Check,
}

fn asked<'a>(call: &'a Call, template: &Template) -> Vec<Asked<'a>> {
    let checks = checks(call, template).into_iter();
    checks.map(|check| Asked { call, check }).collect()
}

fn missing(statements: &Statements, asked: &[Asked<'_>]) -> Vec<Finding> {
    let denied = asked.iter().filter(|Asked { call, check }| {
        let held = held_by(&call.by).into_iter();
        let held = held.filter_map(|policy| statements.get(policy)).flatten();
        !allows(held, check)
    });
    let finding = |Asked { call, check }: &Asked<'_>| Finding::Missing {
        call: (*call).clone(),
        action: check.action.clone(),
        resource: check.resource.clone(),
    };
    let findings: BTreeSet<Finding> = denied.map(finding).collect();
    findings.into_iter().collect()
}

/// For each atom, whether some question is answered with yes by it alone.
fn needed(atoms: &[Statement], asked: &[Asked<'_>]) -> Vec<bool> {
    let mut needed = vec![false; atoms.len()];
    let mut answered = BTreeMap::new();
    for Asked { call, check } in asked {
        let held = held_by(&call.by);
        let by = |(n, atom): (usize, &Statement)| {
            let key = (n, check);
            let is_its = held.contains(&atom.owner.as_str()) && atom.actions == [&*check.action];
            let yes = is_its && *answered.entry(key).or_insert_with(|| allows([atom], check));
            yes.then_some(n)
        };
        let by: Vec<usize> = atoms.iter().enumerate().filter_map(by).collect();
        if let [one] = by[..] {
            needed[one] = true;
        }
    }
    needed
}
