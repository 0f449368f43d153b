//! What the tests share: a stand-in, and clients for it.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cvm_aws::system::SystemClock;
use cvm_aws::vault::S3Vault;
use cvm_shared::ports::Clock as _;
use cvm_standin::Account;
use cvm_standin::Options;
use cvm_standin::StandIn;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;

/// A running stand-in with the SDK's settings for it.
pub(crate) struct Lab {
    standin: StandIn,
    pub(crate) sdk: SdkConfig,
}

impl Lab {
    /// One without limits and faults.
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let standin = StandIn::start(options).await.unwrap();
        let sdk = settings(standin.endpoint());
        Self { standin, sdk }
    }

    pub(crate) fn account(&self) -> &Account {
        self.standin.account()
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.standin.endpoint()
    }

    pub(crate) fn vault(&self) -> S3Vault {
        let client = aws_sdk_s3::Client::new(&self.sdk);
        let key = Some(Account::KEY_ARN.to_owned());
        S3Vault::new(client, Account::BUCKET.to_owned(), key)
    }

    /// An issuer that is not held up by its own pace.
    pub(crate) fn issuer(&self) -> AwsIssuer<SystemClock> {
        let pacer = Pacer::new(&Rates::uniform(1000.0));
        AwsIssuer::new(cvm_worker::iot::client(&self.sdk), pacer, SystemClock)
    }
}

/// The SDK's settings for a stand-in at `endpoint`.
pub(crate) fn settings(endpoint: &str) -> SdkConfig {
    let (id, secret) = (Account::ACCESS_KEY_ID, Account::SECRET_ACCESS_KEY);
    let credentials = Credentials::new(id, secret, None, None, "standin");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(Account::REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

pub(crate) async fn wait(span: Duration) {
    SystemClock.sleep(span).await;
}
