//! The worker's shell: a Lambda function on the work queue.

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_aws::config::Env;
use cvm_aws::meters::Meters;
use cvm_aws::queue::SqsDelivery;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_aws::telemetry;
use cvm_aws::vault::S3Vault;
use cvm_shared::ports::Issuer as _;
use cvm_shared::time::UnixMillis;
use cvm_worker::batch::work_off;
use cvm_worker::config::WorkerConfig;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::iot::client;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use cvm_worker::run::Worker;
use cvm_worker::tally::THROTTLES;
use cvm_worker::tally::throttled;
use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;

/// How long opening a connection ahead may take: a service that hangs must not use up Lambda's ten seconds of init.
const WARM_UP: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, once"
    )]
    let vars: Vec<(String, String)> = std::env::vars().collect();
    let level = telemetry::init(vars.clone());
    let config = WorkerConfig::from_env(Env::new(vars))?;
    let meters = Meters::start(config.namespace, level)?;
    let sdk = sdk_config(CallLimits::WORKER).await;
    let rates = Rates::from(config.rate, &sdk).await;
    let pacer = Pacer::new(&rates.shared_by(config.workers));
    let worker = Worker {
        registry: DynamoRegistry::new(aws_sdk_dynamodb::Client::new(&sdk), config.table),
        issuer: AwsIssuer::new(client(&sdk), pacer, SystemClock),
        vault: S3Vault::new(
            aws_sdk_s3::Client::new(&sdk),
            config.bucket,
            Some(config.kms_key),
        ),
        clock: SystemClock,
        random: SystemRandom,
        terms: config.runs.terms,
    };
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let delivery = SqsDelivery::new(sqs, config.queue_url, config.dead_letters_url);
    // Ahead of the first order, which needs it and the connection. What fails is asked again then.
    let _warm = tokio::time::timeout(WARM_UP, worker.issuer.endpoint()).await;
    let (worker, delivery) = (&worker, &delivery);
    lambda_runtime::run(service_fn(
        // Taken as it is and read by us: the runtime would repeat an event that it cannot read in its log.
        move |event: LambdaEvent<serde_json::Value>| async move {
            let deadline = UnixMillis(event.context.deadline);
            let batch: SqsEvent = serde_json::from_value(event.payload)
                .map_err(|_| "the event is not a batch of messages")?;
            let answer =
                work_off(worker, delivery, config.runs.max_receives, &batch, deadline).await;
            meters.tell_with(THROTTLES, throttled(&worker.issuer.throttled_since()));
            answer.map_err(lambda_runtime::Error::from)
        },
    ))
    .await
}
