//! The service clients, built once, with timeouts: the SDK has none of its own.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;

/// How long the calls of one side may take.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// One attempt.
    pub attempt: Duration,
    /// One call with the SDK's own retries.
    pub operation: Duration,
}

impl CallLimits {
    /// For the door: API Gateway gives up after 30 s, a device sooner.
    pub const INGEST: Self = Self::seconds(3, 8);
    /// For the worker; one call must fit well into one lease.
    pub const WORKER: Self = Self::seconds(2, 5);
    /// For an operator's terminal.
    pub const OPERATOR: Self = Self::seconds(10, 30);

    const fn seconds(attempt: u64, operation: u64) -> Self {
        Self {
            attempt: Duration::from_secs(attempt),
            operation: Duration::from_secs(operation),
        }
    }
}

/// Reads region, credentials and endpoint as every AWS tool does, and adds the limits.
///
/// The behaviour version is pinned: an SDK update must not change retries under us.
pub async fn sdk_config(limits: CallLimits) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(limits.attempt)
        .operation_timeout(limits.operation)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .timeout_config(timeouts)
        .load()
        .await
}
