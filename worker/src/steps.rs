//! The steps of the plan, carried out through the ports: one step, one effect, one note of it.

use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::lease::Fence;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::NewCertificate;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Superseded;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::seal;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use futures_util::join;
use zeroize::Zeroizing;

use crate::plan::Progress;
use crate::plan::Step;
use crate::run::Worker;
use crate::verify::verify;

/// A run that holds a row.
#[derive(Debug)]
pub(crate) struct Run<'a, R, I, V, C, N> {
    worker: &'a Worker<R, I, V, C, N>,
    row: Record,
    fence: Fence,
    progress: Progress,
    /// What was created and is in no row yet.
    made: Option<Made>,
    /// The claim counted a create.
    counted: bool,
    /// A create was tried that may have had its effect.
    tried: bool,
}

/// A certificate that the row does not name yet.
#[derive(Debug)]
struct Made {
    request: Request,
    certificate: NewCertificate,
    key: Option<PrivateKeyPem>,
    endpoint: String,
    thing_is_there: bool,
    /// The bundle's bytes. Made once: a sealed bundle is another one each time it is sealed.
    bytes: Option<Zeroizing<Vec<u8>>>,
    /// What to write into the row, once its bundle is staged.
    issued: Option<Issued>,
}

impl Made {
    /// Where its bundle lies, or would.
    fn bundle_key(&self, fence: &Fence) -> BundleKey {
        BundleKey::of(&self.request.id, &fence.owner, &self.certificate.names.id)
    }

    /// The bundle's bytes; sealed for the device if there is a private key in it.
    fn pack(&self, row: &Record, random: &impl Random) -> Zeroizing<Vec<u8>> {
        let bundle = Bundle {
            serial: row.serial.clone(),
            thing: row.binding.thing.clone(),
            certificate_id: self.certificate.names.id.clone(),
            certificate_pem: self.certificate.pem.clone(),
            private_key: self.key.clone(),
            endpoint: self.endpoint.clone(),
        };
        let bytes = bundle.encode();
        if self.key.is_none() {
            return bytes;
        }
        let names = SealedFor {
            serial: &row.serial,
            request: &self.request.id,
            certificate: &self.certificate.names.id,
        };
        seal(row.verifier.server_key(), &names, random.key(), &bytes)
    }
}

impl<'a, R, I, V, C, N> Run<'a, R, I, V, C, N>
where
    R: Registry,
    I: Issuer,
    V: Vault,
    C: Clock,
    N: Random,
{
    pub(crate) fn new(
        worker: &'a Worker<R, I, V, C, N>,
        row: Record,
        fence: Fence,
        counted: bool,
    ) -> Self {
        Self {
            worker,
            row,
            fence,
            progress: Progress::default(),
            made: None,
            counted,
            tried: false,
        }
    }

    /// The row as this run wrote it last.
    pub(crate) fn row(&self) -> &Record {
        &self.row
    }

    /// How far this run has come.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether a create was counted and nothing can have come of it.
    pub(crate) fn counted_in_vain(&self) -> bool {
        self.counted && !self.tried
    }

    pub(crate) async fn carry_out(&mut self, step: Step) -> Result<(), Failure> {
        match step {
            Step::Supplant(old) => self.supplant(&old).await,
            Step::Inspect(issued) => self.inspect(&issued).await,
            Step::Create(request) => self.create(request).await,
            Step::Stage => self.stage().await,
            Step::Commit => self.commit().await,
            Step::Attach {
                issued,
                thing_is_there,
            } => {
                let attached = self.attach(&issued, thing_is_there).await;
                self.unless_gone(attached, Progress::Bound).await
            }
            Step::Activate(issued) => {
                let activated = self.worker.issuer.activate(&issued.certificate_id).await;
                self.unless_gone(activated, Progress::Active).await
            }
            Step::Finish => self.finish().await,
            Step::Done | Step::Spent | Step::Lost => Ok(()),
        }
    }

    /// A certificate that has to go is deleted before another one is made.
    async fn supplant(&mut self, old: &Superseded) -> Result<(), Failure> {
        self.destroy(&old.issued).await?;
        let certificate = old.issued.certificate_id.clone();
        self.write(Event::Forget { certificate }).await
    }

    /// Looks at what an earlier epoch left: with its bundle it is adopted, without it is condemned.
    async fn inspect(&mut self, issued: &Issued) -> Result<(), Failure> {
        if self.worker.vault.holds(&issued.bundle.key).await? {
            self.progress = Progress::Adopted;
            return Ok(());
        }
        self.retire().await
    }

    /// Side by side: the certificate, the Thing that it will be attached to, the host name.
    async fn create(&mut self, request: Request) -> Result<(), Failure> {
        let issuer = &self.worker.issuer;
        let (created, thing, endpoint) = join!(
            self.make(&request.key),
            self.thing_at_first(),
            issuer.endpoint()
        );
        self.tried = match &created {
            Ok(_) => true,
            Err(failure) => failure.may_have_happened(),
        };
        let (certificate, key) = created?;
        let (endpoint, missing) = match endpoint {
            Ok(endpoint) => (endpoint, Ok(())),
            Err(failure) => (String::new(), Err(failure)),
        };
        self.made = Some(Made {
            request,
            certificate,
            key,
            endpoint,
            // It is tried again before it is needed; the certificate is not wasted for it.
            thing_is_there: thing.is_ok(),
            bytes: None,
            issued: None,
        });
        self.progress = Progress::Created;
        missing
    }

    /// A Thing that the operator has made is taken to be there, which saves the call. If it is not,
    /// attaching it says so, and the next run makes it.
    async fn thing_at_first(&self) -> Result<(), Failure> {
        if self.row.binding.thing_made {
            return Ok(());
        }
        self.worker.issuer.ensure_thing(&self.row.binding).await
    }

    async fn make(
        &self,
        key: &KeySource,
    ) -> Result<(NewCertificate, Option<PrivateKeyPem>), Failure> {
        match key {
            KeySource::Device(csr) => Ok((self.worker.issuer.create_from_csr(csr).await?, None)),
            KeySource::Service => {
                let (made, key) = self.worker.issuer.create_with_keys().await?;
                Ok((made, Some(key)))
            }
        }
    }

    /// Checks what came back and puts the bundle where the device will fetch it.
    async fn stage(&mut self) -> Result<(), Failure> {
        let made = self.made.as_mut().ok_or(Failure::LeaseLost)?;
        let certificate = &made.certificate;
        verify(certificate, &made.request.key, made.key.as_ref())?;
        let bytes = match made.bytes.take() {
            Some(bytes) => bytes,
            None => made.pack(&self.row, &self.worker.random),
        };
        let key = made.bundle_key(&self.fence);
        let bytes = made.bytes.insert(bytes);
        let sha256 = digest(bytes);
        self.worker.vault.stage(&key, bytes).await?;
        made.issued = Some(Issued {
            certificate_id: certificate.names.id.clone(),
            certificate_arn: certificate.names.arn.clone(),
            endpoint: made.endpoint.clone(),
            bundle: BundleRef { key, sha256 },
        });
        self.progress = Progress::Staged;
        Ok(())
    }

    /// Writes certificate and bundle into the row. Who is refused deletes its own certificate; a
    /// call with an unknown outcome deletes nothing, for the row may name it already.
    async fn commit(&mut self) -> Result<(), Failure> {
        let issued = self.made.as_ref().and_then(|made| made.issued.clone());
        let event = Event::Commit {
            fence: self.fence.clone(),
            issued: issued.ok_or(Failure::LeaseLost)?,
        };
        let (hand, row) = (self.worker.hand(), self.row.clone());
        let written = write(&self.worker.registry, &hand, row, |_| event.clone()).await;
        match written {
            Ok(Written::Applied(row) | Written::Refused(row, Refusal::Already)) => {
                let made = self.made.take();
                let thing_is_there = made.is_some_and(|made| made.thing_is_there);
                self.row = row;
                self.progress = if thing_is_there {
                    Progress::Committed
                } else {
                    Progress::Adopted
                };
                Ok(())
            }
            Ok(Written::Refused(row, _)) => {
                let made = self.made.as_ref();
                // The answer of our write was lost, and a rival went on from it.
                if made.is_some_and(|made| row.names(&made.certificate.names.id)) {
                    self.made = None;
                }
                Err(Failure::LeaseLost)
            }
            Err(failure) => {
                self.made = None;
                Err(failure)
            }
        }
    }

    async fn attach(&self, issued: &Issued, thing_is_there: bool) -> Result<(), Failure> {
        if !thing_is_there && self.row.binding.worker_may_make_thing() {
            self.worker.issuer.ensure_thing(&self.row.binding).await?;
        }
        self.worker.issuer.attach(issued, &self.row.binding).await
    }

    /// Notes the progress, or condemns a certificate that AWS IoT does not know any more.
    async fn unless_gone(
        &mut self,
        done: Result<(), Failure>,
        progress: Progress,
    ) -> Result<(), Failure> {
        match done {
            Ok(()) => {
                self.progress = progress;
                Ok(())
            }
            Err(Failure::CertificateGone) => self.retire().await,
            Err(failure) => Err(failure),
        }
    }

    /// Condemns the committed certificate, under the fence. The plan has it deleted next, and the row
    /// names it until then: one that the row has forgotten must not be one that a stalled rival can
    /// still activate, and one that a rival has vended must not be deleted by us.
    async fn retire(&mut self) -> Result<(), Failure> {
        self.write(Event::Retire {
            fence: self.fence.clone(),
            now: self.worker.clock.now(),
            budget: self.worker.terms.creates_per_day,
        })
        .await?;
        // Only now: of a write that may have failed nothing is taken back.
        (self.progress, self.counted, self.tried) = (Progress::Fresh, true, false);
        Ok(())
    }

    async fn destroy(&self, issued: &Issued) -> Result<(), Failure> {
        let names = CertificateRef::from(issued);
        let binding = &self.row.binding;
        self.worker.issuer.retire(&names, binding).await?;
        self.worker.vault.shred(&issued.bundle.key).await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let now = self.worker.clock.now();
        self.write(Event::Finish {
            fence: self.fence.clone(),
            bundle_until: now.plus(self.worker.terms.bundle_wait),
        })
        .await
    }

    /// A write that only the holder may make.
    async fn write(&mut self, event: Event) -> Result<(), Failure> {
        let (hand, row) = (self.worker.hand(), self.row.clone());
        match write(&self.worker.registry, &hand, row, |_| event.clone()).await? {
            Written::Applied(row) | Written::Refused(row, Refusal::Already) => {
                self.row = row;
                Ok(())
            }
            Written::Refused(_, _) => Err(Failure::LeaseLost),
        }
    }

    /// Gets rid of a certificate that is in no row, so that nobody will ever use it, and of its
    /// bundle. If that fails too, they are an INACTIVE orphan and an unreadable object; the sweep
    /// and the bucket's lifecycle take them.
    pub(crate) async fn discard(&mut self) {
        let Some(made) = self.made.take() else {
            return;
        };
        let names = &made.certificate.names;
        let bundle = made.bundle_key(&self.fence);
        let (retired, shredded) = join!(
            self.worker.issuer.retire(names, &self.row.binding),
            self.worker.vault.shred(&bundle)
        );
        for failure in [retired, shredded].into_iter().filter_map(Result::err) {
            let code = failure.code().as_str();
            tracing::warn!(certificate = %names.id, code, "left an orphan behind");
        }
    }
}
