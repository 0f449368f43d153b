//! Server nonces, for devices that have no clock: given to anybody, kept nowhere.

use ::http::StatusCode;
use cvm_shared::api::NONCE_HEADER;
use cvm_shared::api::NonceView;
use cvm_shared::nonce::NONCE_LIFE;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;

use crate::door::Door;
use crate::http::Answer;
use crate::problem::Refused;

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    G: Guard,
    C: Clock,
    N: Random,
{
    /// `GET /v1/nonce`.
    pub(crate) async fn nonce(&self) -> Result<Answer, Refused> {
        let now = self.clock.now();
        let view = NonceView {
            nonce: self
                .guard
                .nonce_key()
                .await?
                .issue(now, self.random.bytes()),
            expires_at: now.seconds() + NONCE_LIFE,
        };
        let answer = Answer::json(StatusCode::OK, "application/json", &view);
        Ok(answer.header(NONCE_HEADER, &view.nonce))
    }

    /// A refusal that a fresh nonce may help against carries one, so that no device needs to ask for it.
    pub(crate) async fn with_nonce(&self, answer: Answer) -> Answer {
        if !matches!(
            answer.status,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED
        ) {
            return answer;
        }
        match self.guard.nonce_key().await {
            Ok(key) => {
                let nonce = key.issue(self.clock.now(), self.random.bytes());
                answer.header(NONCE_HEADER, &nonce)
            }
            Err(failure) => {
                tracing::warn!(%failure, "a refusal goes without a nonce");
                answer
            }
        }
    }
}
