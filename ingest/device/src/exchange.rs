//! The exchange, sans IO: what comes next, decided from what the last step came to.

use std::time::Duration;

use backon::BackoffBuilder;
use backon::ExponentialBuilder;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::BundleLink;
use cvm_shared::api::BundleView;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use zeroize::Zeroizing;

use crate::action::Action;
use crate::action::Answer;
use crate::action::Delivery;
use crate::action::Step;
use crate::action::is_later;
use crate::error::Error;
use crate::error::one_line;

/// How often a failed request is submitted anew in one run.
const RESUBMISSIONS_MAX: usize = 3;
/// How often a refused link is replaced by a new one in one run.
const RELINKS_MAX: usize = 5;
/// The server's code for a certificate that was confirmed before; other conflicts are refusals.
const ALREADY_CONFIRMED: &str = "already_confirmed";
const BUNDLE_EXPIRED: &str = "bundle_expired";
const REPLACEMENT_PENDING: &str = "replacement_pending";
/// The shortest wait between two polls, whatever the server says.
const POLL_FLOOR: Duration = Duration::from_millis(200);

/// A vended certificate that is still to be fetched.
struct Ready {
    request_id: RequestId,
    certificate_id: CertificateId,
    link: BundleLink,
}

enum State {
    Submit,
    Poll(RequestId),
    Fetch(Ready),
    Roots(Delivery),
    Install(Delivery),
    Confirm(RequestId),
    Done,
}

/// The state to go to and how long to wait first.
type Turn = Result<(State, Duration), Error>;
type Delays = <ExponentialBuilder as BackoffBuilder>::Backoff;

/// How long to wait and how often to try.
struct Pace {
    backoff: ExponentialBuilder,
    retries: Delays,
    resubmissions: Delays,
    relinks: Delays,
}

/// One device's exchange with the server.
pub struct Exchange {
    state: State,
    pace: Pace,
}

impl Exchange {
    /// An exchange from its start. Asking what was asked before is the same request, so this is
    /// also how a run that was cut short before its install goes on.
    #[must_use]
    pub fn start(backoff: ExponentialBuilder) -> Self {
        Self::at(State::Submit, backoff)
    }

    /// An exchange of which only the confirmation is left.
    #[must_use]
    pub fn installed(request_id: RequestId, backoff: ExponentialBuilder) -> Self {
        Self::at(State::Confirm(request_id), backoff)
    }

    fn at(state: State, backoff: ExponentialBuilder) -> Self {
        let pace = Pace {
            backoff,
            retries: backoff.without_max_times().build(),
            resubmissions: backoff.with_max_times(RESUBMISSIONS_MAX).build(),
            relinks: backoff.with_max_times(RELINKS_MAX).build(),
        };
        Self { state, pace }
    }

    /// What to do now.
    #[must_use]
    pub fn action(&self) -> Action<'_> {
        match &self.state {
            State::Submit => Action::Submit,
            State::Poll(id) => Action::Poll(id),
            State::Fetch(ready) => Action::Fetch(&ready.link),
            State::Roots(_) => Action::Roots,
            State::Install(delivery) => Action::Install(delivery),
            State::Confirm(id) => Action::Confirm(id),
            State::Done => Action::Done,
        }
    }

    /// Takes the answer to the action; says how long to wait before the next one.
    pub fn on_answer(&mut self, answer: Answer) -> Result<Duration, Error> {
        if is_later(answer.status) {
            return Ok(self.pace.retry(answer.retry_after));
        }
        let (next, wait) = match &mut self.state {
            State::Submit => self.pace.submitted(&answer)?,
            State::Poll(_) => self.pace.polled(&answer)?,
            State::Fetch(ready) => self.pace.fetched(ready, answer)?,
            State::Roots(delivery) => rooted(delivery, &answer)?,
            State::Confirm(_) => confirmed(&answer)?,
            State::Install(_) | State::Done => return Ok(Duration::ZERO),
        };
        self.state = next;
        self.pace.progressed();
        Ok(wait)
    }

    /// The action got no answer: says how long to wait before it is tried again.
    pub fn on_unreachable(&mut self) -> Duration {
        self.pace.retry(None)
    }

    /// The delivery is installed.
    pub fn on_installed(&mut self) {
        if let State::Install(delivery) = &self.state {
            self.state = State::Confirm(delivery.request_id.clone());
        }
    }
}

impl Pace {
    /// The server knows its load better than we do: its word goes before our back-off.
    fn retry(&mut self, asked: Option<Duration>) -> Duration {
        let own = self.retries.next().unwrap_or_default();
        asked.unwrap_or(own)
    }

    fn progressed(&mut self) {
        self.retries = self.backoff.without_max_times().build();
    }

    fn submitted(&mut self, answer: &Answer) -> Turn {
        match answer.status {
            200 | 202 => self.status(Step::Submit, answer),
            410 => Err(Error::Gone),
            status => Err(refused_for_now(answer)
                .unwrap_or_else(|| Error::refused(Step::Submit, status, &answer.body))),
        }
    }

    fn polled(&mut self, answer: &Answer) -> Turn {
        match answer.status {
            200 | 202 => self.status(Step::Poll, answer),
            // The operator reset the device meanwhile: what we ask for is a new request now.
            404 => self.resubmit("not_found"),
            // Nobody fetched it in time; the operator's policy may give another for the same request.
            410 if code(Step::Poll, answer) == BUNDLE_EXPIRED => self.resubmit(BUNDLE_EXPIRED),
            410 => Err(Error::Gone),
            status => Err(Error::refused(Step::Poll, status, &answer.body)),
        }
    }

    fn status(&mut self, step: Step, answer: &Answer) -> Turn {
        let view: StatusView =
            serde_json::from_slice(&answer.body).map_err(|_| Error::BadAnswer {
                step,
                what: "it is no status",
            })?;
        match view.status {
            Status::Pending {
                poll_after_seconds, ..
            } => {
                let told = Duration::from_secs(poll_after_seconds);
                let wait = answer.retry_after.unwrap_or(told).max(POLL_FLOOR);
                Ok((State::Poll(view.request_id), wait))
            }
            Status::Vended {
                certificate_id,
                bundle,
                ..
            } => {
                let state = delivered(step, view.request_id, certificate_id, bundle)?;
                Ok((state, Duration::ZERO))
            }
            Status::Failed {
                code,
                retryable: true,
                ..
            } => self.resubmit(&code),
            Status::Failed { code, .. } => Err(Error::Failed {
                code: one_line(&code),
                retryable: false,
            }),
        }
    }

    fn resubmit(&mut self, code: &str) -> Turn {
        let exhausted = || Error::Failed {
            code: one_line(code),
            retryable: true,
        };
        let wait = self.resubmissions.next().ok_or_else(exhausted)?;
        Ok((State::Submit, wait))
    }

    fn fetched(&mut self, ready: &mut Ready, answer: Answer) -> Turn {
        if answer.status != 200 {
            return self.relink(ready, answer.status);
        }
        let delivery = Delivery {
            request_id: ready.request_id.clone(),
            certificate_id: ready.certificate_id.clone(),
            sha256: ready.link.sha256.clone(),
            bundle: answer.body,
            inline: false,
            roots_pem: String::new(),
        };
        Ok((State::Roots(delivery), Duration::ZERO))
    }

    /// A link that is refused has expired, or its signer's own credentials have (then S3 says 400),
    /// or the bundle is gone: the next poll tells which.
    fn relink(&mut self, ready: &Ready, status: u16) -> Turn {
        let exhausted = || Error::later(format!("the bundle's links are refused (HTTP {status})"));
        let wait = self.relinks.next().ok_or_else(exhausted)?;
        Ok((State::Poll(ready.request_id.clone()), wait))
    }
}

/// What follows on a vended certificate: its bundle is fetched, unless it is here already.
fn delivered(
    step: Step,
    request_id: RequestId,
    certificate_id: CertificateId,
    bundle: BundleView,
) -> Result<State, Error> {
    let inline = match bundle {
        BundleView::Link(link) => {
            let ready = Ready {
                request_id,
                certificate_id,
                link,
            };
            return Ok(State::Fetch(ready));
        }
        BundleView::Inline(inline) => inline,
    };
    let content = Zeroizing::new(inline.content);
    let bytes = BASE64_STANDARD.decode(content.as_bytes());
    let bundle = bytes.map_err(|_| Error::BadAnswer {
        step,
        what: "the bundle in it is not base64",
    })?;
    Ok(State::Roots(Delivery {
        request_id,
        certificate_id,
        sha256: inline.sha256,
        bundle: Zeroizing::new(bundle),
        inline: true,
        roots_pem: String::new(),
    }))
}

fn rooted(delivery: &mut Delivery, answer: &Answer) -> Turn {
    if answer.status != 200 {
        return Err(Error::refused(Step::Roots, answer.status, &answer.body));
    }
    let text = std::str::from_utf8(&answer.body).map_err(|_| Error::BadAnswer {
        step: Step::Roots,
        what: "it is no text",
    })?;
    let delivery = Delivery {
        request_id: delivery.request_id.clone(),
        certificate_id: delivery.certificate_id.clone(),
        sha256: delivery.sha256.clone(),
        bundle: std::mem::take(&mut delivery.bundle),
        inline: delivery.inline,
        roots_pem: text.to_owned(),
    };
    Ok((State::Install(delivery), Duration::ZERO))
}

fn code(step: Step, answer: &Answer) -> String {
    let refusal = Error::refused(step, answer.status, &answer.body);
    refusal.code().to_owned()
}

/// A refusal that ends by itself: an earlier replacement is still in its grace.
fn refused_for_now(answer: &Answer) -> Option<Error> {
    let pending = answer.status == 409 && code(Step::Submit, answer) == REPLACEMENT_PENDING;
    pending.then(|| Error::Later {
        cause: "an earlier replacement of the certificate is not over yet".to_owned(),
        after: answer.retry_after,
    })
}

/// A bundle that was confirmed before, or shredded, needs no confirmation: it is installed here.
fn confirmed(answer: &Answer) -> Turn {
    let refusal = Error::refused(Step::Confirm, answer.status, &answer.body);
    let done = match answer.status {
        200..=299 | 410 => true,
        409 => refusal.code() == ALREADY_CONFIRMED,
        _ => false,
    };
    if done {
        Ok((State::Done, Duration::ZERO))
    } else {
        Err(refusal)
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
