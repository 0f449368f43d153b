//! What is to be done next, judged from the row alone. Pure: no I/O, no clock.

use cvm_shared::lease::Fence;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::request::Request;
use cvm_shared::state::State;

/// How far this run has come with the certificate that the row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// The row names none, or one from an earlier epoch that nobody has looked at.
    Unseen,
    /// Its bundle is there, but it is an earlier epoch's: the Thing may still be missing.
    Adopted,
    /// This run has made it.
    Own,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look whether the bundle that an earlier epoch left is still there.
    Inspect(Issued),
    /// Create a certificate, stage its bundle, commit both.
    Issue(Request),
    /// Attach, activate, finish. Only ever the certificate that the row names.
    Bind {
        /// That certificate.
        issued: Issued,
        /// Whether the Thing is known to exist.
        thing_is_there: bool,
    },
    /// Nothing is left to do.
    Done,
    /// The row is not ours (any more).
    Lost,
}

/// The next step for the holder of `fence`.
pub fn plan(record: &Record, fence: &Fence, knowledge: Knowledge) -> Step {
    match &record.state {
        State::Issuing {
            request,
            lease,
            issued,
        } if lease.is_held_by(fence) => match (issued, knowledge) {
            (None, _) => Step::Issue(request.clone()),
            (Some(issued), Knowledge::Unseen) => Step::Inspect(issued.clone()),
            (Some(issued), Knowledge::Adopted) => bind(issued, false),
            (Some(issued), Knowledge::Own) => bind(issued, true),
        },
        State::Vended { .. } => Step::Done,
        State::Issuing { .. }
        | State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Failed { .. } => Step::Lost,
    }
}

fn bind(issued: &Issued, thing_is_there: bool) -> Step {
    Step::Bind {
        issued: issued.clone(),
        thing_is_there,
    }
}
