//! What may happen to a row, and why it may change nothing.

use crate::failure::FailureCode;
use crate::ids::RequestId;
use crate::lease::Fence;
use crate::lease::Lease;
use crate::record::Issued;
use crate::request::Generation;
use crate::request::Request;
use crate::time::UnixMillis;

/// Something that happened and wants to change a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device asked, and its order is in the queue.
    Apply {
        /// What it asked for.
        request: Request,
        /// When.
        now: UnixMillis,
    },
    /// A worker wants to work on the row.
    Claim {
        /// The order that it holds.
        request: Request,
        /// The generation that the order is of.
        generation: Generation,
        /// Who it is and until when it wants the row; its epoch is the row's next.
        lease: Lease,
        /// When.
        now: UnixMillis,
    },
    /// The holder has created a certificate and staged its bundle.
    Commit {
        /// The holder's token.
        fence: Fence,
        /// What it made.
        issued: Issued,
    },
    /// The holder found the committed certificate or its bundle gone, and retired what was left.
    Retire {
        /// The holder's token.
        fence: Fence,
    },
    /// The holder has bound and activated the committed certificate.
    Finish {
        /// The holder's token.
        fence: Fence,
    },
    /// The holder gives up.
    Fail {
        /// The holder's token.
        fence: Fence,
        /// Why.
        failure: FailureCode,
        /// When.
        now: UnixMillis,
    },
    /// The holder goes before it is done, so that the next one need not wait for the lease to end.
    Release {
        /// The holder's token.
        fence: Fence,
    },
    /// The device has its certificate safely installed.
    Confirm {
        /// The request that it had made.
        request: RequestId,
        /// When.
        now: UnixMillis,
    },
}

/// Why an event changes nothing. None of these is an error: each has an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The row already is what the event wants to make of it.
    Already,
    /// The device is disabled.
    Disabled,
    /// Nothing was asked, so there is nothing to do this to.
    NothingAsked,
    /// The row is about another request.
    OtherRequest,
    /// The order is of an earlier generation than the row.
    StaleGeneration,
    /// Another worker's lease lasts until then.
    LeaseHeld {
        /// The end of that lease.
        until: UnixMillis,
    },
    /// The token is not the holder's, or no longer.
    LeaseLost,
    /// The certificate is not issued yet, or not in a state for this.
    NotIssued,
    /// It failed for good; only another request or an operator can move it.
    FailedForGood {
        /// Why it failed.
        failure: FailureCode,
    },
    /// The device has confirmed: it has its certificate.
    Confirmed,
}
