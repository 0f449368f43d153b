//! A batch of messages: each is decoded, run and settled by itself, so no message harms another.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use aws_lambda_events::event::sqs::SqsEvent;
use aws_lambda_events::event::sqs::SqsMessage;
use cvm_aws::queue::TENANT;
use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::outcome::Outcome;
use cvm_shared::outcome::ParkReason;
use cvm_shared::outcome::Retry;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::Message;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::time::UnixMillis;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tracing::Instrument as _;
use tracing::Span;
use tracing::field::Empty;

use crate::ending::Done;
use crate::ending::Stop;
use crate::run::Limits;
use crate::run::Worker;
use crate::settle::Attempt;
use crate::settle::settle;
use crate::tally;

/// A batch that cannot be answered message by message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of the batch lacks {0}")]
pub struct Unanswerable(&'static str);

/// Works a batch off and names the messages that must come back.
///
/// An empty identifier would make the whole batch come back, so a message without one is refused
/// loudly here.
pub async fn work_off<R, I, V, C, N, D>(
    worker: &Worker<R, I, V, C, N>,
    delivery: &D,
    max_receives: u32,
    event: &SqsEvent,
    deadline: UnixMillis,
) -> Result<SqsBatchResponse, Unanswerable>
where
    R: Registry,
    I: Issuer,
    V: Vault,
    C: Clock,
    N: Random,
    D: Delivery,
{
    let held: Vec<Message> = event.records.iter().map(hold).collect::<Result<_, _>>()?;
    let ends = held.iter().map(|message| async move {
        let gone = handle(worker, delivery, max_receives, message, deadline).await;
        (!gone).then_some(&*message.id)
    });
    let back: Vec<&str> = join_all(ends).await.into_iter().flatten().collect();
    let mut response = SqsBatchResponse::default();
    response.set_failures(back);
    Ok(response)
}

/// Runs and settles one delivery of one message; whether the message may go.
pub async fn handle<R, I, V, C, N, D>(
    worker: &Worker<R, I, V, C, N>,
    delivery: &D,
    max_receives: u32,
    message: &Message,
    deadline: UnixMillis,
) -> bool
where
    R: Registry,
    I: Issuer,
    V: Vault,
    C: Clock,
    N: Random,
    D: Delivery,
{
    let attempt = Attempt {
        receives: message.receives,
        max_receives,
        jitter: jitter(worker.random.bytes()),
    };
    let end = async {
        let outcome = Box::pin(outcome_of(worker, message, attempt, deadline)).await;
        tally::ended(&outcome);
        answer(delivery, message, attempt, outcome).await
    };
    end.instrument(span_of(message)).await
}

/// Half of the random bytes: plenty to spread delays.
fn jitter(bytes: [u8; 16]) -> u64 {
    let half = u128::from_le_bytes(bytes) >> 64;
    u64::try_from(half).unwrap_or_default()
}

fn hold(message: &SqsMessage) -> Result<Message, Unanswerable> {
    let present = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let number = |name: &str| message.attributes.get(name)?.parse::<u64>().ok();
    let receives = number("ApproximateReceiveCount").and_then(|count| count.try_into().ok());
    Ok(Message {
        id: present(&message.message_id).ok_or(Unanswerable("its id"))?,
        receipt: present(&message.receipt_handle).ok_or(Unanswerable("its receipt handle"))?,
        body: message.body.clone().unwrap_or_default(),
        tenant: message.attributes.get(TENANT).cloned(),
        receives: receives.unwrap_or(1),
        sent_at: UnixMillis(number("SentTimestamp").unwrap_or_default()),
        reason: None,
    })
}

/// Runs one message and says what became of it.
async fn outcome_of<R, I, V, C, N>(
    worker: &Worker<R, I, V, C, N>,
    message: &Message,
    attempt: Attempt,
    deadline: UnixMillis,
) -> Outcome
where
    R: Registry,
    I: Issuer,
    V: Vault,
    C: Clock,
    N: Random,
{
    let Ok(order) = Order::decode(&message.body) else {
        tracing::error!("unreadable, parked");
        return Outcome::Park(ParkReason::Unreadable);
    };
    let limits = Limits {
        deadline,
        last: attempt.is_last(),
    };
    let (begun, span) = (worker.clock.now(), Span::current());
    span.record("serial", tracing::field::display(&order.serial));
    span.record("request", tracing::field::display(&order.request.id));
    let run = AssertUnwindSafe(worker.run(&order, limits)).catch_unwind();
    let result = run
        .await
        .unwrap_or_else(|_| Err(Stop::GivenBack(panicked())));
    match &result {
        Ok(Done::Vended { asked_at }) => tally::vended(begun, *asked_at, worker.clock.now()),
        Ok(Done::AlreadyVended | Done::Superseded) | Err(Stop::UnknownDevice | Stop::Disabled) => {}
        Err(Stop::GivenBack(failure) | Stop::Failed(failure)) => {
            tracing::warn!(%failure, "not vended");
        }
    }
    let outcome = settle(result, attempt);
    told(&outcome);
    outcome
}

/// Whose every line about a message is: it begins with the message, and has device and request once they are read.
/// Of the worst level, so that no log level leaves it out.
fn span_of(message: &Message) -> Span {
    let id = &*message.id;
    tracing::error_span!("order", messageId = id, serial = Empty, request = Empty)
}

/// A panic is a fault of ours. It counts as a failed attempt of its message and of no other.
fn panicked() -> Failure {
    Failure::Unavailable {
        service: "worker",
        detail: "panic".to_owned(),
    }
}

/// One line for each message: what became of it; never what it says.
fn told(outcome: &Outcome) {
    match outcome {
        Outcome::Ack(how) => tracing::info!(?how, "done"),
        Outcome::Retry(Retry {
            after,
            code,
            spends_attempt,
        }) => {
            let (seconds, code) = (after.as_secs(), code.as_str());
            tracing::info!(code, seconds, spends_attempt, "comes back");
        }
        Outcome::Park(reason) => {
            let reason = reason.code();
            tracing::error!(reason, "parked");
        }
    }
}

/// Tells the queue; whether the message may go. If the queue cannot be told, the message stays: it
/// comes back when its visibility timeout ends, and nothing is lost.
async fn answer<D: Delivery>(
    delivery: &D,
    message: &Message,
    attempt: Attempt,
    outcome: Outcome,
) -> bool {
    let told = match outcome {
        Outcome::Ack(_) => return true,
        Outcome::Park(reason) => delivery
            .park(&message.body, reason.code())
            .await
            .map(|()| true),
        Outcome::Retry(retry) if renews(retry, attempt) => delivery
            .renew(&message.body, message.tenant.as_deref(), retry.after)
            .await
            .map(|()| true),
        Outcome::Retry(retry) => delivery
            .postpone(&message.receipt, retry.after)
            .await
            .map(|()| false),
    };
    told.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "the queue could not be told");
        false
    })
}

/// Whether a waiting message must go on as a fresh copy: the queue counts every receive, and a
/// message that only waits must never be counted to death.
fn renews(retry: Retry, attempt: Attempt) -> bool {
    !retry.spends_attempt && attempt.receives + 1 >= attempt.max_receives
}
