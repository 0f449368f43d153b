//! `cvmctl sweep`: sends the janitor round now, and tells what it did.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use clap::Args;
use cvm_aws::classify::failure;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::cli::Care;
use crate::cli::Exit;
use crate::cli::Output;
use crate::context::Context;
use crate::printer::plain;
use crate::printer::sheet;
use crate::printer::shown;
use crate::site::Part;
use crate::site::Site;
use crate::terminal;
use crate::terminal::say;
use crate::trouble::Trouble;

pub(crate) const ROUND: &str = "\
The janitor sends stuck orders again, shreds expired bundles, puts superseded certificates out of use,
deletes them in time unless they are to be kept, and deletes orphans. It goes round by itself every
SweepMinutes; a round more does no harm. What fails in a round is counted, and the next one tries it again.";

/// As long as the function may run (its timeout in the template), and a little.
const PATIENCE: Duration = Duration::from_secs(315);

/// How the janitor is sent.
#[derive(Args, Debug)]
pub struct Sweep {
    /// Only have it count what it would do
    #[arg(long)]
    report: bool,
    /// If there is too much for one round, send it again until it came to its end
    #[arg(long, conflicts_with = "report")]
    wait: bool,
    /// Do not ask first
    #[arg(long, short)]
    yes: bool,
}

impl Sweep {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let function = site.name(Part::Janitor).await?;
        if !self.report {
            let care = Care {
                yes: self.yes,
                ..Care::default()
            };
            let question = "Send the janitor round? It deletes certificates that nobody may use.";
            context.consent(&care, question)?;
        }
        let (client, stop) = (client(&site), context.stop());
        loop {
            let told = round(&client, &function, self.report).await?;
            say(&text(&told, context.output, context.styled));
            let (is_over, is_well) = judged(&told);
            if is_over || !is_well || !self.wait {
                return Ok(if is_over && is_well {
                    Exit::Done
                } else {
                    Exit::Refused
                });
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(Exit::Stopped);
            }
        }
    }
}

/// A client that waits for a round to end, and never sends a second one by itself.
fn client(site: &Site) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(PATIENCE)
        .operation_timeout(PATIENCE)
        .build();
    let config = Builder::from(site.config())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// One round, and what the janitor tells of it.
async fn round(
    client: &Client,
    function: &str,
    report_only: bool,
) -> Result<Map<String, Value>, Trouble> {
    let order = json!({ "reportOnly": report_only }).to_string();
    let call = client.invoke().function_name(function);
    let answer = call.payload(Blob::new(order)).send().await;
    let answer = answer.map_err(|error| {
        Trouble::calling(&format!("janitor {function}"), &failure("lambda", &error))
    })?;
    told(&answer).map_err(|cause| Trouble::aws(format!("janitor {function}: {cause}")))
}

fn told(answer: &InvokeOutput) -> Result<Map<String, Value>, String> {
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let value: Value = serde_json::from_slice(payload).unwrap_or_default();
    if answer.function_error().is_some() {
        let kind = shown(value["errorType"].as_str().unwrap_or("no reason given"));
        return Err(format!("the round broke off ({kind}); its log tells more"));
    }
    match value {
        Value::Object(told) => Ok(told),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("its answer is not a summary".to_owned())
        }
    }
}

/// Whether the round came to its end, and whether nothing failed in it.
fn judged(told: &Map<String, Value>) -> (bool, bool) {
    let is_over = told.get("complete").and_then(Value::as_bool);
    let failed = told.get("failed").and_then(Value::as_u64);
    (is_over == Some(true), failed == Some(0))
}

fn text(told: &Map<String, Value>, output: Output, styled: bool) -> String {
    match output {
        Output::Json => Value::Object(told.clone()).to_string(),
        Output::Csv => {
            let lines = told
                .iter()
                .map(|(name, value)| terminal::csv_line([name, &plain(value)]));
            lines.collect::<Vec<_>>().join("\n")
        }
        Output::Table => {
            let mut table = sheet(styled);
            for (name, value) in told {
                table.add_row([shown(name), shown(&plain(value))]);
            }
            table.trim_fmt()
        }
    }
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
    fn a_round_is_well_if_it_ended_and_nothing_failed() {
        for (payload, verdict) in [
            ("{\"complete\":true,\"failed\":0}", (true, true)),
            ("{\"complete\":false,\"failed\":0}", (false, true)),
            ("{\"complete\":false,\"failed\":2}", (false, false)),
            ("{}", (false, false)),
        ] {
            let told = told(&answer(payload, None)).unwrap();
            assert_eq!(judged(&told), verdict, "{payload}");
        }
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
    }

    #[test]
    fn a_summary_is_told_in_each_form() {
        let told = told(&answer("{\"complete\":true,\"orphans\":3}", None)).unwrap();
        assert_eq!(
            text(&told, Output::Json, false),
            "{\"complete\":true,\"orphans\":3}"
        );
        assert_eq!(text(&told, Output::Csv, false), "complete,yes\norphans,3");
        let table = text(&told, Output::Table, false);
        let words: Vec<_> = table.split_whitespace().collect();
        assert_eq!(words, ["complete", "yes", "orphans", "3"]);
    }
}
