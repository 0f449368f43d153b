//! Waiting for a request to be served, in the device's place: the row is looked at until it is.
//!
//! Bounded, for API Gateway gives up after 30 seconds and a function is held as long. A wait that ends
//! too early costs nothing: the request stands, and the device that asks again finds it.

use std::time::Duration;

use cvm_shared::ids::RequestId;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;

use crate::door::Door;
use crate::problem::Refused;

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Seconds until somebody may have mended what a request failed for.
const UNTIL_MENDED: u64 = 60;
/// Seconds that a request is put off which only an operator can get going again.
const UNTIL_RESET: u64 = 3600;

/// A row whose request is served, and what by.
pub(super) struct Served {
    pub(super) row: Record,
    pub(super) request: RequestId,
    pub(super) issued: Issued,
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    R: Registry,
    Q: Depth,
    C: Clock,
    N: Random,
{
    /// Looks at the row until its request is served or has failed, or until that moment.
    pub(super) async fn served(
        &self,
        mut row: Record,
        until: UnixMillis,
    ) -> Result<Served, Refused> {
        let request = row.state.request_id().cloned();
        let request = request.ok_or(Refused::Unavailable { retry_after: 1 })?;
        loop {
            let now = self.clock.now();
            if let Some(issued) = outcome(&row, &request, now)? {
                return Ok(Served {
                    row,
                    request,
                    issued,
                });
            }
            let left = until.since(now);
            if left.is_zero() {
                // When to come again, says the length of the queue.
                let retry_after = self.wait_in_queue().await;
                return Err(Refused::Unavailable { retry_after });
            }
            self.clock.sleep(left.min(LOOK_EVERY)).await;
            let found = self.registry.load(&row.serial).await?;
            row = found.ok_or(Refused::Unauthorized)?;
        }
    }
}

/// The certificate that this request came to; none while it is open.
fn outcome(row: &Record, request: &RequestId, now: UnixMillis) -> Result<Option<Issued>, Refused> {
    if row.state == State::Disabled {
        return Err(Refused::Unauthorized);
    }
    // It was provisioned anew while we waited: asking again is judged by the row as it is then.
    if row.state.request_id() != Some(request) {
        return Err(Refused::Unavailable { retry_after: 1 });
    }
    match &row.state {
        // The first two hold no request: they never come here.
        State::Disabled | State::Registered | State::Requested { .. } | State::Issuing { .. } => {
            Ok(None)
        }
        State::Vended {
            issued, delivery, ..
        } => match delivery {
            Delivery::Waiting { .. } => Ok(Some(issued.clone())),
            Delivery::Confirmed { .. } => Err(Refused::Confirmed),
            Delivery::Expired { .. } => Err(Refused::Expired),
        },
        State::Failed {
            failure, retry_at, ..
        } => {
            tracing::warn!(
                code = failure.as_str(),
                "a request that a device waits for has failed"
            );
            let soon = retry_at.map_or(UNTIL_MENDED, |at| at.since(now).as_secs() + 1);
            let retry_after = if failure.may_be_retried() {
                soon
            } else {
                UNTIL_RESET
            };
            Err(Refused::Unavailable { retry_after })
        }
    }
}
