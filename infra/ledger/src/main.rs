//! The ledger's shell: a Lambda function on the device table's stream.

use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_aws::config::Env;
use cvm_aws::telemetry;
use cvm_aws::trails::DynamoTrails;
use cvm_ledger::book::enter;
use cvm_ledger::change::Change;
use cvm_ledger::change::Told;
use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;
use serde::Deserialize;

/// A batch of the stream.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Told>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, once"
    )]
    let vars: Vec<(String, String)> = std::env::vars().collect();
    telemetry::init(vars.clone());
    let mut env = Env::new(vars);
    let table = env.text("CVM_AUDIT_TABLE")?;
    // What the template gives to every function.
    for shared in [
        "CVM_BUCKET",
        "CVM_METRICS_NAMESPACE",
        "CVM_QUEUE_URL",
        "CVM_TABLE",
    ] {
        env.optional(shared);
    }
    env.finish()?;
    let sdk = sdk_config(CallLimits::WORKER).await;
    let trails = DynamoTrails::new(aws_sdk_dynamodb::Client::new(&sdk), table);
    let trails = &trails;
    lambda_runtime::run(service_fn(
        // Taken as it is and read by us: the runtime would repeat an event that it cannot read in its log.
        move |event: LambdaEvent<serde_json::Value>| async move {
            let batch: Batch = serde_json::from_value(event.payload)
                .map_err(|_| "the event is not a batch of changes")?;
            let changes: Vec<Change> = batch.records.into_iter().filter_map(Change::read).collect();
            let new = enter(trails, &changes).await?;
            tracing::info!(changes = changes.len(), new, "written down");
            Ok::<_, lambda_runtime::Error>(())
        },
    ))
    .await
}
