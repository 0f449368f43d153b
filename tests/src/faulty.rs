//! The ports in front of the fakes, each call of which meets the fault that is planned for it.

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
use cvm_shared::reprovision::Disuse;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::time::UnixMillis;
use std::time::Duration;
use zeroize::Zeroizing;

use crate::faults::Faults;

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

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        self.faults
            .call("queue.renew", || self.port.renew(body, tenant, after))
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

    async fn put_out_of_use(
        &self,
        certificate: &CertificateId,
        disuse: Disuse,
    ) -> Result<(), Failure> {
        let call = || self.port.put_out_of_use(certificate, disuse);
        self.faults.call("issuer.put_out_of_use", call).await
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
