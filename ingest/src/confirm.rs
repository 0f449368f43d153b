//! The device has its certificate safely installed: the row says so, then the bundle is shredded.

use ::http::StatusCode;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::write::Written;
use cvm_shared::write::write;

use crate::credentials::Credentials;
use crate::door::Door;
use crate::http::Answer;
use crate::problem::Refused;

impl<R, Q, V, C, N> Door<R, Q, V, C, N>
where
    R: Registry,
    V: Vault,
    C: Clock,
    N: Random,
{
    /// `POST /v1/certificates/{requestId}/confirm`. Repeatable: a confirmation whose shredding
    /// failed is answered 503, and the next one shreds.
    pub(crate) async fn confirm(&self, shown: &Credentials, id: &str) -> Result<Answer, Refused> {
        let row = self.login(shown).await?;
        let event = Event::Confirm {
            request: RequestId::parse(id).map_err(|_| Refused::NotFound)?,
            now: self.clock.now(),
        };
        let row = match write(&self.registry, row, |_| event.clone()).await? {
            Written::Applied(row) | Written::Refused(row, Refusal::Already) => row,
            Written::Refused(_, refusal) => return Err(refused(&refusal)),
        };
        if let Some(issued) = row.state.issued() {
            self.vault.shred(&issued.bundle.key).await?;
        }
        tracing::info!(serial = %row.serial, request = id, "confirmed");
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
        | Refusal::FailedForGood { .. }
        | Refusal::LeaseHeld { .. }
        | Refusal::LeaseLost
        | Refusal::StaleGeneration => Refused::Unavailable { retry_after: 5 },
    }
}
