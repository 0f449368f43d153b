//! How fast AWS IoT may be called: from configuration, or read from Service Quotas at start.

use aws_config::SdkConfig;
use aws_sdk_servicequotas::Client;
use cvm_aws::classify::failure;
use cvm_shared::failure::Failure;
use futures_util::future::join_all;

/// The AWS IoT APIs that are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `CreateCertificateFromCsr`.
    CreateFromCsr,
    /// `CreateKeysAndCertificate`.
    CreateWithKeys,
    /// `AttachPolicy`.
    AttachPolicy,
    /// `UpdateCertificate`.
    UpdateCertificate,
    /// `CreateThing`, and others of its quota.
    Thing,
    /// `DeleteCertificate`, `DescribeCertificate` and `ListCertificates`.
    Certificate,
}

impl Api {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::CreateFromCsr,
        Self::CreateWithKeys,
        Self::AttachPolicy,
        Self::UpdateCertificate,
        Self::Thing,
        Self::Certificate,
    ];

    /// The quota's code in Service Quotas (service code `iotcore`) and its default, in calls per
    /// second for an account and region (AWS IoT Core endpoints and quotas).
    fn quota(self) -> (&'static str, f64) {
        match self {
            Self::CreateFromCsr => ("L-01BCDDCA", 15.0),
            Self::CreateWithKeys => ("L-40B55430", 10.0),
            Self::AttachPolicy => ("L-CA7D4E3E", 15.0),
            Self::UpdateCertificate => ("L-77B523DC", 10.0),
            Self::Thing => ("L-64CBACAC", 100.0),
            Self::Certificate => ("L-EEB8F0B1", 10.0),
        }
    }
}

/// How a stack says how fast AWS IoT may be called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateSource {
    /// So many calls per second of each API with a quota of 10 to 15, by all workers together.
    Fixed(f64),
    /// The account's quotas, as Service Quotas tells them.
    ServiceQuotas,
}

/// Calls per second for each API.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates([f64; Api::ALL.len()]);

impl Rates {
    /// AWS's defaults.
    pub fn aws_defaults() -> Self {
        Self(Api::ALL.map(|api| api.quota().1))
    }

    /// One rate for the APIs with a quota of 10 to 15, and as much more for Things as AWS has it.
    pub fn uniform(per_second: f64) -> Self {
        Self(Api::ALL.map(|api| match api {
            Api::Thing => 10.0 * per_second,
            Api::CreateFromCsr
            | Api::CreateWithKeys
            | Api::AttachPolicy
            | Api::UpdateCertificate
            | Api::Certificate => per_second,
        }))
    }

    /// The share of one of so many workers.
    #[must_use]
    pub fn shared_by(self, workers: u32) -> Self {
        Self(self.0.map(|rate| rate / f64::from(workers.max(1))))
    }

    /// So many times as fast, as an account with raised quotas has it.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self(self.0.map(|rate| rate * factor))
    }

    /// This API's.
    pub fn of(&self, api: Api) -> f64 {
        self.0[api as usize]
    }

    /// The rates that the source tells. A quota that cannot be read (no right, no such region) is
    /// AWS's default: a pace that is too slow costs time, one that is too fast costs throttles.
    pub async fn from(source: RateSource, sdk: &SdkConfig) -> Self {
        match source {
            RateSource::Fixed(rate) => Self::uniform(rate),
            RateSource::ServiceQuotas => Self::of_account(&Client::new(sdk)).await,
        }
    }

    async fn of_account(client: &Client) -> Self {
        let mut rates = Self::aws_defaults();
        let told = join_all(Api::ALL.map(|api| quota(client, api))).await;
        for (api, told) in Api::ALL.into_iter().zip(told) {
            match told {
                Ok(rate) => rates.0[api as usize] = rate,
                Err(failure) => {
                    tracing::warn!(?api, %failure, "a quota cannot be read; the default is used");
                }
            }
        }
        rates
    }
}

async fn quota(client: &Client, api: Api) -> Result<f64, Failure> {
    let call = client.get_service_quota().service_code("iotcore");
    let answer = call.quota_code(api.quota().0).send().await;
    let answer = answer.map_err(|error| failure("servicequotas", &error))?;
    let value = answer
        .quota()
        .and_then(aws_sdk_servicequotas::types::ServiceQuota::value);
    value
        .filter(|rate| *rate >= 1.0)
        .ok_or_else(|| Failure::Rejected {
            service: "servicequotas",
            detail: "no value".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_what_the_account_has() {
        let share = Rates::aws_defaults().shared_by(2);
        assert!((share.of(Api::CreateFromCsr) - 7.5).abs() < f64::EPSILON);
        assert!((share.of(Api::UpdateCertificate) - 5.0).abs() < f64::EPSILON);
        let fixed = Rates::uniform(20.0).shared_by(4);
        assert!((fixed.of(Api::AttachPolicy) - 5.0).abs() < f64::EPSILON);
        assert!((fixed.of(Api::Thing) - 50.0).abs() < f64::EPSILON);
        let raised = fixed.scaled(3.0);
        assert!((raised.of(Api::AttachPolicy) - 15.0).abs() < f64::EPSILON);
    }

    #[test]
    fn an_api_has_its_own_place() {
        for (place, api) in Api::ALL.into_iter().enumerate() {
            assert_eq!(api as usize, place);
        }
    }
}
