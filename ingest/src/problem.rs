//! Refusals: a closed list with stable codes (RFC 9457 problem details).

use ::http::StatusCode;
use cvm_shared::api::BAD_NONCE;
use cvm_shared::api::PROBLEM_TYPE;
use cvm_shared::api::Problem;
use cvm_shared::failure::Failure;
use cvm_shared::ids::Malformed;

use crate::http::Answer;
use crate::tally;

/// The schemes that a device may log in by, the better one first.
const CHALLENGE: &str = "CVM1, CVM1-TOKEN";

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The request is malformed.
    BadRequest(Malformed),
    /// The moment or the nonce of a proof will not do: a fresh nonce helps.
    BadNonce(Malformed),
    /// Unknown, wrong or disabled: never told apart.
    Unauthorized,
    /// No such path, or no such request of this device.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed(&'static str),
    /// Another request of this device is open or done.
    OtherRequest,
    /// The device has confirmed its certificate.
    Confirmed,
    /// There is nothing to confirm yet.
    NotIssued,
    /// The bundle was shredded after it was confirmed.
    Shredded,
    /// The bundle was shredded because nobody confirmed it in time.
    Expired,
    /// The certificate before this one still is in its grace.
    ReplacementPending {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The body is too large.
    TooLarge,
    /// The body is of another type or encoding.
    UnsupportedMediaType,
    /// The signing request may not be signed.
    BadCsr(Malformed),
    /// The device asks far faster than it was told.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Something behind the door is busy or down: try again.
    Unavailable {
        /// Seconds to wait.
        retry_after: u64,
    },
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::BadNonce(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::OtherRequest
            | Self::Confirmed
            | Self::NotIssued
            | Self::ReplacementPending { .. } => StatusCode::CONFLICT,
            Self::Shredded | Self::Expired => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadCsr(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable code and the title.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest(_) => ("bad_request", "The request is malformed"),
            Self::BadNonce(_) => (BAD_NONCE, "The proof is not fresh"),
            Self::Unauthorized => ("unauthorized", "The device is not authenticated"),
            Self::NotFound => ("not_found", "There is nothing here"),
            Self::MethodNotAllowed(_) => ("method_not_allowed", "The path has other methods"),
            Self::OtherRequest => ("other_request", "Another request is open or done"),
            Self::Confirmed => ("already_confirmed", "The certificate was confirmed"),
            Self::NotIssued => ("not_issued", "There is no certificate to confirm"),
            Self::Shredded => ("bundle_shredded", "The bundle was shredded"),
            Self::Expired => ("bundle_expired", "The bundle was not fetched in time"),
            Self::ReplacementPending { .. } => (
                "replacement_pending",
                "An earlier replacement is not over yet",
            ),
            Self::TooLarge => ("too_large", "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                "The body must be application/json, not encoded",
            ),
            Self::BadCsr(_) => ("bad_csr", "The certificate signing request is refused"),
            Self::TooManyRequests { .. } => ("too_many_requests", "Ask less often"),
            Self::Unavailable { .. } => ("unavailable", "Try again later"),
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.words().0
    }

    /// The answer, noted in the log by its code.
    pub(crate) fn tell(&self) -> Answer {
        tracing::info!(code = self.code(), "refused");
        self.answer()
    }

    /// The answer. Two refusals for one reason are the same bytes.
    pub fn answer(&self) -> Answer {
        let (status, (code, title)) = (self.status(), self.words());
        let detail = match self {
            Self::BadRequest(malformed) | Self::BadNonce(malformed) | Self::BadCsr(malformed) => {
                Some(malformed.to_string())
            }
            Self::Unauthorized
            | Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::OtherRequest
            | Self::Confirmed
            | Self::NotIssued
            | Self::Shredded
            | Self::Expired
            | Self::ReplacementPending { .. }
            | Self::TooLarge
            | Self::UnsupportedMediaType
            | Self::TooManyRequests { .. }
            | Self::Unavailable { .. } => None,
        };
        let problem = Problem {
            status: status.as_u16(),
            code: code.to_owned(),
            title: title.to_owned(),
            detail,
        };
        let answer = Answer::json(status, PROBLEM_TYPE, &problem);
        match self {
            Self::Unauthorized => answer.header("www-authenticate", CHALLENGE),
            Self::MethodNotAllowed(allowed) => answer.header("allow", allowed),
            Self::Unavailable { retry_after }
            | Self::TooManyRequests { retry_after }
            | Self::ReplacementPending { retry_after } => {
                answer.header("retry-after", &retry_after.to_string())
            }
            Self::BadRequest(_)
            | Self::BadNonce(_)
            | Self::NotFound
            | Self::OtherRequest
            | Self::Confirmed
            | Self::NotIssued
            | Self::Shredded
            | Self::Expired
            | Self::TooLarge
            | Self::UnsupportedMediaType
            | Self::BadCsr(_) => answer,
        }
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::BadRequest(malformed)
    }
}

/// A failure behind the door is never the device's: it is told to come again. Its cause is logged,
/// by code, for the operator.
impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        tracing::error!(code = failure.code().as_str(), %failure, "a call behind the door failed");
        tally::failed(&failure);
        Self::Unavailable { retry_after: 5 }
    }
}
