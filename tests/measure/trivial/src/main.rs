//! A function that answers and does nothing else: what the runtime itself costs, to compare the others with.

use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;
use serde_json::Value;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(|_event: LambdaEvent<Value>| async {
        Ok::<_, lambda_runtime::Error>(json!({ "statusCode": 204 }))
    }))
    .await
}
