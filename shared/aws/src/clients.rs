//! The service clients, built once, with timeouts: the SDK has none of its own. All share one HTTP client.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_runtime_api::client::http::http_client_fn;

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(2);

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
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(limits.attempt)
        .operation_timeout(limits.operation)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .timeout_config(timeouts)
        .http_client(http_client())
        .load()
        .await
}

/// One pool of connections for all services, and one reading of the trust store, made now.
///
/// Left to themselves, the clients make one each: as many parsings of all roots as there are clients, and a second
/// connection to a service that two of them call. Built as the SDK's own is (AWS-LC, the machine's roots, the proxy that
/// the environment names).
fn http_client() -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT)
        .build();
    let mut builder = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env());
    builder.set_sleep_impl(default_async_sleep());
    let connector = SharedHttpConnector::new(builder.build());
    http_client_fn(move |_, _| connector.clone())
}
