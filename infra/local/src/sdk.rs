//! AWS clients for the emulator: nothing of the user's own AWS settings is read.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

/// The region that everything is in.
pub const REGION: &str = "us-east-1";
/// The emulator's root user: key id and secret.
pub const ROOT: (&str, &str) = ("test", "test");

/// Settings for any AWS client, for the emulator at `endpoint`.
pub fn config(endpoint: &str) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_mins(1))
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials()))
        .endpoint_url(endpoint)
        .timeout_config(timeouts)
        .build()
}

/// The root user's credentials.
pub(crate) fn credentials() -> Credentials {
    Credentials::new(ROOT.0, ROOT.1, None, None, "cvm-local")
}

/// Waits.
pub(crate) async fn pause(span: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a tool's shell: it waits for other processes"
    )]
    tokio::time::sleep(span).await;
}
