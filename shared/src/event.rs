//! What may happen to a row, and why it may change nothing.

use crate::failure::FailureCode;
use crate::ids::CertificateId;
use crate::ids::RequestId;
use crate::lease::Fence;
use crate::lease::Lease;
use crate::record::Issued;
use crate::reprovision::Disuse;
use crate::reprovision::ReprovisionTerms;
use crate::request::Generation;
use crate::request::KeySource;
use crate::request::Request;
use crate::time::UnixMillis;

/// Something that happened and wants to change a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device asked, and its order is in the queue.
    Apply {
        /// Whose key it wants certified.
        key: KeySource,
        /// The row's generation when the door looked: the order that was sent is judged by it.
        generation: Generation,
        /// When.
        now: UnixMillis,
        /// What it may have if it was served before.
        terms: ReprovisionTerms,
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
        /// How many certificates may be created for one device on one day.
        budget: u32,
    },
    /// The holder has created a certificate and staged its bundle.
    Commit {
        /// The holder's token.
        fence: Fence,
        /// What it made.
        issued: Issued,
    },
    /// The holder found the committed certificate or its bundle gone: what is left of it has to go.
    Retire {
        /// The holder's token.
        fence: Fence,
        /// When.
        now: UnixMillis,
        /// How many certificates may be created for one device on one day.
        budget: u32,
    },
    /// The holder has bound and activated the committed certificate.
    Finish {
        /// The holder's token.
        fence: Fence,
        /// Until when the bundle waits for its device.
        bundle_until: UnixMillis,
    },
    /// The holder gives up.
    Fail {
        /// The holder's token.
        fence: Fence,
        /// Why.
        failure: FailureCode,
        /// When.
        now: UnixMillis,
        /// Whether a create was counted for this claim and never tried.
        unused: bool,
    },
    /// The holder goes before it is done, so that the next one need not wait for the lease to end.
    Release {
        /// The holder's token.
        fence: Fence,
        /// Whether a create was counted for this claim and never tried.
        unused: bool,
    },
    /// The device has its certificate safely installed.
    Confirm {
        /// The request that it had made.
        request: RequestId,
        /// When.
        now: UnixMillis,
    },
    /// The janitor has shredded a bundle that nobody fetched in time.
    Expire {
        /// When.
        now: UnixMillis,
    },
    /// The janitor has sent the order of a row again that nobody seems to work on.
    Resend {
        /// When.
        now: UnixMillis,
    },
    /// The janitor gives up on a row whose order was sent again and again.
    Abandon {
        /// When.
        now: UnixMillis,
    },
    /// A superseded certificate was put out of use.
    Deactivate {
        /// Which one.
        certificate: CertificateId,
        /// When.
        now: UnixMillis,
    },
    /// A superseded certificate was deleted and its bundle shredded.
    Forget {
        /// Which one.
        certificate: CertificateId,
    },
    /// An operator lets the device apply again; what it had has to go first.
    Reset,
    /// A certificate that is kept has stayed out of use for long enough: nobody looks after it any more.
    Settle {
        /// Which one.
        certificate: CertificateId,
    },
    /// An operator takes the device's certificate away and bars it.
    Revoke {
        /// As what the certificate is kept; `None` if it is to be deleted.
        keep: Option<Disuse>,
    },
    /// An operator bars a device that has no certificate.
    Disable,
    /// An operator lets a disabled device apply.
    Enable,
    /// An operator has sent a dead letter of the device to the queue again.
    Replay {
        /// What it asks for.
        request: Request,
        /// The generation that it is of.
        generation: Generation,
        /// When.
        now: UnixMillis,
    },
    /// An operator has thrown a dead letter of the device away. The row stays as it is; its trail tells.
    Discard,
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
    /// The order is of a generation that the row has not reached: its door has not marked it yet.
    NotMarkedYet,
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
    /// It failed, and asking again helps only from that moment on.
    TooSoon {
        /// The moment.
        until: UnixMillis,
    },
    /// The device has confirmed: it has its certificate.
    Confirmed,
    /// The bundle has expired, and the policy gives no other.
    Expired,
    /// A certificate of an earlier generation still is in its grace; no third one beside it.
    ReplacementPending {
        /// The end of that grace.
        until: UnixMillis,
    },
    /// There is nothing to do yet.
    NotDue,
    /// A certificate is committed to the row: it cannot just be barred.
    HasCertificate,
}
