//! The account's certificates: listed, looked at, and removed if nobody uses them.

use aws_sdk_iot::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_iot::types::Certificate;
use aws_sdk_iot::types::CertificateStatus;
use cvm_aws::classify::failure;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Listed;
use cvm_shared::ports::Page;
use cvm_shared::ports::Removal;
use cvm_shared::time::UnixMillis;

use super::AwsIssuer;
use super::SERVICE;
use super::answer::NOT_FOUND;
use super::answer::is;
use crate::rates::Api;

/// The largest page (AWS IoT API reference, `ListCertificates`).
const PAGE: i32 = 250;

impl<C: Clock> AwsIssuer<C> {
    pub(super) async fn describe(
        &self,
        id: &CertificateId,
    ) -> Result<Option<DescribeCertificateOutput>, Failure> {
        let call = self.client.describe_certificate();
        let call = call.certificate_id(id.as_str());
        self.paced(Api::Certificate, || async {
            match call.clone().send().await {
                Ok(found) => Ok(Some(found)),
                Err(error) if is(&error, NOT_FOUND) => Ok(None),
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }

    /// Deletes the certificate; `InUse` if it is still active or attached. Never by force: AWS IoT's
    /// refusal is the guard of everybody else's certificates.
    pub(super) async fn delete(&self, id: &CertificateId) -> Result<Removal, Failure> {
        let call = self.client.delete_certificate().certificate_id(id.as_str());
        self.paced(Api::Certificate, || async {
            match call.clone().send().await {
                Ok(_) => Ok(Removal::Gone),
                Err(error) if is(&error, NOT_FOUND) => Ok(Removal::Gone),
                Err(error) if is(&error, "CertificateStateException") => Ok(Removal::InUse),
                Err(error) if is(&error, "DeleteConflictException") => Ok(Removal::InUse),
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }
}

impl<C: Clock> Inventory for AwsIssuer<C> {
    async fn page(&self, after: Option<String>) -> Result<Page, Failure> {
        let call = self.client.list_certificates().page_size(PAGE);
        let call = call.ascending_order(false).set_marker(after);
        let answer = self
            .paced(Api::Certificate, || async {
                let sent = call.clone().send().await;
                sent.map_err(|error| failure(SERVICE, &error))
            })
            .await?;
        let certificates = answer.certificates.unwrap_or_default();
        Ok(Page {
            certificates: certificates.iter().filter_map(listed).collect(),
            next: answer.next_marker.filter(|marker| !marker.is_empty()),
        })
    }

    async fn pem(&self, certificate: &CertificateId) -> Result<Option<String>, Failure> {
        let found = self.describe(certificate).await?;
        Ok(found
            .and_then(|found| found.certificate_description)
            .and_then(|description| description.certificate_pem))
    }

    async fn remove_unused(&self, certificate: &CertificateId) -> Result<Removal, Failure> {
        self.delete(certificate).await
    }
}

/// An entry without id or date is none that we could act on.
fn listed(certificate: &Certificate) -> Option<Listed> {
    let created = certificate.creation_date()?.to_millis().ok()?;
    Some(Listed {
        id: CertificateId::parse(certificate.certificate_id()?).ok()?,
        inactive: certificate.status() == Some(&CertificateStatus::Inactive),
        created_at: UnixMillis(u64::try_from(created).ok()?),
    })
}
