//! How calls to the outside fail: one closed list, classified once.

use std::time::Duration;

/// Why a call failed. The list is closed; each entry has a stable code and a class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service asked us to slow down. Not a failure of the work: nothing happened.
    #[error("throttled by {service}")]
    Throttled {
        /// The service that throttled.
        service: &'static str,
    },
    /// The service could not be reached or failed inside; the call may or may not have happened.
    #[error("{service} is unavailable ({detail})")]
    Unavailable {
        /// The service.
        service: &'static str,
        /// The service's error code or the kind of transport failure.
        detail: String,
    },
    /// The invocation has too little time left to start another step.
    #[error("too little time left in this run")]
    OutOfTime,
    /// Another worker holds the row's lease for this long.
    #[error("another worker holds the lease for {remaining:?}")]
    LeaseHeld {
        /// How long the lease still lasts.
        remaining: Duration,
    },
    /// Our lease was taken over; what we did in it was undone.
    #[error("the lease was taken over")]
    LeaseLost,
    /// The certificate that was recorded is no longer known to AWS IoT.
    #[error("the certificate is gone")]
    CertificateGone,
    /// The service refused the call for lack of rights.
    #[error("{service} refused the call ({detail})")]
    Denied {
        /// The service.
        service: &'static str,
        /// The service's error code.
        detail: String,
    },
    /// An account limit that waiting does not lift.
    #[error("an account limit of {service} is reached")]
    LimitReached {
        /// The service.
        service: &'static str,
    },
    /// The policy named in the device's row does not exist.
    #[error("the policy of the device does not exist")]
    PolicyMissing,
    /// The Thing type or Thing group named in the device's row does not exist, or a Thing that only the
    /// operator may make.
    #[error("the Thing type or group of the device does not exist, or its ready-made Thing")]
    ThingConfigMissing,
    /// AWS IoT would not sign the request.
    #[error("AWS IoT refused the certificate signing request")]
    CsrRefused,
    /// The certificate that came back does not carry the key that was asked for.
    #[error("the issued certificate does not match the key asked for")]
    KeyMismatch,
    /// The service refused the call as malformed: our mistake or a broken setting.
    #[error("{service} rejected the call ({detail})")]
    Rejected {
        /// The service.
        service: &'static str,
        /// The service's error code.
        detail: String,
    },
    /// A stored row cannot be understood.
    #[error("the stored row is not readable: {field}")]
    CorruptRow {
        /// The attribute at fault.
        field: &'static str,
    },
    /// The row kept changing under us.
    #[error("the row kept changing")]
    Contended,
    /// As many certificates were created for the device today as may be.
    #[error("the device's certificates of today are used up")]
    BudgetSpent,
    /// The order is ahead of its row: its door has not marked it yet.
    #[error("the row is not marked yet")]
    NotMarkedYet,
}

/// What a failure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wait and repeat; no attempt is spent.
    Wait,
    /// Repeat; an attempt is spent.
    Retry,
    /// Stop: someone must change something first. Asking again then helps.
    Operator,
    /// Stop: the same request can never succeed.
    Never,
}

impl Failure {
    /// What is to be done about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Throttled { .. } | Self::OutOfTime | Self::LeaseHeld { .. } | Self::LeaseLost => {
                Class::Wait
            }
            Self::Unavailable { .. }
            | Self::CertificateGone
            | Self::Contended
            | Self::NotMarkedYet => Class::Retry,
            Self::Denied { .. }
            | Self::LimitReached { .. }
            | Self::PolicyMissing
            | Self::ThingConfigMissing
            | Self::Rejected { .. }
            | Self::CorruptRow { .. }
            | Self::BudgetSpent => Class::Operator,
            Self::CsrRefused | Self::KeyMismatch => Class::Never,
        }
    }

    /// Whether the call may have had its effect all the same.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// The stable code, as stored in the row and shown to devices and operators.
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Throttled { .. } => FailureCode::Throttled,
            Self::Unavailable { .. } => FailureCode::Unavailable,
            Self::OutOfTime => FailureCode::OutOfTime,
            Self::LeaseHeld { .. } => FailureCode::LeaseHeld,
            Self::LeaseLost => FailureCode::LeaseLost,
            Self::CertificateGone => FailureCode::CertificateGone,
            Self::Denied { .. } => FailureCode::Denied,
            Self::LimitReached { .. } => FailureCode::LimitReached,
            Self::PolicyMissing => FailureCode::PolicyMissing,
            Self::ThingConfigMissing => FailureCode::ThingConfigMissing,
            Self::CsrRefused => FailureCode::CsrRefused,
            Self::KeyMismatch => FailureCode::KeyMismatch,
            Self::Rejected { .. } => FailureCode::Rejected,
            Self::CorruptRow { .. } => FailureCode::CorruptRow,
            Self::Contended => FailureCode::Contended,
            Self::BudgetSpent => FailureCode::BudgetSpent,
            Self::NotMarkedYet => FailureCode::NotMarkedYet,
        }
    }
}

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $retry:literal;)*) => {
        /// The stable codes of [`Failure`]; they are stored, so a name once used keeps its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureCode { $($(#[$doc])* $name,)* }

        impl FailureCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether asking again, once the cause is mended, can succeed.
            pub fn may_be_retried(self) -> bool {
                match self { $(Self::$name => $retry,)* }
            }
        }
    };
}

failure_codes! {
    /// See [`Failure::Throttled`].
    Throttled = "throttled", true;
    /// See [`Failure::Unavailable`].
    Unavailable = "unavailable", true;
    /// See [`Failure::OutOfTime`].
    OutOfTime = "out_of_time", true;
    /// See [`Failure::LeaseHeld`].
    LeaseHeld = "lease_held", true;
    /// See [`Failure::LeaseLost`].
    LeaseLost = "lease_lost", true;
    /// See [`Failure::CertificateGone`].
    CertificateGone = "certificate_gone", true;
    /// See [`Failure::Denied`].
    Denied = "denied", true;
    /// See [`Failure::LimitReached`].
    LimitReached = "limit_reached", true;
    /// See [`Failure::PolicyMissing`].
    PolicyMissing = "policy_missing", true;
    /// See [`Failure::ThingConfigMissing`].
    ThingConfigMissing = "thing_config_missing", true;
    /// See [`Failure::CsrRefused`].
    CsrRefused = "csr_refused", false;
    /// See [`Failure::KeyMismatch`].
    KeyMismatch = "key_mismatch", false;
    /// See [`Failure::Rejected`].
    Rejected = "rejected", true;
    /// See [`Failure::CorruptRow`].
    CorruptRow = "corrupt_row", true;
    /// See [`Failure::Contended`].
    Contended = "contended", true;
    /// See [`Failure::BudgetSpent`].
    BudgetSpent = "budget_spent", true;
    /// See [`Failure::NotMarkedYet`].
    NotMarkedYet = "not_marked_yet", true;
    /// Its order was sent again and again, and nobody finished it.
    Abandoned = "abandoned", true;
}

impl FailureCode {
    /// Reads [`FailureCode::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_are_all_different() {
        for code in FailureCode::ALL {
            assert_eq!(FailureCode::parse(code.as_str()), Some(*code));
        }
        assert_eq!(FailureCode::parse("nonsense"), None);
    }

    #[test]
    fn a_throttle_is_never_a_failure_of_the_work() {
        assert_eq!(Failure::Throttled { service: "iot" }.class(), Class::Wait);
    }

    #[test]
    fn only_what_can_never_succeed_may_not_be_retried() {
        for failure in [Failure::CsrRefused, Failure::KeyMismatch] {
            assert_eq!(failure.class(), Class::Never);
            assert!(!failure.code().may_be_retried());
        }
        assert!(Failure::PolicyMissing.code().may_be_retried());
    }
}
