//! How a request stands, for the device that made it. Presigns only here, after a login.

use ::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::BundleLink;
use cvm_shared::api::BundleView;
use cvm_shared::api::INLINE_PREFERENCE;
use cvm_shared::api::InlineBundle;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::api::request_path;
use cvm_shared::bundle::digest;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;

use crate::bundles::unsealed;
use crate::credentials::Credentials;
use crate::door::Door;
use crate::http::Answer;
use crate::http::Asked;
use crate::login::Effect;
use crate::problem::Refused;

/// How a device wants its bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// By link.
    Link,
    /// In the answer: it cannot follow a long URL.
    Inline,
}

impl Wish {
    /// Reads `Prefer` (RFC 7240), of which we know one preference; the others are other people's.
    pub(crate) fn of(asked: &Asked) -> Result<Self, Refused> {
        let mut wish = Self::Link;
        for value in asked.headers.get_all("prefer") {
            let unreadable = |_| Malformed::new("prefer", "must be visible ASCII");
            let value = value.to_str().map_err(unreadable)?;
            let plain = value.to_ascii_lowercase().replace([' ', '"'], "");
            if plain.split([',', ';']).any(|one| one == INLINE_PREFERENCE) {
                wish = Self::Inline;
            }
        }
        Ok(wish)
    }
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    R: Registry,
    Q: Depth,
    V: Vault,
    G: Guard,
    C: Clock,
    N: Random,
{
    /// `GET /v1/certificates/{requestId}`.
    pub(crate) async fn show(&self, asked: &Asked, id: &str) -> Result<Answer, Refused> {
        let wish = Wish::of(asked)?;
        let who = Credentials::of(asked)?.ok_or(Refused::Unauthorized)?;
        let admitted = self.login(&who, asked, Effect::Looks).await?;
        let shown = match admitted.row.state.request_id() {
            Some(held) if held.as_str() == id => self.view(&admitted.row, wish).await,
            // Another device's request and one that never was are the same nothing.
            Some(_) | None => Err(Refused::NotFound),
        };
        Ok(admitted.countersign.sign(shown))
    }

    /// The answer that a row gives to its own device.
    pub(crate) async fn view(&self, row: &Record, wish: Wish) -> Result<Answer, Refused> {
        match &row.state {
            State::Disabled => Err(Refused::Unauthorized),
            State::Registered => Err(Refused::NotFound),
            // A worker has it, and will be done in a moment.
            State::Issuing { request, lease, .. } if lease.until > self.clock.now() => {
                let soon = self.terms.poll.soon(self.random.bytes());
                Ok(pending(&request.id, soon))
            }
            State::Requested { request, .. } | State::Issuing { request, .. } => {
                Ok(pending(&request.id, self.wait_in_queue().await))
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
                if wish == Wish::Inline || row.verifier.is_stretched() {
                    let status = vended(issued, self.inline(row, request, issued).await?);
                    let applied = "preference-applied";
                    return Ok(ready(request, status).header(applied, INLINE_PREFERENCE));
                }
                Ok(ready(request, vended(issued, self.link(issued).await?)))
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

    async fn link(&self, issued: &Issued) -> Result<BundleView, Refused> {
        let expires_at = self.clock.now().plus(self.terms.presign).seconds();
        let url = self
            .vault
            .presign(&issued.bundle.key, self.terms.presign)
            .await?;
        Ok(BundleView::Link(BundleLink {
            url,
            expires_at,
            sha256: issued.bundle.sha256.clone(),
        }))
    }

    async fn inline(
        &self,
        row: &Record,
        request: &RequestId,
        issued: &Issued,
    ) -> Result<BundleView, Refused> {
        let staged = self.fetched(row, issued).await?;
        // What was sealed under a stretched secret only the row can open.
        let bytes = if row.verifier.is_stretched() {
            unsealed(row, request, issued, staged)?
        } else {
            staged
        };
        Ok(BundleView::Inline(InlineBundle {
            content: BASE64_STANDARD.encode(&*bytes),
            sha256: digest(&bytes),
        }))
    }
}

fn pending(id: &RequestId, poll_after_seconds: u64) -> Answer {
    let view = StatusView {
        request_id: id.clone(),
        status: Status::Pending { poll_after_seconds },
    };
    Answer::json(StatusCode::ACCEPTED, "application/json", &view)
        .header("retry-after", &poll_after_seconds.to_string())
        .header("location", &request_path(id))
}

fn vended(issued: &Issued, bundle: BundleView) -> Status {
    Status::Vended {
        certificate_id: issued.certificate_id.clone(),
        endpoint: issued.endpoint.clone(),
        bundle,
    }
}

fn ready(id: &RequestId, status: Status) -> Answer {
    let view = StatusView {
        request_id: id.clone(),
        status,
    };
    Answer::json(StatusCode::OK, "application/json", &view).header("location", &request_path(id))
}
