//! What AWS IoT answers: errors told apart by their codes, and certificates that are whole or none.

use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::ProvideErrorMetadata;
use aws_sdk_iot::error::SdkError;
use cvm_aws::classify::failure;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::NewCertificate;

use super::SERVICE;

/// What is not there (any more).
pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";

pub(super) fn is<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        == Some(code)
}

pub(super) fn gone_is_fine<T, E>(sent: Result<T, SdkError<E, HttpResponse>>) -> Result<(), Failure>
where
    E: ProvideErrorMetadata,
{
    match sent {
        Ok(_) => Ok(()),
        Err(error) if is(&error, NOT_FOUND) => Ok(()),
        Err(error) => Err(failure(SERVICE, &error)),
    }
}

pub(super) fn new_certificate(
    id: Option<String>,
    arn: Option<String>,
    pem: Option<String>,
) -> Result<NewCertificate, Failure> {
    let id = id.and_then(|id| CertificateId::parse(id).ok());
    Ok(NewCertificate {
        names: CertificateRef {
            id: id.ok_or_else(|| incomplete("certificate id"))?,
            arn: arn.ok_or_else(|| incomplete("certificate ARN"))?,
        },
        pem: pem.ok_or_else(|| incomplete("certificate"))?,
    })
}

pub(super) fn incomplete(what: &str) -> Failure {
    Failure::Unavailable {
        service: SERVICE,
        detail: format!("answer without {what}"),
    }
}
