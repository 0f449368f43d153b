//! The device has its certificate safely installed: the bundle is shredded, then the row says so.
//!
//! In this order: a door that dies in between leaves a row whose bundle still counts as waiting, which
//! the device confirms again or the janitor expires. The other way round a bundle, perhaps with a key
//! in it, would be left that nobody looks for.

use ::http::StatusCode;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Record;
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

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    R: Registry,
    V: Vault,
    G: Guard,
    C: Clock,
    N: Random,
{
    /// `POST /v1/certificates/{requestId}/confirm`. Repeatable.
    pub(crate) async fn confirm(&self, asked: &Asked, id: &str) -> Result<Answer, Refused> {
        let who = Credentials::of(asked)?.ok_or(Refused::Unauthorized)?;
        let admitted = self.login(&who, asked, Effect::Changes).await?;
        let confirmed = self.confirmed(*admitted.row, id).await;
        Ok(admitted.countersign.sign(confirmed))
    }

    async fn confirmed(&self, row: Record, id: &str) -> Result<Answer, Refused> {
        let now = self.clock.now();
        let event = Event::Confirm {
            request: RequestId::parse(id).map_err(|_| Refused::NotFound)?,
            now,
        };
        match next(&row, &event) {
            Ok(_) | Err(Refusal::Already) => {}
            Err(refusal) => return Err(refused(&refusal)),
        }
        if let Some(issued) = row.state.issued() {
            self.vault.shred(&issued.bundle.key).await?;
        }
        let hand = Hand::new(Author::Ingest, now);
        match write(&self.registry, &hand, row, |_| event.clone()).await? {
            Written::Applied(_) | Written::Refused(_, Refusal::Already) => {
                tracing::info!("confirmed");
            }
            Written::Refused(_, refusal) => return Err(refused(&refusal)),
        }
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }
}

fn refused(refusal: &Refusal) -> Refused {
    match refusal {
        Refusal::OtherRequest | Refusal::NothingAsked => Refused::NotFound,
        Refusal::NotIssued => Refused::NotIssued,
        Refusal::Disabled => Refused::Unauthorized,
        // Answers to other events, never to a confirmation.
        Refusal::Already
        | Refusal::Confirmed
        | Refusal::Expired
        | Refusal::FailedForGood { .. }
        | Refusal::LeaseHeld { .. }
        | Refusal::LeaseLost
        | Refusal::NotDue
        | Refusal::NotMarkedYet
        | Refusal::HasCertificate
        | Refusal::ReplacementPending { .. }
        | Refusal::StaleGeneration
        | Refusal::TooSoon { .. } => Refused::Unavailable { retry_after: 5 },
    }
}
