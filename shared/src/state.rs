//! The states of a device. [`crate::transition::next`] is the one function that changes them.

use crate::failure::FailureCode;
use crate::ids::RequestId;
use crate::lease::Lease;
use crate::record::Issued;
use crate::request::Request;
use crate::time::UnixMillis;

/// Where a device stands. The number is the table's `applyState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// 0: may not apply. An operator moves it on.
    Disabled,
    /// 1: may apply. The device moves it on.
    Registered,
    /// 2: accepted and queued. A worker moves it on.
    Requested {
        /// What was asked.
        request: Request,
        /// A certificate that a failed attempt had already committed; the next attempt resumes it.
        issued: Option<Issued>,
    },
    /// 3: a worker is at it, or was until its lease ended.
    Issuing {
        /// What was asked.
        request: Request,
        /// Who is at it.
        lease: Lease,
        /// The committed certificate, INACTIVE until everything is bound to it.
        issued: Option<Issued>,
    },
    /// -1: issued, bound and active (the seed's "-1: has registered a certificate").
    Vended {
        /// The request that was served.
        request: RequestId,
        /// What was issued.
        issued: Issued,
        /// Whether the device has it.
        delivery: Delivery,
    },
    /// -2: failed for a visible reason. Asking again or an operator moves it on.
    Failed {
        /// The request that failed.
        request: RequestId,
        /// A certificate that was committed before it failed (INACTIVE).
        issued: Option<Issued>,
        /// Why it failed.
        failure: FailureCode,
        /// When it failed.
        failed_at: UnixMillis,
        /// From when on asking again can help, if waiting is what helps.
        retry_at: Option<UnixMillis>,
    },
}

/// Every state's number (`applyState`) and name, for those who meet a state without its row.
pub const NAMES: [(i32, &str); 6] = [
    (0, "Disabled"),
    (1, "Registered"),
    (2, "Requested"),
    (3, "Issuing"),
    (-1, "Vended"),
    (-2, "Failed"),
];

/// How the bundle of a vended certificate fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It waits for its device.
    Waiting {
        /// From this moment on the janitor shreds it.
        until: UnixMillis,
    },
    /// The device has it safely installed; the bundle is shredded from then on.
    Confirmed {
        /// When the device said so.
        at: UnixMillis,
    },
    /// Nobody confirmed in time; the bundle is shredded.
    Expired {
        /// When it was shredded.
        at: UnixMillis,
    },
}

impl State {
    /// The number kept in `applyState`.
    pub fn apply_state(&self) -> i32 {
        match self {
            Self::Disabled => 0,
            Self::Registered => 1,
            Self::Requested { .. } => 2,
            Self::Issuing { .. } => 3,
            Self::Vended { .. } => -1,
            Self::Failed { .. } => -2,
        }
    }

    /// The state's name, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Registered => "Registered",
            Self::Requested { .. } => "Requested",
            Self::Issuing { .. } => "Issuing",
            Self::Vended { .. } => "Vended",
            Self::Failed { .. } => "Failed",
        }
    }

    /// The request that the row is about, if there is one.
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::Disabled | Self::Registered => None,
            Self::Requested { request, .. } | Self::Issuing { request, .. } => Some(&request.id),
            Self::Vended { request, .. } | Self::Failed { request, .. } => Some(request),
        }
    }

    /// The request itself, while it is open.
    pub fn open_request(&self) -> Option<&Request> {
        match self {
            Self::Requested { request, .. } | Self::Issuing { request, .. } => Some(request),
            Self::Disabled | Self::Registered | Self::Vended { .. } | Self::Failed { .. } => None,
        }
    }

    /// The certificate that is committed to the row, if there is one.
    pub fn issued(&self) -> Option<&Issued> {
        match self {
            Self::Disabled | Self::Registered => None,
            Self::Requested { issued, .. }
            | Self::Issuing { issued, .. }
            | Self::Failed { issued, .. } => issued.as_ref(),
            Self::Vended { issued, .. } => Some(issued),
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<FailureCode> {
        match self {
            Self::Failed { failure, .. } => Some(*failure),
            Self::Disabled
            | Self::Registered
            | Self::Requested { .. }
            | Self::Issuing { .. }
            | Self::Vended { .. } => None,
        }
    }
}
