//! Accepting a request: the order is sent first, then the row is marked.
//!
//! A crash between the two leaves an order that the worker can carry out by itself, and a device
//! that asks again; the other way round it would leave a row that nobody works on.

use cvm_shared::csr::Csr;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::ids::Malformed;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::transition::next;
use cvm_shared::write::Written;
use cvm_shared::write::write;

use crate::credentials::Credentials;
use crate::door::Door;
use crate::http::Answer;
use crate::http::Asked;
use crate::login::Effect;
use crate::problem::Refused;
use crate::show::Wish;
use crate::submission::Submission;
use crate::submission::check_type;
use crate::tally;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The row holds it now.
    Stands(Record),
    /// It does not change this row.
    Refused(Record, Refusal),
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    R: Registry,
    Q: Queue + Depth,
    V: Vault,
    G: Guard,
    C: Clock,
    N: Random,
{
    /// `POST /v1/certificates`. A proven body is parsed after its proof: strangers never reach the
    /// parsers. In plain token mode the credentials are in the body.
    pub(crate) async fn submit(&self, asked: &Asked) -> Result<Answer, Refused> {
        check_type(asked)?;
        let wish = Wish::of(asked)?;
        let header = Credentials::of(asked)?;
        let early = match &header {
            Some(_) => None,
            None => Some(Submission::read(asked)?),
        };
        let who = match (header, &early) {
            (Some(who), _) => who,
            (None, Some(submission)) => submission.credentials()?,
            (None, None) => return Err(Refused::Unauthorized),
        };
        let admitted = self.login(&who, asked, Effect::Changes).await?;
        let read = match early {
            Some(submission) => Ok(submission),
            None => Submission::read(asked).and_then(|read| read.agrees_with(&who).map(|()| read)),
        };
        let answered = match read {
            Ok(submission) => self.accept(*admitted.row, submission.csr, wish).await,
            Err(refused) => Err(refused),
        };
        Ok(admitted.countersign.sign(answered))
    }

    async fn accept(
        &self,
        row: Record,
        csr: Option<String>,
        wish: Wish,
    ) -> Result<Answer, Refused> {
        let key = key_source(csr, &row)?;
        match self.open(row, key).await? {
            Opened::Stands(row) => self.view(&row, wish).await,
            Opened::Refused(row, refusal) => self.refused(&row, &refusal, wish).await,
        }
    }

    /// Opens a request on the row: the key is bound to the device, the order sent, the row marked.
    pub(crate) async fn open(&self, row: Record, key: KeySource) -> Result<Opened, Refused> {
        let event = Event::Apply {
            key,
            generation: row.generation,
            now: self.clock.now(),
            terms: self.terms.reprovision,
        };
        let order = match next(&row, &event) {
            Ok(after) => order(&after)?,
            Err(refusal) => {
                tally::refused(&refusal);
                return Ok(Opened::Refused(row, refusal));
            }
        };
        tally::asks_for(&order.request.id);
        self.bind_key(&order).await?;
        self.queue.send(&order).await?;
        self.own.gauge.accepted(&self.terms.poll, self.clock.now());
        tally::accepted();
        let hand = Hand::new(Author::Ingest, self.clock.now());
        Ok(
            match write(&self.registry, &hand, row, |_| event.clone()).await? {
                Written::Applied(row) => Opened::Stands(row),
                Written::Refused(row, refusal) => Opened::Refused(row, refusal),
            },
        )
    }

    /// One key, one device: a key that two devices have is one that somebody copied.
    async fn bind_key(&self, order: &Order) -> Result<(), Refused> {
        let KeySource::Device(csr) = &order.request.key else {
            return Ok(());
        };
        if self.guard.bind_key(csr.public_key(), &order.serial).await? {
            return Ok(());
        }
        tracing::warn!(key = %csr.public_key().to_hex(), "a key of another device");
        let rule = "holds the key of another device";
        Err(Refused::BadCsr(Malformed::new("csr", rule)))
    }

    /// A row that this request does not change: asking the same again shows how it stands.
    async fn refused(
        &self,
        row: &Record,
        refusal: &Refusal,
        wish: Wish,
    ) -> Result<Answer, Refused> {
        match barred(refusal, self.clock.now()) {
            None => self.view(row, wish).await,
            Some(refused) => Err(refused),
        }
    }
}

/// What a device is told that may not have what it asks for; nothing, if the row is about that very
/// request: then it says itself how that stands.
pub(crate) fn barred(refusal: &Refusal, now: UnixMillis) -> Option<Refused> {
    match refusal {
        Refusal::Already | Refusal::FailedForGood { .. } | Refusal::TooSoon { .. } => None,
        Refusal::OtherRequest => Some(Refused::OtherRequest),
        // It was provisioned anew while we looked: asking again is judged by the row as it is.
        Refusal::StaleGeneration => Some(Refused::Unavailable { retry_after: 1 }),
        Refusal::ReplacementPending { until } => Some(Refused::ReplacementPending {
            retry_after: until.since(now).as_secs() + 1,
        }),
        Refusal::Confirmed => Some(Refused::Confirmed),
        Refusal::Expired => Some(Refused::Expired),
        Refusal::Disabled => Some(Refused::Unauthorized),
        // Answers to the events of workers, janitors and operators, never to an application.
        Refusal::HasCertificate
        | Refusal::LeaseHeld { .. }
        | Refusal::LeaseLost
        | Refusal::NotDue
        | Refusal::NotMarkedYet
        | Refusal::NothingAsked
        | Refusal::NotIssued => Some(Refused::Unavailable { retry_after: 5 }),
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
fn key_source(csr: Option<String>, row: &Record) -> Result<KeySource, Refused> {
    let Some(text) = csr else {
        return Ok(KeySource::Service);
    };
    let csr = Csr::parse(&text).map_err(Refused::BadCsr)?;
    csr.check_subject(&row.serial).map_err(Refused::BadCsr)?;
    Ok(KeySource::Device(csr))
}
