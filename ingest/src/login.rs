//! Who asks: one login, one refusal, the same work whoever it is.
//!
//! The order of the checks is part of the scheme: what does not depend on the device comes first
//! (form, moment, the server's own nonce), then one read, then the proof, and only a proof that holds
//! uses its nonce up. So strangers leave nothing behind, and learn nothing of who is known here.

use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NONCE_MEMORY;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::proof::CLOCK_SKEW;
use cvm_shared::proof::Call;
use cvm_shared::proof::Canonical;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::verifier::Verifier;

use crate::countersign::Countersign;
use crate::credentials::Credentials;
use crate::credentials::Shown;
use crate::door::Door;
use crate::http::Asked;
use crate::pace::TooFast;
use crate::problem::Refused;
use crate::slow::Permit;
use crate::tally;

/// Whether a call changes anything: only such a call uses its nonce up. A poll that somebody repeats
/// shows what its device saw, and nothing in it is worth having: keys are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Changes,
    Looks,
}

/// A device that is who it says it is.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Its row.
    pub(crate) row: Box<Record>,
    /// Proves the answer, if the request was proven.
    pub(crate) countersign: Countersign,
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    R: Registry,
    G: Guard,
    C: Clock,
    N: Random,
{
    /// The device's row, if it may log in. Unknown, disabled and wrong all take one read and the
    /// same derivations, and end in the same refusal.
    pub(crate) async fn login(
        &self,
        who: &Credentials,
        asked: &Asked,
        effect: Effect,
    ) -> Result<Admitted, Refused> {
        self.check_fresh(&who.shown).await?;
        let permit = self.slow_permit(who, asked)?;
        let row = self.row(&who.serial).await?;
        let stand_in = Verifier::dummy(&self.own.dummy.0, &who.serial);
        let admitted = row.filter(|row| row.state != State::Disabled);
        let verifier = admitted.as_ref().map_or(&stand_in, |row| &row.verifier);
        let (accepted, proven) = match &who.shown {
            Shown::Proof {
                stamp,
                nonce,
                proof,
            } => {
                let text = canonical(who, *stamp, nonce, asked);
                (verifier.accepts_proof(&text, proof), Some(text))
            }
            Shown::Token(token) => {
                let met = match permit {
                    Some(_) => verifier.accepts_slowly(&who.serial, token),
                    None => verifier.accepts(&who.serial, token),
                };
                // One that must prove its secret has shown it to somebody: no better than a wrong one.
                let may = admitted.as_ref().is_some_and(|row| !row.proof_only);
                (met & may, None)
            }
        };
        let row = admitted.filter(|_| accepted);
        if row.is_none() && permit.is_some() {
            let now = self.clock.now();
            self.own.slow.failed(&asked.source, &who.serial, now);
        }
        let row = row.ok_or(Refused::Unauthorized)?;
        tally::is_from(&row);
        // Only now: a stranger spends nobody's share, and learns nothing.
        self.admit(&who.serial)?;
        if effect == Effect::Changes {
            self.use_up(who).await?;
        }
        Ok(Admitted {
            countersign: Countersign::new(proven, &row.verifier),
            row,
        })
    }

    /// The right to check a token slowly, where the table may hold stretched secrets.
    fn slow_permit(&self, who: &Credentials, asked: &Asked) -> Result<Option<Permit<'_>>, Refused> {
        if !self.terms.weak_secrets || !matches!(who.shown, Shown::Token(_)) {
            return Ok(None);
        }
        let now = self.clock.now();
        let begun = self.own.slow.begin(&asked.source, &who.serial, now);
        begun.map(Some)
    }

    fn admit(&self, serial: &SerialNumber) -> Result<(), Refused> {
        let admitted = self.own.admission.admit(serial, self.clock.now());
        admitted.map_err(|too_fast| match too_fast {
            TooFast::Device(retry_after) => Refused::TooManyRequests { retry_after },
            TooFast::Process(retry_after) => Refused::Unavailable { retry_after },
        })
    }

    /// Refuses a proof that is too old or whose nonce is not ours, whoever it is from.
    async fn check_fresh(&self, shown: &Shown) -> Result<(), Refused> {
        let Shown::Proof { stamp, nonce, .. } = shown else {
            return Ok(());
        };
        let now = self.clock.now();
        let refuse = |field, rule: &str| Err(Refused::BadNonce(Malformed::new(field, rule)));
        match stamp {
            Stamp::At(at) if at.abs_diff(now.seconds()) > CLOCK_SKEW => refuse(
                "ts",
                "is more than 300 seconds off; use the nonce in replay-nonce",
            ),
            Stamp::At(_) => Ok(()),
            Stamp::NoClock if self.guard.nonce_key().await?.accepts(nonce.as_str(), now) => Ok(()),
            Stamp::NoClock => refuse("nonce", "is not one of ours, or is too old"),
        }
    }

    async fn row(&self, serial: &SerialNumber) -> Result<Option<Box<Record>>, Refused> {
        match self.registry.load(serial).await {
            Ok(row) => Ok(row.map(Box::new)),
            // A row that cannot be read admits nobody, and must not tell that it is there.
            Err(failure @ Failure::CorruptRow { .. }) => {
                tracing::error!(%serial, %failure, "a device row is unreadable");
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Uses the nonce of an accepted proof up, or refuses one that was used before.
    async fn use_up(&self, who: &Credentials) -> Result<(), Refused> {
        let Shown::Proof { nonce, .. } = &who.shown else {
            return Ok(());
        };
        let forget_at = self.clock.now().plus(Duration::from_secs(NONCE_MEMORY));
        let used = nonce.used_by(&who.serial);
        if self.guard.consume(&used, forget_at).await? {
            return Ok(());
        }
        Err(Refused::BadNonce(Malformed::new(
            "nonce",
            "was used before",
        )))
    }
}

/// What a proof must cover to be one of this request.
fn canonical(who: &Credentials, stamp: Stamp, nonce: &RequestNonce, asked: &Asked) -> Canonical {
    Call {
        method: asked.method.as_str(),
        audience: &asked.audience,
        path: &asked.path,
        serial: &who.serial,
        stamp,
        nonce,
        body: &asked.body,
    }
    .canonical()
}
