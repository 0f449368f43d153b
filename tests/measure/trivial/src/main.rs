//! A function that answers and does nothing else: what the runtime itself costs, to compare the others with.
//!
//! Told to, it makes so many calls before each answer, over the AWS SDK's HTTP library but without the SDK: what a
//! call costs at the very least.

mod bare;

use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;
use serde_json::Value;
use serde_json::json;

use crate::bare::Bare;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, once"
    )]
    let bare = Bare::from(|name| std::env::var(name).ok())?;
    let bare = bare.as_ref();
    lambda_runtime::run(service_fn(|_event: LambdaEvent<Value>| async move {
        if let Some(bare) = bare {
            bare.call().await?;
        }
        Ok::<_, lambda_runtime::Error>(json!({ "statusCode": 204 }))
    }))
    .await
}
