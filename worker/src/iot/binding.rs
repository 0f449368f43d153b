//! The Thing, and what a certificate is bound to: a policy of its own, unless its Thing's group has one.

use aws_sdk_iot::types::AttributePayload;
use cvm_aws::classify::failure;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Clock;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use futures_util::join;

use super::AwsIssuer;
use super::SERVICE;
use super::answer::NOT_FOUND;
use super::answer::gone_is_fine;
use super::answer::is;
use crate::rates::Api;

impl<C: Clock> AwsIssuer<C> {
    pub(super) async fn create_thing(&self, binding: &Binding) -> Result<(), Failure> {
        let mut payload = AttributePayload::builder();
        for (name, value) in binding.attributes.iter() {
            payload = payload.attributes(name.as_str(), value.as_str());
        }
        let kind = binding.thing_type.as_ref().map(ToString::to_string);
        let call = self
            .client
            .create_thing()
            .thing_name(binding.thing.as_str());
        let call = call
            .attribute_payload(payload.build())
            .set_thing_type_name(kind);
        self.paced(Api::Thing, || async {
            match call.clone().send().await {
                Ok(_) => Ok(()),
                // There with another configuration: it is the operator's, and it stays as it is.
                Err(error) if is(&error, "ResourceAlreadyExistsException") => Ok(()),
                Err(error) if is(&error, NOT_FOUND) => Err(Failure::ThingConfigMissing),
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }

    pub(super) async fn group_thing(&self, binding: &Binding) -> Result<(), Failure> {
        let Some(group) = &binding.thing_group else {
            return Ok(());
        };
        let call = self.client.add_thing_to_thing_group();
        let call = call
            .thing_name(binding.thing.as_str())
            .thing_group_name(group.as_str());
        self.paced(Api::Thing, || async {
            match call.clone().send().await {
                Ok(_) => Ok(()),
                Err(error) if is(&error, NOT_FOUND) => Err(Failure::ThingConfigMissing),
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }

    pub(super) async fn attach_policy(
        &self,
        issued: &Issued,
        binding: &Binding,
    ) -> Result<(), Failure> {
        let Some(policy) = binding.policy.name() else {
            return Ok(());
        };
        let call = self.client.attach_policy();
        let call = call
            .policy_name(policy.as_str())
            .target(&issued.certificate_arn);
        self.paced(Api::AttachPolicy, || async {
            match call.clone().send().await {
                Ok(_) => Ok(()),
                Err(error) if is(&error, NOT_FOUND) => Err(self
                    .missing(&issued.certificate_id, Failure::PolicyMissing)
                    .await),
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }

    pub(super) async fn attach_thing(
        &self,
        issued: &Issued,
        binding: &Binding,
    ) -> Result<(), Failure> {
        let call = self.client.attach_thing_principal();
        let call = call
            .thing_name(binding.thing.as_str())
            .principal(&issued.certificate_arn);
        self.paced(Api::Thing, || async {
            match call.clone().send().await {
                Ok(_) => Ok(()),
                Err(error) if is(&error, NOT_FOUND) => {
                    Err(self.missing(&issued.certificate_id, unseen(binding)).await)
                }
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }

    /// "Not found" does not say what was not: it is the certificate, or else `other`.
    async fn missing(&self, id: &CertificateId, other: Failure) -> Failure {
        match self.describe(id).await {
            Ok(Some(_)) => other,
            Ok(None) => Failure::CertificateGone,
            Err(failure) => failure,
        }
    }

    pub(super) async fn detach(
        &self,
        certificate: &CertificateRef,
        binding: &Binding,
    ) -> Result<(), Failure> {
        let (policy, thing) = join!(
            self.detach_policy(certificate, binding),
            self.detach_thing(certificate, binding)
        );
        policy.and(thing)
    }

    async fn detach_policy(
        &self,
        certificate: &CertificateRef,
        binding: &Binding,
    ) -> Result<(), Failure> {
        let Some(policy) = binding.policy.name() else {
            return Ok(());
        };
        let call = self.client.detach_policy();
        let call = call.policy_name(policy.as_str()).target(&certificate.arn);
        self.paced(Api::AttachPolicy, || async {
            gone_is_fine(call.clone().send().await)
        })
        .await
    }

    async fn detach_thing(
        &self,
        certificate: &CertificateRef,
        binding: &Binding,
    ) -> Result<(), Failure> {
        let call = self.client.detach_thing_principal();
        let call = call
            .thing_name(binding.thing.as_str())
            .principal(&certificate.arn);
        self.paced(Api::Thing, || async {
            gone_is_fine(call.clone().send().await)
        })
        .await
    }
}

/// What it means that the Thing is not found. One that the worker made, or makes in the next run, is
/// only not seen yet; any other the operator has to make.
fn unseen(binding: &Binding) -> Failure {
    if binding.worker_may_make_thing() {
        Failure::Unavailable {
            service: SERVICE,
            detail: "Thing not visible yet".to_owned(),
        }
    } else {
        Failure::ThingConfigMissing
    }
}
