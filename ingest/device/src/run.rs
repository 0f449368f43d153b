//! The shell around the exchange: does what it asks for, waits as it says, stops at the deadline.

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use cvm_shared::ids::RequestId;
use tokio::time::Instant;

use crate::action::Action;
use crate::action::Answer;
use crate::action::Delivery;
use crate::action::Step;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::install::Device;
use crate::install::InstallDir;
use crate::install::Installation;
use crate::plan::Key;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::vend::Clock;
use crate::vend::Listener;
use crate::vend::Outcome;
use crate::vend::Progress;
use crate::vend::VendConfig;
use crate::vend::Vended;
use crate::verify::Chain;
use crate::verify::Expected;
use crate::verify::Flaw;
use crate::verify::check;

/// The longest wait between two tries of our own accord.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// A run under way.
pub(crate) struct Run<'a> {
    config: &'a VendConfig,
    clock: &'a Clock<'a>,
    listener: &'a Listener<'a>,
    transport: Transport<'a>,
    dir: Arc<InstallDir>,
    deadline: Instant,
    tally: Tally,
}

/// What a run remembers to tell.
#[derive(Default)]
struct Tally {
    polls: u32,
    accepted: Option<Instant>,
    ready: Option<Instant>,
    /// What the last wait was for.
    cause: String,
}

/// What an install came to.
struct Installed {
    device: Device,
    chain: Chain,
}

impl<'a> Run<'a> {
    /// A run that starts now.
    pub(crate) fn new(
        config: &'a VendConfig,
        clock: &'a Clock<'a>,
        listener: &'a Listener<'a>,
        transport: Transport<'a>,
        dir: InstallDir,
    ) -> Self {
        Self {
            config,
            clock,
            listener,
            transport,
            dir: Arc::new(dir),
            deadline: Instant::now() + config.timeout,
            tally: Tally::default(),
        }
    }

    /// Confirms what an earlier run installed.
    pub(crate) async fn confirm(mut self, device: Device, id: RequestId) -> Result<Vended, Error> {
        let mut exchange = Exchange::installed(id, self.backoff());
        // The key is in its place already: only an install would need it.
        self.drive(&mut exchange, &Key::Sent).await?;
        self.finish().await?;
        Ok(self.vended(device, Outcome::Confirmed, None))
    }

    /// Goes all the way.
    pub(crate) async fn obtain(mut self, key: Key) -> Result<Vended, Error> {
        let mut exchange = Exchange::start(self.backoff());
        let installed = self.drive(&mut exchange, &key).await?;
        let Some(Installed { device, chain }) = installed else {
            return Err(Error::BadAnswer {
                step: Step::Install,
                what: "nothing was delivered",
            });
        };
        self.finish().await?;
        Ok(self.vended(device, Outcome::Installed, Some(chain)))
    }

    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.config.retry_base)
            .with_max_delay(RETRY_MAX)
            .with_jitter()
    }

    async fn drive(
        &mut self,
        exchange: &mut Exchange,
        key: &Key,
    ) -> Result<Option<Installed>, Error> {
        let mut installed = None;
        loop {
            match exchange.action() {
                Action::Done => return Ok(installed),
                Action::Install(delivery) => {
                    installed = Some(self.install(delivery, key).await?);
                    exchange.on_installed();
                    (self.listener)(Progress::Installed);
                }
                Action::Submit
                | Action::Poll(_)
                | Action::Fetch(_)
                | Action::Roots
                | Action::Confirm(_) => self.ask(exchange, key).await?,
            }
        }
    }

    /// One request and the wait after it.
    async fn ask(&mut self, exchange: &mut Exchange, key: &Key) -> Result<(), Error> {
        let step = exchange.action().step();
        let sent = self.send(exchange.action(), key);
        let wait = match tokio::time::timeout_at(self.deadline, sent).await {
            Ok(Ok(answer)) => {
                self.tally.cause = waiting_for(step, answer.status);
                let wait = exchange.on_answer(answer)?;
                self.note(step, &exchange.action());
                wait
            }
            Ok(Err(trouble)) => {
                self.tally.cause = give_up(step, &trouble)?;
                exchange.on_unreachable()
            }
            Err(_) => return Err(Error::later(format!("no time left to {step}"))),
        };
        self.pause(wait).await
    }

    async fn send(&self, action: Action<'_>, key: &Key) -> Result<Answer, Trouble> {
        match action {
            Action::Submit => {
                let csr = match key {
                    Key::Own { csr, .. } => Some(csr.as_str()),
                    Key::Sent => None,
                };
                self.transport.submit(csr).await
            }
            Action::Poll(id) => self.transport.poll(id).await,
            Action::Fetch(link) => self.transport.fetch(link).await,
            Action::Confirm(id) => self.transport.confirm(id).await,
            // Install and Done never come here: `drive` sees to them.
            Action::Roots | Action::Install(_) | Action::Done => self.transport.roots().await,
        }
    }

    /// Takes the times, and tells who listens.
    fn note(&mut self, step: Step, next: &Action<'_>) {
        if step == Step::Poll {
            self.tally.polls += 1;
        }
        let now = Instant::now();
        // A bundle that came in the answer leaves only the roots to fetch.
        let inline = matches!(next, Action::Roots) && step != Step::Fetch && step != Step::Roots;
        let ready = inline || matches!(next, Action::Fetch(_));
        let accepted = ready || matches!(next, Action::Poll(_));
        if step == Step::Submit && accepted && self.tally.accepted.is_none() {
            self.tally.accepted = Some(now);
            if let Action::Poll(id) = next {
                (self.listener)(Progress::Accepted((*id).clone()));
            }
        }
        if ready && self.tally.ready.is_none() {
            self.tally.ready = Some(now);
            (self.listener)(Progress::Ready);
        }
    }

    /// Waits, unless the deadline comes first: then there is no use in waiting for it.
    async fn pause(&self, wait: Duration) -> Result<(), Error> {
        if wait.is_zero() {
            return Ok(());
        }
        let cause = self.tally.cause.clone();
        if wait >= self.deadline.saturating_duration_since(Instant::now()) {
            let after = Some(wait);
            return Err(Error::Later { cause, after });
        }
        (self.listener)(Progress::Waiting { cause, wait });
        #[expect(
            clippy::disallowed_methods,
            reason = "a device's shell: the exchange decides, this waits"
        )]
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn install(&self, delivery: &Delivery, key: &Key) -> Result<Installed, Error> {
        let (installation, chain) = self.checked(delivery, key)?;
        let device = installation.device.clone();
        let dir = Arc::clone(&self.dir);
        blocking(move || dir.install(&installation)).await?;
        Ok(Installed { device, chain })
    }

    fn checked(&self, delivery: &Delivery, key: &Key) -> Result<(Installation, Chain), Error> {
        let own = match key {
            Key::Own { identity, .. } => Some(identity),
            Key::Sent => None,
        };
        let public_key = own.map(crate::identity::Identity::public_key);
        let expected = Expected {
            serial: &self.config.serial,
            request_id: &delivery.request_id,
            server_key: self.transport.server_key(),
            inline: delivery.inline,
            certificate_id: &delivery.certificate_id,
            sha256: &delivery.sha256,
            public_key: public_key.as_deref(),
            roots_pem: &delivery.roots_pem,
            issuer_pem: &self.config.issuer_ca_pem,
            now: (self.clock)(),
        };
        let (bundle, chain) = check(&delivery.bundle, &expected)?;
        let own = own.map(|identity| identity.private_key().clone());
        let private_key = bundle.private_key.or(own).ok_or(Flaw::KeyMissing)?;
        let device = Device {
            serial_number: bundle.serial,
            thing_name: bundle.thing,
            certificate_id: bundle.certificate_id,
            endpoint: bundle.endpoint,
            key_mode: self.config.key_mode,
        };
        let installation = Installation {
            device,
            request_id: delivery.request_id.clone(),
            certificate_pem: bundle.certificate_pem,
            private_key,
            ca_pem: delivery.roots_pem.clone(),
        };
        Ok((installation, chain))
    }

    async fn finish(&self) -> Result<(), Error> {
        let dir = Arc::clone(&self.dir);
        blocking(move || dir.finish()).await
    }

    fn vended(&self, device: Device, outcome: Outcome, chain: Option<Chain>) -> Vended {
        let times = self.tally.accepted.zip(self.tally.ready);
        Vended {
            device,
            dir: self.config.dir.clone(),
            outcome,
            ready_after: times.map(|(accepted, ready)| ready - accepted),
            polls: self.tally.polls,
            chain,
        }
    }
}

/// What the wait after this answer is for.
fn waiting_for(step: Step, status: u16) -> String {
    match status {
        200 | 202 => "the request is being worked on".to_owned(),
        status => format!("the server cannot {step} now (HTTP {status})"),
    }
}

/// The cause to wait for, or the error if waiting cannot help.
fn give_up(step: Step, trouble: &Trouble) -> Result<String, Error> {
    let what = match trouble {
        Trouble::Unreachable(_) => return Ok(trouble.to_string()),
        // A wrong clock or a portal in between pass by; a wrong --ca does not. Ask a human now.
        Trouble::Untrusted(_) => return Err(Error::later(trouble.to_string())),
        Trouble::TooLarge => "it is larger than 1 MiB",
        Trouble::Insecure => "the bundle's link is not https",
        Trouble::NoNonce => "the server gives no nonce",
        Trouble::Unproven(status) => {
            let status = *status;
            return Err(Error::Unproven { step, status });
        }
    };
    Err(Error::BadAnswer { step, what })
}

/// Disk and key work, off the threads that other devices' runs share.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::later("the process is stopping")))
}
