//! The janitor of a stack: a function that is invoked, and answers when its round is over.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use cvm_aws::classify::failure;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::aws::Aws;
use crate::aws::Part;
use crate::printer::shown;
use crate::sweep::CONNECT;
use crate::sweep::PATIENCE;
use crate::sweep::summary;
use crate::trouble::Trouble;

/// The function and the way to it.
pub(super) struct Function {
    client: Client,
    name: String,
}

impl Function {
    /// The janitor of this stack.
    pub(super) async fn of(aws: &Aws) -> Result<Self, Trouble> {
        Ok(Self {
            name: aws.name(Part::Janitor).await?,
            client: client(aws),
        })
    }

    /// One round, and what the janitor tells of it.
    pub(super) async fn round(&self, report_only: bool) -> Result<Map<String, Value>, Trouble> {
        let Self { client, name } = self;
        let order = json!({ "reportOnly": report_only }).to_string();
        let call = client.invoke().function_name(name);
        let answer = call.payload(Blob::new(order)).send().await;
        let answer = answer.map_err(|error| {
            Trouble::calling(&format!("janitor {name}"), &failure("lambda", &error))
        })?;
        told(&answer).map_err(|cause| Trouble::aws(format!("janitor {name}: {cause}")))
    }
}

/// A client that waits for a round to end, and never sends a second one by itself.
fn client(aws: &Aws) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(PATIENCE)
        .operation_timeout(PATIENCE)
        .build();
    let config = Builder::from(aws.config())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

fn told(answer: &InvokeOutput) -> Result<Map<String, Value>, String> {
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    if answer.function_error().is_some() {
        let value: Value = serde_json::from_slice(payload).unwrap_or_default();
        let kind = shown(value["errorType"].as_str().unwrap_or("no reason given"));
        return Err(format!("the round broke off ({kind}); its log tells more"));
    }
    summary(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(payload: &str, error: Option<&str>) -> InvokeOutput {
        InvokeOutput::builder()
            .payload(Blob::new(payload))
            .set_function_error(error.map(str::to_owned))
            .build()
    }

    #[test]
    fn a_round_that_broke_off_is_no_summary() {
        let broken = answer(
            "{\"errorType\":\"Bad\\u001b\",\"errorMessage\":\"m\"}",
            Some("Unhandled"),
        );
        let cause = told(&broken).unwrap_err();
        assert_eq!(
            cause,
            "the round broke off (Bad\\u{1b}); its log tells more"
        );
        assert!(told(&answer("null", None)).is_err());
        assert!(told(&answer("", None)).is_err());
        assert!(told(&answer("{}", None)).is_ok());
    }
}
