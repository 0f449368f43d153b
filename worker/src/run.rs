//! One order, from claim to Vended: the steps of the plan, carried out through the ports.
//!
//! The order of the steps is load-bearing. A certificate is created INACTIVE, staged, committed to
//! the row under the fence of our lease, bound, and only then activated: whatever crash or rival
//! comes in between, at most the committed certificate can ever become ACTIVE.

use std::time::Duration;

use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::Owner;
use cvm_shared::lease::Fence;
use cvm_shared::lease::Lease;
use cvm_shared::message::Order;
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
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use futures_util::join;

use crate::ending::Done;
use crate::ending::Stop;
use crate::plan::Knowledge;
use crate::plan::Step;
use crate::plan::plan;
use crate::verify::verify;

/// No call is begun with less time than this before the run or the lease ends: its turn at the
/// pacer (`iot::PATIENCE`) and one call with its retries (`cvm_aws::clients::CallLimits::WORKER`)
/// must fit in.
const CALL_ROOM: Duration = Duration::from_secs(8);

/// The worker's hands: its ports and the length of a lease.
#[derive(Debug)]
pub struct Worker<R, I, V, C, N> {
    /// The device table.
    pub registry: R,
    /// AWS IoT.
    pub issuer: I,
    /// The bucket of bundles.
    pub vault: V,
    /// Time.
    pub clock: C,
    /// Randomness for owners.
    pub random: N,
    /// How long a claim lasts.
    pub lease: Duration,
}

/// One delivery's limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When this run is cut off.
    pub deadline: UnixMillis,
    /// Whether this is the last delivery before the queue gives up: a failure is then final.
    pub last: bool,
}

impl<R, I, V, C, N> Worker<R, I, V, C, N>
where
    R: Registry,
    I: Issuer,
    V: Vault,
    C: Clock,
    N: Random,
{
    /// Works one order off. Any number of runs, one after another or at once, do what one does.
    pub async fn run(&self, order: &Order, limits: Limits) -> Result<Done, Stop> {
        let row = self
            .registry
            .load(&order.serial)
            .await
            .map_err(Stop::GivenBack)?;
        let row = row.ok_or(Stop::UnknownDevice)?;
        let owner = Owner::from_random(self.random.bytes());
        let claim = |row: &Record| self.claim(order, row, &owner);
        match write(&self.registry, row, claim)
            .await
            .map_err(Stop::GivenBack)?
        {
            Written::Applied(row) => self.hold(row, limits).await,
            Written::Refused(_, refusal) => Stop::of_claim(&refusal, self.clock.now()),
        }
    }

    fn claim(&self, order: &Order, row: &Record, owner: &Owner) -> Event {
        let now = self.clock.now();
        Event::Claim {
            request: order.request.clone(),
            generation: order.generation,
            lease: Lease {
                epoch: row.epoch.next(),
                owner: owner.clone(),
                until: now.plus(self.lease),
            },
            now,
        }
    }

    /// Works on a row that is ours, and gives it back if the work fails.
    async fn hold(&self, row: Record, limits: Limits) -> Result<Done, Stop> {
        let State::Issuing { lease, .. } = &row.state else {
            return Err(Stop::GivenBack(Failure::LeaseLost));
        };
        let (fence, until) = (lease.fence(), lease.until.min(limits.deadline));
        match self.work(row.clone(), &fence, until).await {
            Ok(done) => Ok(done),
            Err(failure) => Err(self.give_up(row, &fence, failure, limits.last).await),
        }
    }

    /// Step after step until the plan says that nothing is left.
    async fn work(
        &self,
        mut row: Record,
        fence: &Fence,
        until: UnixMillis,
    ) -> Result<Done, Failure> {
        let mut knowledge = Knowledge::Unseen;
        loop {
            self.in_time(until)?;
            (row, knowledge) = match plan(&row, fence, knowledge) {
                Step::Issue(request) => {
                    let row = self.issue(row, fence, &request, until).await?;
                    (row, Knowledge::Own)
                }
                Step::Inspect(issued) => self.inspect(row, fence, &issued).await?,
                Step::Bind {
                    issued,
                    thing_is_there,
                } => match self.bind(&row, &issued, thing_is_there, until).await {
                    Ok(()) => (self.finish(row, fence).await?, knowledge),
                    Err(Failure::CertificateGone) => {
                        (self.retire(row, fence, &issued).await?, Knowledge::Unseen)
                    }
                    Err(failure) => return Err(failure),
                },
                Step::Done => return Ok(Done::Vended),
                Step::Lost => return Err(Failure::LeaseLost),
            };
        }
    }

    /// Creates a certificate, stages its bundle and commits both under the fence.
    async fn issue(
        &self,
        row: Record,
        fence: &Fence,
        request: &Request,
        until: UnixMillis,
    ) -> Result<Record, Failure> {
        // Side by side: the certificate, the Thing that it will be attached to, the host name.
        let (made, thing, endpoint) = join!(
            self.create(&request.key),
            self.issuer.ensure_thing(&row.binding),
            self.issuer.endpoint()
        );
        let (made, key) = made?;
        let prepared = match (thing, endpoint) {
            (Ok(()), Ok(endpoint)) => {
                self.stage(&row, fence, request, &made, key, endpoint, until)
                    .await
            }
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        };
        match prepared {
            Ok(issued) => self.commit(row, fence, issued).await,
            Err(failure) => {
                // Not in the row, so nobody will ever use it: it goes with us.
                self.discard(&made.names, &row, &BundleKey::of(&request.id, &fence.owner))
                    .await;
                Err(failure)
            }
        }
    }

    async fn create(
        &self,
        key: &KeySource,
    ) -> Result<(NewCertificate, Option<PrivateKeyPem>), Failure> {
        match key {
            KeySource::Device(csr) => Ok((self.issuer.create_from_csr(csr).await?, None)),
            KeySource::Service => {
                let (made, key) = self.issuer.create_with_keys().await?;
                Ok((made, Some(key)))
            }
        }
    }

    /// Checks what came back and puts the bundle where the device will fetch it. Before the commit,
    /// so that a key that is answered only once is never lost for a committed certificate.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another kind of thing, none is a flag"
    )]
    async fn stage(
        &self,
        row: &Record,
        fence: &Fence,
        request: &Request,
        made: &NewCertificate,
        key: Option<PrivateKeyPem>,
        endpoint: String,
        until: UnixMillis,
    ) -> Result<Issued, Failure> {
        verify(made, &request.key, key.as_ref())?;
        self.in_time(until)?;
        let bundle = Bundle {
            serial: row.serial.clone(),
            thing: row.binding.thing.clone(),
            certificate_id: made.names.id.clone(),
            certificate_pem: made.pem.clone(),
            private_key: key,
            endpoint: endpoint.clone(),
        };
        let bytes = bundle.encode();
        let key = BundleKey::of(&request.id, &fence.owner);
        self.vault.stage(&key, &bytes).await?;
        Ok(Issued {
            certificate_id: made.names.id.clone(),
            certificate_arn: made.names.arn.clone(),
            endpoint,
            bundle: BundleRef {
                key,
                sha256: digest(&bytes),
            },
        })
    }

    /// Writes certificate and bundle into the row. Who is refused deletes its own certificate; a
    /// call with an unknown outcome deletes nothing, for the row may name it already.
    async fn commit(&self, row: Record, fence: &Fence, issued: Issued) -> Result<Record, Failure> {
        let event = Event::Commit {
            fence: fence.clone(),
            issued: issued.clone(),
        };
        match write(&self.registry, row, |_| event.clone()).await? {
            Written::Applied(row) | Written::Refused(row, Refusal::Already) => Ok(row),
            Written::Refused(row, _) => {
                self.discard(&CertificateRef::from(&issued), &row, &issued.bundle.key)
                    .await;
                Err(Failure::LeaseLost)
            }
        }
    }

    /// Looks at what an earlier epoch left: with its bundle it is adopted, without it is retired.
    async fn inspect(
        &self,
        row: Record,
        fence: &Fence,
        issued: &Issued,
    ) -> Result<(Record, Knowledge), Failure> {
        if self.vault.holds(&issued.bundle.key).await? {
            return Ok((row, Knowledge::Adopted));
        }
        Ok((self.retire(row, fence, issued).await?, Knowledge::Unseen))
    }

    /// Deletes the certificate, then takes it off the row. In this order: a certificate that the
    /// row has forgotten must not be one that a stalled rival can still activate.
    async fn retire(&self, row: Record, fence: &Fence, issued: &Issued) -> Result<Record, Failure> {
        self.issuer
            .retire(&CertificateRef::from(issued), &row.binding)
            .await?;
        self.vault.shred(&issued.bundle.key).await?;
        let event = Event::Retire {
            fence: fence.clone(),
        };
        ours(write(&self.registry, row, |_| event.clone()).await?)
    }

    /// Binds the committed certificate and activates it last.
    async fn bind(
        &self,
        row: &Record,
        issued: &Issued,
        thing_is_there: bool,
        until: UnixMillis,
    ) -> Result<(), Failure> {
        if !thing_is_there {
            self.issuer.ensure_thing(&row.binding).await?;
            self.in_time(until)?;
        }
        self.issuer.attach(issued, &row.binding).await?;
        self.in_time(until)?;
        self.issuer.activate(&issued.certificate_id).await
    }

    async fn finish(&self, row: Record, fence: &Fence) -> Result<Record, Failure> {
        let event = Event::Finish {
            fence: fence.clone(),
        };
        ours(write(&self.registry, row, |_| event.clone()).await?)
    }

    /// Gets rid of a certificate and a bundle that the row does not name. If that fails too, they
    /// are an INACTIVE orphan and an unreadable object; sweep and lifecycle take them.
    async fn discard(&self, certificate: &CertificateRef, row: &Record, bundle: &BundleKey) {
        let (retired, shredded) = join!(
            self.issuer.retire(certificate, &row.binding),
            self.vault.shred(bundle)
        );
        for failure in [retired, shredded].into_iter().filter_map(Result::err) {
            let code = failure.code().as_str();
            tracing::warn!(certificate = %certificate.id, code, "left an orphan behind");
        }
    }

    /// Leaves the row to the next one: released if repeating helps, failed if it does not.
    async fn give_up(&self, row: Record, fence: &Fence, failure: Failure, last: bool) -> Stop {
        let is_final = match failure.class() {
            Class::Wait => false,
            Class::Retry => last,
            Class::Operator | Class::Never => true,
        };
        let event = if is_final {
            Event::Fail {
                fence: fence.clone(),
                failure: failure.code(),
                now: self.clock.now(),
            }
        } else {
            Event::Release {
                fence: fence.clone(),
            }
        };
        match write(&self.registry, row, |_| event.clone()).await {
            Ok(Written::Applied(_)) if is_final => Stop::Failed(failure),
            // Released; or somebody else holds the row, or it cannot be reached, and the lease ends
            // by itself.
            Ok(_) | Err(_) => Stop::GivenBack(failure),
        }
    }

    fn in_time(&self, until: UnixMillis) -> Result<(), Failure> {
        if until.since(self.clock.now()) < CALL_ROOM {
            return Err(Failure::OutOfTime);
        }
        Ok(())
    }
}

/// The row of a write that only the holder may make.
fn ours(written: Written) -> Result<Record, Failure> {
    match written {
        Written::Applied(row) | Written::Refused(row, Refusal::Already) => Ok(row),
        Written::Refused(_, _) => Err(Failure::LeaseLost),
    }
}
