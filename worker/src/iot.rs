//! AWS IoT: this file and those below it are the only ones that name its client.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_iot::Client;
use aws_sdk_iot::config::Intercept;
use aws_sdk_iot::config::retry::RetryConfig;
use aws_sdk_iot::types::CertificateStatus;
use backon::BackoffBuilder as _;
use backon::ExponentialBuilder;
use cvm_aws::classify::failure;
use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::NewCertificate;
use cvm_shared::ports::Removal;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use cvm_shared::reprovision::Disuse;
use cvm_shared::secret::PrivateKeyPem;
use futures_util::join;
use tokio::sync::OnceCell;

use self::answer::NOT_FOUND;
use self::answer::incomplete;
use self::answer::is;
use self::answer::new_certificate;
use crate::pacer::Pacer;
use crate::rates::Api;

mod answer;
mod binding;
mod inventory;

const SERVICE: &str = "iot";

/// How often a certificate that will not go is tried to be deleted.
const RETIRE_TRIES: usize = 6;

/// The client of AWS IoT: nobody else may name its type.
pub fn client(sdk: &SdkConfig) -> Client {
    Client::new(sdk)
}

/// The same with an interceptor, for instance one that records the calls.
pub fn client_with(sdk: &SdkConfig, interceptor: impl Intercept + 'static) -> Client {
    let config = aws_sdk_iot::config::Builder::from(sdk).interceptor(interceptor);
    Client::from_conf(config.build())
}

/// AWS IoT behind the pacer.
#[derive(Debug)]
pub struct AwsIssuer<C> {
    client: Client,
    pacer: Pacer,
    clock: C,
    endpoint: OnceCell<String>,
}

impl<C: Clock> AwsIssuer<C> {
    /// An issuer that calls at the pacer's rate.
    pub fn new(client: Client, pacer: Pacer, clock: C) -> Self {
        Self {
            client,
            pacer,
            clock,
            endpoint: OnceCell::new(),
        }
    }

    /// Calls that were throttled since this was asked last.
    pub fn throttled_since(&self) -> Vec<(Api, u64)> {
        self.pacer.throttled_since()
    }

    /// Makes a call at its turn, and again after throttles.
    async fn paced<T, F>(&self, api: Api, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.pacer.paced(api, &self.clock, None, call).await
    }

    async fn set_status(
        &self,
        id: &CertificateId,
        status: CertificateStatus,
    ) -> Result<(), Failure> {
        let call = self.client.update_certificate().certificate_id(id.as_str());
        let call = call.new_status(status);
        self.paced(Api::UpdateCertificate, || async {
            match call.clone().send().await {
                Ok(_) => Ok(()),
                Err(error) if is(&error, NOT_FOUND) => Err(Failure::CertificateGone),
                Err(error) => Err(failure(SERVICE, &error)),
            }
        })
        .await
    }
}

impl<C: Clock> Issuer for AwsIssuer<C> {
    async fn create_from_csr(&self, csr: &Csr) -> Result<NewCertificate, Failure> {
        let call = self.client.create_certificate_from_csr();
        let call = call
            .certificate_signing_request(csr.pem())
            .set_as_active(false);
        self.paced(Api::CreateFromCsr, || async {
            let call = call.clone().customize().config_override(no_retries());
            let made = match call.send().await {
                Ok(made) => made,
                Err(error) if is(&error, "InvalidRequestException") => {
                    return Err(Failure::CsrRefused);
                }
                Err(error) => return Err(failure(SERVICE, &error)),
            };
            new_certificate(
                made.certificate_id,
                made.certificate_arn,
                made.certificate_pem,
            )
        })
        .await
    }

    async fn create_with_keys(&self) -> Result<(NewCertificate, PrivateKeyPem), Failure> {
        let call = self.client.create_keys_and_certificate();
        let call = call.set_as_active(false);
        self.paced(Api::CreateWithKeys, || async {
            let call = call.clone().customize().config_override(no_retries());
            let made = call
                .send()
                .await
                .map_err(|error| failure(SERVICE, &error))?;
            let key = made.key_pair.and_then(|pair| pair.private_key);
            let key = PrivateKeyPem::new(key.ok_or_else(|| incomplete("private key"))?);
            let names = new_certificate(
                made.certificate_id,
                made.certificate_arn,
                made.certificate_pem,
            )?;
            Ok((names, key))
        })
        .await
    }

    async fn ensure_thing(&self, binding: &Binding) -> Result<(), Failure> {
        self.create_thing(binding).await?;
        self.group_thing(binding).await
    }

    async fn attach(&self, issued: &Issued, binding: &Binding) -> Result<(), Failure> {
        let (policy, thing) = join!(
            self.attach_policy(issued, binding),
            self.attach_thing(issued, binding)
        );
        policy.and(thing)
    }

    async fn activate(&self, certificate: &CertificateId) -> Result<(), Failure> {
        self.set_status(certificate, CertificateStatus::Active)
            .await
    }

    async fn put_out_of_use(
        &self,
        certificate: &CertificateId,
        disuse: Disuse,
    ) -> Result<(), Failure> {
        let status = match disuse {
            Disuse::Inactive => CertificateStatus::Inactive,
            Disuse::Revoked => CertificateStatus::Revoked,
        };
        match self.set_status(certificate, status).await {
            Ok(()) | Err(Failure::CertificateGone) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Deleting comes first: a certificate that was never attached goes with one call. Detaching is
    /// asynchronous, and a stalled worker may activate in between, so this goes round until it is
    /// gone.
    async fn retire(&self, certificate: &CertificateRef, binding: &Binding) -> Result<(), Failure> {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(RETIRE_TRIES)
            .build();
        for pause in pauses {
            if self.delete(&certificate.id).await? == Removal::Gone {
                return Ok(());
            }
            self.put_out_of_use(&certificate.id, Disuse::Inactive)
                .await?;
            self.detach(certificate, binding).await?;
            self.clock.sleep(pause).await;
        }
        Err(Failure::Unavailable {
            service: SERVICE,
            detail: "certificate will not go".to_owned(),
        })
    }

    /// Asked for once: the endpoint of an account and region never changes. Always the ATS one, for
    /// the other's root is retired.
    async fn endpoint(&self) -> Result<String, Failure> {
        let describe = || async {
            let call = self
                .client
                .describe_endpoint()
                .endpoint_type("iot:Data-ATS");
            let answer = call
                .send()
                .await
                .map_err(|error| failure(SERVICE, &error))?;
            answer
                .endpoint_address
                .ok_or_else(|| incomplete("endpoint"))
        };
        self.endpoint.get_or_try_init(describe).await.cloned()
    }
}

/// For the calls that make another certificate each time: a silent repetition after a timeout would
/// leave one that nobody knows.
fn no_retries() -> aws_sdk_iot::config::Builder {
    aws_sdk_iot::config::Builder::new().retry_config(RetryConfig::disabled())
}
