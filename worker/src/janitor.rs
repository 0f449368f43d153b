//! The janitor's shell: a Lambda function on a schedule, or sent by an operator.

use cvm_aws::backlog::DynamoBacklog;
use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_aws::config::Env;
use cvm_aws::meters::Meters;
use cvm_aws::queue::SqsQueue;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_aws::telemetry;
use cvm_aws::vault::S3Vault;
use cvm_shared::ports::Clock as _;
use cvm_shared::time::UnixMillis;
use cvm_worker::config::JanitorConfig;
use cvm_worker::errand::Errand;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::iot::client;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use cvm_worker::sweep::Janitor;
use cvm_worker::sweep::Summary;
use cvm_worker::table::Table;
use cvm_worker::tally::THROTTLES;
use cvm_worker::tally::swept;
use cvm_worker::tally::throttled;
use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, once"
    )]
    let vars: Vec<(String, String)> = std::env::vars().collect();
    let level = telemetry::init(vars.clone());
    let config = JanitorConfig::from_env(Env::new(vars))?;
    let meters = Meters::start(config.namespace, level)?;
    let sdk = sdk_config(CallLimits::WORKER).await;
    let rates = Rates::from(config.rate, &sdk).await;
    // A tenth of the quota: the workers have the rest.
    let pacer = Pacer::new(&rates.shared_by(10));
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let janitor = Janitor {
        registry: Table {
            rows: DynamoRegistry::new(dynamodb.clone(), config.table.clone()),
            backlog: DynamoBacklog::new(dynamodb, config.table),
        },
        queue: SqsQueue::new(sqs, config.queue_url),
        issuer: AwsIssuer::new(client(&sdk), pacer, SystemClock),
        vault: S3Vault::new(aws_sdk_s3::Client::new(&sdk), config.bucket, None),
        clock: SystemClock,
        terms: config.terms,
    };
    let janitor = &janitor;
    lambda_runtime::run(service_fn(
        move |event: LambdaEvent<serde_json::Value>| async move {
            let errand = Errand::read(&event.payload)?;
            let deadline = UnixMillis(event.context.deadline);
            let summary = janitor.round(&errand, deadline).await;
            swept(&summary);
            meters.tell_with(THROTTLES, throttled(&janitor.issuer.throttled_since()));
            note(&janitor.registry.backlog, &summary).await;
            Ok::<_, lambda_runtime::Error>(summary)
        },
    ))
    .await
}

/// For `cvmctl status`. That a sweep could not be noted is no reason to call it failed.
async fn note(backlog: &DynamoBacklog, summary: &Summary) {
    let text = serde_json::json!(summary).to_string();
    if let Err(failure) = backlog.note_sweep(SystemClock.now(), &text).await {
        tracing::warn!(%failure, "the sweep is not noted");
    }
}
