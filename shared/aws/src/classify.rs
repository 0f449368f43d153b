//! AWS errors as failures: the only such map in the project.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use cvm_shared::failure::Failure;

/// What an error means, whichever service it comes from.
///
/// Callers look at codes that mean something to *their* call (a failed condition, "not found")
/// before they come here. What nobody knows stays visible as [`Failure::Rejected`] with its code.
pub fn failure<E>(service: &'static str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata,
{
    let unavailable = |detail: &str| Failure::Unavailable {
        service,
        detail: detail.to_owned(),
    };
    match error {
        SdkError::TimeoutError(_) => unavailable("timeout"),
        SdkError::DispatchFailure(_) => unavailable("no connection"),
        SdkError::ResponseError(_) => unavailable("broken answer"),
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("no code");
            by_code(service, code, answer.raw().status().as_u16())
        }
        // Also for kinds that the SDK may add: the request was not even built.
        SdkError::ConstructionFailure(_) | _ => Failure::Rejected {
            service,
            detail: "not sent".to_owned(),
        },
    }
}

/// By error code first: AWS IoT throttles with HTTP 400, so the status says little.
pub(crate) fn by_code(service: &'static str, code: &str, status: u16) -> Failure {
    let detail = || code.to_owned();
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "SlowDown"
        | "OverLimit"
        | "KmsThrottled"
        | "KMS.ThrottlingException" => Failure::Throttled { service },
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedException"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "KmsAccessDenied"
        | "KmsDisabled"
        | "KmsInvalidState"
        | "KmsNotFound"
        | "KMS.DisabledException"
        | "KMS.InvalidStateException"
        | "KMS.NotFoundException"
        | "KMS.AccessDeniedException" => Failure::Denied {
            service,
            detail: detail(),
        },
        "LimitExceededException" => Failure::LimitReached { service },
        // Two writers at one key at once: neither is wrong, and one of them is done.
        "ConditionalRequestConflict" | "OperationAborted" | "TransactionConflictException" => {
            Failure::Unavailable {
                service,
                detail: detail(),
            }
        }
        _ if status == 429 => Failure::Throttled { service },
        _ if status >= 500 => Failure::Unavailable {
            service,
            detail: detail(),
        },
        _ if status == 401 || status == 403 => Failure::Denied {
            service,
            detail: detail(),
        },
        _ => Failure::Rejected {
            service,
            detail: detail(),
        },
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::failure::Class;

    use super::*;

    /// Codes as the services' models list them, with the status they come with.
    #[test]
    fn codes_are_classed_by_whose_turn_it_is() {
        for (code, status, class) in [
            ("ThrottlingException", 400, Class::Wait),
            ("ProvisionedThroughputExceededException", 400, Class::Wait),
            ("SlowDown", 503, Class::Wait),
            ("unheard of", 429, Class::Wait),
            ("InternalFailureException", 500, Class::Retry),
            ("ServiceUnavailableException", 503, Class::Retry),
            ("ConditionalRequestConflict", 409, Class::Retry),
            ("AccessDeniedException", 400, Class::Operator),
            ("UnauthorizedException", 401, Class::Operator),
            ("KmsDisabled", 400, Class::Operator),
            ("LimitExceededException", 410, Class::Operator),
            ("ValidationException", 400, Class::Operator),
        ] {
            assert_eq!(by_code("x", code, status).class(), class, "{code} {status}");
        }
    }
}
