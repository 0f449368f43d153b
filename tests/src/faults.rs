//! Faults: any call of any port can fail before its effect, after it, happen twice, or be the last
//! thing that its process ever did.

use std::future::pending;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use cvm_shared::care::Group;
use cvm_shared::csr::Csr;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::NewCertificate;
use cvm_shared::ports::Page;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Removal;
use cvm_shared::ports::Swap;
use cvm_shared::ports::Vault;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::time::UnixMillis;
use zeroize::Zeroizing;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Before,
    /// It has its effect, and its answer is lost.
    After,
    /// It happens twice, as an SDK's silent retry would have it.
    Twice,
    /// The service throttles it; no effect.
    Throttle,
    /// The process dies before it.
    KillBefore,
    /// The process dies after its effect.
    KillAfter,
    /// The code around it panics; not among [`Fault::ALL`], for only the worker fences panics off.
    Panic,
}

impl Fault {
    /// Every fault that the outside can bring.
    pub const ALL: [Self; 6] = [
        Self::Before,
        Self::After,
        Self::Twice,
        Self::Throttle,
        Self::KillBefore,
        Self::KillAfter,
    ];
}

/// Which calls are struck.
#[derive(Clone, Copy, Debug, Default)]
enum Plan {
    #[default]
    None,
    At(usize, Fault),
    First(&'static str, usize, Fault),
    StallBefore(&'static str),
    StallInside(&'static str),
}

#[derive(Debug, Default)]
struct Inside {
    calls: Vec<&'static str>,
    plan: Plan,
    killed: bool,
    stalled: bool,
}

/// The plan of faults and the record of calls. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Inside>>);

impl Faults {
    /// Strikes the call with this number, counted from zero.
    pub fn at(number: usize, fault: Fault) -> Self {
        Self::planned(Plan::At(number, fault))
    }

    /// Strikes the first `times` calls of this name.
    pub fn first(name: &'static str, times: usize, fault: Fault) -> Self {
        Self::planned(Plan::First(name, times, fault))
    }

    /// Halts before the commit (the second write) or the first other call of this name, until [`Faults::wake`].
    pub fn stall_before(name: &'static str) -> Self {
        Self::planned(Plan::StallBefore(name))
    }

    /// The same, but the call has its effect, halts, and then is made again, as an SDK does that got
    /// no answer.
    pub fn stall_inside(name: &'static str) -> Self {
        Self::planned(Plan::StallInside(name))
    }

    fn planned(plan: Plan) -> Self {
        let inside = Inside {
            plan,
            ..Inside::default()
        };
        Self(Arc::new(Mutex::new(inside)))
    }

    /// Waits until a call is halted.
    pub async fn stalled(&self) {
        self.until(|inside| inside.stalled).await;
    }

    /// Lets a halted call go on.
    pub fn wake(&self) {
        self.0.lock().unwrap().stalled = false;
    }

    async fn until(&self, met: impl Fn(&Inside) -> bool) {
        while !met(&self.0.lock().unwrap()) {
            yield_now().await;
        }
    }

    /// The names of the calls so far.
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().calls.clone()
    }

    /// Whether the process was killed; asking brings up a new one.
    pub fn was_killed(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap().killed)
    }

    fn meet(&self, name: &'static str) -> Option<Fault> {
        let mut inside = self.0.lock().unwrap();
        let number = inside.calls.len();
        inside.calls.push(name);
        match inside.plan {
            Plan::At(planned, fault) => (planned == number).then_some(fault),
            Plan::First(struck, times, fault) => {
                let met = inside.calls.iter().filter(|call| **call == struck).count();
                (struck == name && met <= times).then_some(fault)
            }
            Plan::None | Plan::StallBefore(_) | Plan::StallInside(_) => None,
        }
    }

    /// Halts here if this is the call to halt at. The second write of a worker is its commit.
    async fn stall<T, F>(&self, name: &'static str, call: &impl Fn() -> F)
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (here, inside_it) = {
            let inside = self.0.lock().unwrap();
            let met = inside.calls.iter().filter(|call| **call == name).count();
            let wanted = if name == "registry.swap" { 2 } else { 1 };
            let is = |at: &str| at == name && met == wanted;
            match inside.plan {
                Plan::StallBefore(at) => (is(at), false),
                Plan::StallInside(at) => (is(at), true),
                Plan::None | Plan::At(..) | Plan::First(..) => (false, false),
            }
        };
        if here {
            if inside_it {
                let _ = call().await;
            }
            self.0.lock().unwrap().stalled = true;
            self.until(|inside| !inside.stalled).await;
        }
    }

    async fn die(&self) {
        self.0.lock().unwrap().killed = true;
        pending::<()>().await;
    }

    /// Makes a call with the fault that is planned for it.
    async fn call<T, F>(&self, name: &'static str, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let lost = || Failure::Unavailable {
            service: "test",
            detail: name.to_owned(),
        };
        let fault = self.meet(name);
        // Every call is a point at which others may run.
        yield_now().await;
        self.stall(name, &call).await;
        match fault {
            None => call().await,
            Some(Fault::Before) => Err(lost()),
            Some(Fault::Throttle) => Err(Failure::Throttled { service: "test" }),
            Some(Fault::After) => call().await.and(Err(lost())),
            Some(Fault::Twice) => {
                let _ = call().await;
                call().await
            }
            #[expect(clippy::panic, reason = "this is what is asked for")]
            Some(Fault::Panic) => panic!("a planned panic in {name}"),
            Some(Fault::KillBefore) => {
                self.die().await;
                Err(lost())
            }
            Some(Fault::KillAfter) => {
                let _ = call().await;
                self.die().await;
                Err(lost())
            }
        }
    }
}

/// Lets the other futures of the task run once.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A port whose calls meet the planned fault.
#[derive(Clone, Debug)]
pub struct Faulty<P> {
    /// The port behind.
    pub port: P,
    /// The plan.
    pub faults: Faults,
}

impl<P: Registry> Registry for Faulty<P> {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        self.faults
            .call("registry.load", || self.port.load(serial))
            .await
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        self.faults
            .call("registry.swap", || self.port.swap(before, after))
            .await
    }
}

impl<P: Backlog> Backlog for Faulty<P> {
    async fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        self.faults
            .call("backlog.waiting", || self.port.waiting(group, before, most))
            .await
    }

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        self.faults
            .call("backlog.names", || self.port.names(certificate))
            .await
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        self.faults.call("backlog.mark", || self.port.mark()).await
    }

    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        self.faults
            .call("backlog.set_mark", || self.port.set_mark(mark))
            .await
    }
}

impl<P: Depth> Depth for Faulty<P> {
    async fn depth(&self) -> Result<u64, Failure> {
        self.faults.call("queue.depth", || self.port.depth()).await
    }
}

impl<P: Inventory> Inventory for Faulty<P> {
    async fn page(&self, after: Option<String>) -> Result<Page, Failure> {
        self.faults
            .call("inventory.page", || self.port.page(after.clone()))
            .await
    }

    async fn pem(&self, certificate: &CertificateId) -> Result<Option<String>, Failure> {
        self.faults
            .call("inventory.pem", || self.port.pem(certificate))
            .await
    }

    async fn remove_unused(&self, certificate: &CertificateId) -> Result<Removal, Failure> {
        self.faults
            .call("inventory.remove_unused", || {
                self.port.remove_unused(certificate)
            })
            .await
    }
}

impl<P: Guard> Guard for Faulty<P> {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        self.faults
            .call("guard.nonce_key", || self.port.nonce_key())
            .await
    }

    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        self.faults
            .call("guard.consume", || self.port.consume(used, forget_at))
            .await
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        self.faults
            .call("guard.bind_key", || self.port.bind_key(key, serial))
            .await
    }
}

impl<P: Queue> Queue for Faulty<P> {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        self.faults
            .call("queue.send", || self.port.send(order))
            .await
    }
}

impl<P: Delivery> Delivery for Faulty<P> {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        self.faults
            .call("queue.postpone", || self.port.postpone(receipt, after))
            .await
    }

    async fn renew(&self, body: &str, after: Duration) -> Result<(), Failure> {
        self.faults
            .call("queue.renew", || self.port.renew(body, after))
            .await
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        self.faults
            .call("queue.park", || self.port.park(body, reason))
            .await
    }
}

impl<P: Issuer> Issuer for Faulty<P> {
    async fn create_from_csr(&self, csr: &Csr) -> Result<NewCertificate, Failure> {
        self.faults
            .call("issuer.create_from_csr", || self.port.create_from_csr(csr))
            .await
    }

    async fn create_with_keys(&self) -> Result<(NewCertificate, PrivateKeyPem), Failure> {
        self.faults
            .call("issuer.create_with_keys", || self.port.create_with_keys())
            .await
    }

    async fn ensure_thing(&self, binding: &Binding) -> Result<(), Failure> {
        self.faults
            .call("issuer.ensure_thing", || self.port.ensure_thing(binding))
            .await
    }

    async fn attach(&self, issued: &Issued, binding: &Binding) -> Result<(), Failure> {
        self.faults
            .call("issuer.attach", || self.port.attach(issued, binding))
            .await
    }

    async fn activate(&self, certificate: &CertificateId) -> Result<(), Failure> {
        self.faults
            .call("issuer.activate", || self.port.activate(certificate))
            .await
    }

    async fn deactivate(&self, certificate: &CertificateId) -> Result<(), Failure> {
        self.faults
            .call("issuer.deactivate", || self.port.deactivate(certificate))
            .await
    }

    async fn retire(&self, certificate: &CertificateRef, binding: &Binding) -> Result<(), Failure> {
        self.faults
            .call("issuer.retire", || self.port.retire(certificate, binding))
            .await
    }

    async fn endpoint(&self) -> Result<String, Failure> {
        self.faults
            .call("issuer.endpoint", || self.port.endpoint())
            .await
    }
}

impl<P: Vault> Vault for Faulty<P> {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        self.faults
            .call("vault.stage", || self.port.stage(key, bytes))
            .await
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        self.faults
            .call("vault.holds", || self.port.holds(key))
            .await
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        self.faults
            .call("vault.fetch", || self.port.fetch(key, most))
            .await
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        self.faults
            .call("vault.presign", || self.port.presign(key, valid))
            .await
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        self.faults
            .call("vault.shred", || self.port.shred(key))
            .await
    }
}
