//! Accepting a request: the order is sent first, then the row is marked.
//!
//! A crash between the two leaves an order that the worker can carry out by itself, and a device
//! that asks again; the other way round it would leave a row that nobody works on.

use cvm_shared::csr::Csr;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::transition::next;
use cvm_shared::write::Written;
use cvm_shared::write::write;

use crate::door::Door;
use crate::http::Answer;
use crate::problem::Refused;
use crate::submission::Submission;

impl<R, Q, V, C, N> Door<R, Q, V, C, N>
where
    R: Registry,
    Q: Queue,
    V: Vault,
    C: Clock,
    N: Random,
{
    /// `POST /v1/certificates`.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<Answer, Refused> {
        let row = self.login(&submission.credentials).await?;
        let event = Event::Apply {
            key: key_source(submission.csr)?,
            generation: row.generation,
            now: self.clock.now(),
            terms: self.terms.reprovision,
        };
        let order = match next(&row, &event) {
            Ok(after) => order(&after)?,
            Err(refusal) => return self.refused(&row, &refusal).await,
        };
        self.queue.send(&order).await?;
        tracing::info!(serial = %order.serial, request = %order.request.id, "accepted");
        match write(&self.registry, row, |_| event.clone()).await? {
            Written::Applied(row) => self.view(&row).await,
            Written::Refused(row, refusal) => self.refused(&row, &refusal).await,
        }
    }

    /// A row that this request does not change: asking the same again shows how it stands.
    async fn refused(&self, row: &Record, refusal: &Refusal) -> Result<Answer, Refused> {
        match refusal {
            Refusal::Already | Refusal::FailedForGood { .. } | Refusal::TooSoon { .. } => {
                self.view(row).await
            }
            Refusal::OtherRequest => Err(Refused::OtherRequest),
            // It was provisioned anew while we looked: asking again is judged by the row as it is.
            Refusal::StaleGeneration => Err(Refused::Unavailable { retry_after: 1 }),
            Refusal::ReplacementPending { until } => Err(Refused::ReplacementPending {
                retry_after: until.since(self.clock.now()).as_secs() + 1,
            }),
            Refusal::Confirmed => Err(Refused::Confirmed),
            Refusal::Expired => Err(Refused::Expired),
            Refusal::Disabled => Err(Refused::Unauthorized),
            // Answers to the events of workers and janitors, never to an application.
            Refusal::LeaseHeld { .. }
            | Refusal::LeaseLost
            | Refusal::NotDue
            | Refusal::NotMarkedYet
            | Refusal::NothingAsked
            | Refusal::NotIssued => Err(Refused::Unavailable { retry_after: 5 }),
        }
    }
}

/// The order that goes with a row that was just opened.
fn order(row: &Record) -> Result<Order, Refused> {
    let request = row.state.open_request().cloned();
    Ok(Order {
        serial: row.serial.clone(),
        generation: row.generation,
        request: request.ok_or(Refused::Unavailable { retry_after: 5 })?,
    })
}

/// Only now is the signing request looked into: strangers never reach that parser.
fn key_source(csr: Option<String>) -> Result<KeySource, Refused> {
    match csr {
        Some(text) => Ok(KeySource::Device(
            Csr::parse(&text).map_err(Refused::BadCsr)?,
        )),
        None => Ok(KeySource::Service),
    }
}
