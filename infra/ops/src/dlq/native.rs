//! `cvmctl dlq replay --native`: SQS moves all letters by itself.

use std::num::NonZeroU32;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use cvm_aws::classify::failure;

use crate::aws::Part;
use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::place::depth;
use crate::dlq::report::calling;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) async fn run(context: &Context, rate: NonZeroU32, care: &Care) -> Result<Exit, Trouble> {
    let site = context.site().await?;
    let Some(aws) = site.sqs() else {
        let message =
            "--native has SQS move the letters, and these are in the database: leave it out";
        return Err(Trouble::usage(message));
    };
    let letters = depth(&site).await?;
    let client = aws.sqs();
    let from = arn(&client, &aws.name(Part::DeadLetters).await?).await?;
    let to = arn(&client, &aws.name(Part::Queue).await?).await?;
    if care.dry_run {
        complain(&format!(
            "would have SQS move about {letters} letters to {to}"
        ));
        return Ok(Exit::Done);
    }
    let question = format!(
        "Have SQS move all of about {letters} dead letters to {to}? No row is looked at, and no trail tells."
    );
    context.consent(care, &question)?;
    start(&client, from, to, rate).await?;
    complain(&format!(
        "SQS moves about {letters} letters, {rate} a second"
    ));
    Ok(Exit::Done)
}

/// The queue's ARN, as the service gives it: no partition is ever guessed.
async fn arn(client: &Client, url: &str) -> Result<String, Trouble> {
    let name = QueueAttributeName::QueueArn;
    let call = client.get_queue_attributes().queue_url(url);
    let answer = call.attribute_names(name.clone()).send().await;
    let answer = answer.map_err(|error| calling(&failure("sqs", &error)))?;
    let arn = answer.attributes().and_then(|map| map.get(&name));
    arn.cloned()
        .ok_or_else(|| Trouble::aws(format!("queue {url} does not tell its ARN")))
}

/// The destination is named: a worker parks a letter by sending it, so it came from no queue that SQS would know of.
async fn start(client: &Client, from: String, to: String, rate: NonZeroU32) -> Result<(), Trouble> {
    let call = client.start_message_move_task().source_arn(from);
    let call = call
        .destination_arn(to)
        .max_number_of_messages_per_second(i32::try_from(rate.get()).unwrap_or(i32::MAX));
    let answer = call.send().await;
    answer.map(drop).map_err(|error| {
        let failure = failure("sqs", &error);
        let advice = "without --native, cvmctl sends them by itself";
        Trouble::aws(format!("StartMessageMoveTask: {failure}; {advice}"))
    })
}
