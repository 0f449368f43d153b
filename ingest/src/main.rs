//! The door's shell: a Lambda function behind an API Gateway HTTP API.

use std::time::Duration;

use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_aws::config::Env;
use cvm_aws::guard::DynamoGuard;
use cvm_aws::meters::Meters;
use cvm_aws::queue::SqsQueue;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_aws::telemetry;
use cvm_aws::vault::S3Vault;
use cvm_ingest::config::IngestConfig;
use cvm_ingest::door::Door;
use cvm_ingest::door::Own;
use cvm_ingest::http::Asked;
use cvm_ingest::tally::span_of;
use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;
use tracing::Instrument as _;

/// How long opening connections ahead may take: a service that hangs must not use up Lambda's ten seconds of init.
const WARM_UP: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, once"
    )]
    let vars: Vec<(String, String)> = std::env::vars().collect();
    let level = telemetry::init(vars.clone());
    let config = IngestConfig::from_env(Env::new(vars))?;
    let meters = Meters::start(config.namespace, level)?;
    let sdk = sdk_config(CallLimits::INGEST).await;
    let door = Door {
        registry: DynamoRegistry::new(aws_sdk_dynamodb::Client::new(&sdk), config.table),
        queue: SqsQueue::new(aws_sdk_sqs::Client::new(&sdk), config.queue_url),
        guard: DynamoGuard::new(
            aws_sdk_dynamodb::Client::new(&sdk),
            config.guard_table,
            SystemRandom,
        ),
        vault: S3Vault::new(aws_sdk_s3::Client::new(&sdk), config.bucket, None),
        clock: SystemClock,
        random: SystemRandom,
        terms: config.terms,
        trust: config.trust,
        own: Own::fresh(&SystemRandom),
    };
    // Whatever comes of it: the first request asks again for what is missing.
    let _warm = tokio::time::timeout(WARM_UP, door.warm_up()).await;
    let door = &door;
    lambda_runtime::run(service_fn(
        // Taken as it is and read by us: the runtime would repeat an event that it cannot read in its log.
        |event: LambdaEvent<serde_json::Value>| async move {
            let span = span_of(&event.payload);
            let answered = Box::pin(door.answer(Asked::from_payload(event.payload)));
            let answer = answered.instrument(span).await;
            meters.tell();
            Ok::<_, lambda_runtime::Error>(answer.into_event())
        },
    ))
    .await
}
