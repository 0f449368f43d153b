//! What is to be done next, judged from the row and from how far this run has come. Pure: no I/O, no
//! clock. The order of the steps is load-bearing, and this is the only place that knows it.
//!
//! A certificate is created INACTIVE, staged, committed to the row under the fence of our lease,
//! bound, and only then activated: whatever crash or rival comes in between, at most the committed
//! certificate can ever become ACTIVE.

use cvm_shared::failure::FailureCode;
use cvm_shared::lease::Fence;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Superseded;
use cvm_shared::request::Request;
use cvm_shared::state::State;

/// How far this run has come with the certificate of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Nothing yet: a certificate that the row names is an earlier epoch's, and nobody looked at it.
    #[default]
    Fresh,
    /// Created, known to nobody else.
    Created,
    /// Created, and its bundle is staged.
    Staged,
    /// The row names it. Made by an earlier epoch, or the Thing was not to be had: it may be missing.
    Adopted,
    /// The row names it, and its Thing is there, or the operator says so.
    Committed,
    /// Policy and Thing are attached to it.
    Bound,
    /// It is ACTIVE.
    Active,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Delete a former certificate that has to go before another one is made.
    Supplant(Superseded),
    /// Look whether the bundle that an earlier epoch left is still there; if not, condemn all of it.
    Inspect(Issued),
    /// Create a certificate.
    Create(Request),
    /// Check it and stage its bundle. Before the commit, so that a key that is answered only once is
    /// never lost for a committed certificate.
    Stage,
    /// Write it into the row.
    Commit,
    /// Attach policy and Thing. Only ever to the certificate that the row names.
    Attach {
        /// That certificate.
        issued: Issued,
        /// Whether the Thing is known or said to exist.
        thing_is_there: bool,
    },
    /// Activate the certificate that the row names.
    Activate(Issued),
    /// Write that it is done.
    Finish,
    /// Nothing is left to do.
    Done,
    /// The device's certificates of today are used up; the row says so.
    Spent,
    /// The row is not ours (any more).
    Lost,
}

/// The next step for the holder of `fence`.
pub fn plan(record: &Record, fence: &Fence, progress: Progress) -> Step {
    match &record.state {
        State::Issuing {
            request,
            lease,
            issued,
        } if lease.is_held_by(fence) => {
            let forbidden = |old: &&Superseded| old.ending == Ending::AtOnce;
            match record.superseded.iter().find(forbidden) {
                Some(old) => Step::Supplant(old.clone()),
                None => hold(request, issued.as_ref(), progress),
            }
        }
        State::Vended { .. } => Step::Done,
        State::Failed {
            failure: FailureCode::BudgetSpent,
            ..
        } => Step::Spent,
        State::Issuing { .. }
        | State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Failed { .. } => Step::Lost,
    }
}

fn hold(request: &Request, issued: Option<&Issued>, progress: Progress) -> Step {
    let attach = |issued: &Issued, thing_is_there| Step::Attach {
        issued: issued.clone(),
        thing_is_there,
    };
    match (issued, progress) {
        (None, Progress::Fresh) => Step::Create(request.clone()),
        (None, Progress::Created) => Step::Stage,
        (None, Progress::Staged) => Step::Commit,
        (Some(issued), Progress::Fresh) => Step::Inspect(issued.clone()),
        (Some(issued), Progress::Adopted) => attach(issued, false),
        (Some(issued), Progress::Committed) => attach(issued, true),
        (Some(issued), Progress::Bound) => Step::Activate(issued.clone()),
        (Some(_), Progress::Active) => Step::Finish,
        // The row names what this run does not know of, or the other way round.
        (Some(_), Progress::Created | Progress::Staged)
        | (None, Progress::Adopted | Progress::Committed | Progress::Bound | Progress::Active) => {
            Step::Lost
        }
    }
}
