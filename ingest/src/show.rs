//! How a request stands, for the device that made it. Presigns only here, after a login.

use ::http::StatusCode;
use cvm_shared::api::BundleLink;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::api::request_path;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;

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
    /// `GET /v1/certificates/{requestId}`.
    pub(crate) async fn show(&self, shown: &Credentials, id: &str) -> Result<Answer, Refused> {
        let row = self.login(shown).await?;
        // Another device's request and one that never was are the same nothing.
        match row.state.request_id() {
            Some(held) if held.as_str() == id => self.view(&row).await,
            Some(_) | None => Err(Refused::NotFound),
        }
    }

    /// The answer that a row gives to its own device.
    pub(crate) async fn view(&self, row: &Record) -> Result<Answer, Refused> {
        match &row.state {
            State::Disabled => Err(Refused::Unauthorized),
            State::Registered => Err(Refused::NotFound),
            State::Requested { request, .. } | State::Issuing { request, .. } => {
                Ok(self.pending(&request.id))
            }
            State::Vended {
                delivery: Delivery::Confirmed { .. },
                ..
            } => Err(Refused::Shredded),
            State::Vended {
                delivery: Delivery::Expired { .. },
                ..
            } => Err(Refused::Expired),
            State::Vended {
                request,
                issued,
                delivery: Delivery::Waiting { .. },
            } => {
                let status = self.vended(issued).await?;
                Ok(ready(request, status))
            }
            State::Failed {
                request,
                failure,
                failed_at,
                retry_at,
                ..
            } => {
                let status = Status::Failed {
                    code: failure.as_str().to_owned(),
                    retryable: failure.may_be_retried(),
                    failed_at: failed_at.seconds(),
                    retry_at: retry_at.map(UnixMillis::seconds),
                };
                Ok(ready(request, status))
            }
        }
    }

    fn pending(&self, id: &RequestId) -> Answer {
        let poll_after_seconds = self.poll_after();
        let view = StatusView {
            request_id: id.clone(),
            status: Status::Pending { poll_after_seconds },
        };
        Answer::json(StatusCode::ACCEPTED, "application/json", &view)
            .header("retry-after", &poll_after_seconds.to_string())
            .header("location", &request_path(id))
    }

    async fn vended(&self, issued: &Issued) -> Result<Status, Refused> {
        let expires_at = self.clock.now().plus(self.terms.presign).seconds();
        let url = self
            .vault
            .presign(&issued.bundle.key, self.terms.presign)
            .await?;
        Ok(Status::Vended {
            certificate_id: issued.certificate_id.clone(),
            endpoint: issued.endpoint.clone(),
            bundle: BundleLink {
                url,
                expires_at,
                sha256: issued.bundle.sha256.clone(),
            },
        })
    }
}

fn ready(id: &RequestId, status: Status) -> Answer {
    let view = StatusView {
        request_id: id.clone(),
        status,
    };
    Answer::json(StatusCode::OK, "application/json", &view).header("location", &request_path(id))
}
