//! Refusals: a closed list with stable codes (RFC 9457 problem details).

use ::http::StatusCode;
use cvm_shared::api::PROBLEM_TYPE;
use cvm_shared::api::Problem;
use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::failure::Failure;
use cvm_shared::ids::Malformed;

use crate::http::Answer;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The request is malformed.
    BadRequest(Malformed),
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
    /// The body is too large.
    TooLarge,
    /// The body is of another type or encoding.
    UnsupportedMediaType,
    /// The signing request may not be signed.
    BadCsr(Malformed),
    /// Something behind the door is busy or down: try again.
    Unavailable {
        /// Seconds to wait.
        retry_after: u64,
    },
}

impl Refused {
    /// The status code, the stable code and the title.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest(_) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The request is malformed",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "The device is not authenticated",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing here"),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The path has other methods",
            ),
            Self::OtherRequest => (
                StatusCode::CONFLICT,
                "other_request",
                "Another request is open or done",
            ),
            Self::Confirmed => (
                StatusCode::CONFLICT,
                "already_confirmed",
                "The certificate was confirmed",
            ),
            Self::NotIssued => (
                StatusCode::CONFLICT,
                "not_issued",
                "There is no certificate to confirm",
            ),
            Self::Shredded => (
                StatusCode::GONE,
                "bundle_shredded",
                "The bundle was shredded",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be application/json, not encoded",
            ),
            Self::BadCsr(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad_csr",
                "The certificate signing request is refused",
            ),
            Self::Unavailable { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Try again later",
            ),
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.parts().1
    }

    /// The answer. Two refusals for one reason are the same bytes.
    pub fn answer(&self) -> Answer {
        let (status, code, title) = self.parts();
        let detail = match self {
            Self::BadRequest(malformed) | Self::BadCsr(malformed) => Some(malformed.to_string()),
            Self::Unauthorized
            | Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::OtherRequest
            | Self::Confirmed
            | Self::NotIssued
            | Self::Shredded
            | Self::TooLarge
            | Self::UnsupportedMediaType
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
            Self::Unauthorized => answer.header("www-authenticate", TOKEN_SCHEME),
            Self::MethodNotAllowed(allowed) => answer.header("allow", allowed),
            Self::Unavailable { retry_after } => {
                answer.header("retry-after", &retry_after.to_string())
            }
            Self::BadRequest(_)
            | Self::NotFound
            | Self::OtherRequest
            | Self::Confirmed
            | Self::NotIssued
            | Self::Shredded
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
        Self::Unavailable { retry_after: 5 }
    }
}
