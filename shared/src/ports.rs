//! What the outside must do for us, and what it promises. Adapters and fakes face one contract suite.

use std::future::Future;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::care::Group;
use crate::csr::Csr;
use crate::csr::PublicKeyDigest;
use crate::failure::Failure;
use crate::ids::BundleKey;
use crate::ids::CertificateId;
use crate::ids::SerialNumber;
use crate::message::Order;
use crate::nonce::NonceKey;
use crate::record::Binding;
use crate::record::Issued;
use crate::record::Record;
use crate::reprovision::Disuse;
use crate::secret::PrivateKeyPem;
use crate::time::UnixMillis;

/// The device table.
pub trait Registry: Send + Sync {
    /// The row of this device as of now: every write that was answered before is in it.
    fn load(
        &self,
        serial: &SerialNumber,
    ) -> impl Future<Output = Result<Option<Record>, Failure>> + Send;

    /// Writes `after` if the row still is `before`, in one step.
    ///
    /// `Done` means that the row is `after` now and was written by a call with these arguments: a
    /// write whose answer was lost and that is repeated is `Done` too. `Changed` hands out the row
    /// that stood in the way. An `Unavailable` failure may have written or not.
    fn swap(
        &self,
        before: &Record,
        after: &Record,
    ) -> impl Future<Output = Result<Swap, Failure>> + Send;
}

/// The rows that wait, found without reading the others. What it tells may be some seconds old: a row
/// that is acted on is loaded first.
pub trait Backlog: Send + Sync {
    /// Devices whose rows wait in this group since before that moment, about so many at most.
    fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> impl Future<Output = Result<Vec<SerialNumber>, Failure>> + Send;

    /// Whether a row names this certificate as its own.
    fn names(
        &self,
        certificate: &CertificateId,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Up to which creation time the certificates of the account were looked through.
    fn mark(&self) -> impl Future<Output = Result<Option<UnixMillis>, Failure>> + Send;

    /// Notes how far they were looked through.
    fn set_mark(&self, mark: UnixMillis) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Written.
    Done,
    /// Not written: the row is this one.
    Changed(Box<Record>),
}

/// The way into the work queue.
pub trait Queue: Send + Sync {
    /// Puts the order into the queue. `Ok` means that it will be delivered at least once.
    fn send(&self, order: &Order) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What the door remembers beside the device table: what may happen only once.
pub trait Guard: Send + Sync {
    /// The key of the server's nonces: made by whoever asks first, the same for everybody after that.
    fn nonce_key(&self) -> impl Future<Output = Result<NonceKey, Failure>> + Send;

    /// Uses a nonce up, under the name from [`RequestNonce::used_by`]; whether nobody had before. It
    /// is remembered until `forget_at` at least.
    ///
    /// [`RequestNonce::used_by`]: crate::proof::RequestNonce::used_by
    fn consume(
        &self,
        used: &str,
        forget_at: UnixMillis,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Binds a public key to a device for good; whether it was nobody's, or this device's already.
    fn bind_key(
        &self,
        key: PublicKeyDigest,
        serial: &SerialNumber,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;
}

/// How much there is to do.
pub trait Depth: Send + Sync {
    /// About how many messages are in the work queue, hidden and delayed ones included.
    fn depth(&self) -> impl Future<Output = Result<u64, Failure>> + Send;
}

/// What a worker may do with a message that it holds.
pub trait Delivery: Send + Sync {
    /// Keeps the message invisible for this long from now on, up to 12 hours.
    fn postpone(
        &self,
        receipt: &str,
        after: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends a fresh copy that shows after a delay of at most 15 minutes; its receive count is new. It belongs to
    /// `tenant`, so that a batch whose messages wait does not become as many tenants as it has devices.
    fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Puts a copy into the dead letters with the reason beside it.
    fn park(
        &self,
        body: &str,
        reason: &'static str,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A message as the queue hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id: the same in each delivery.
    pub id: String,
    /// The name of this delivery, by which the message is postponed or removed.
    pub receipt: String,
    /// What it says.
    pub body: String,
    /// Whose it is to the queue: a device's own, or a batch's.
    pub tenant: Option<String>,
    /// How often it was handed out, this time included.
    pub receives: u32,
    /// When it was sent.
    pub sent_at: UnixMillis,
    /// Why it was parked, if it is a dead letter that a worker parked.
    pub reason: Option<String>,
}

/// The way out of a queue, for who fetches its messages itself.
pub trait Intake: Send + Sync {
    /// Messages that nobody holds, `most` at most; each is `hidden` from others for this long. Waits for one for `wait`.
    fn receive(
        &self,
        most: u32,
        hidden: Duration,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Message>, Failure>> + Send;

    /// Removes the message that was delivered so.
    fn remove(&self, receipt: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// AWS IoT. None of the `create` calls may be repeated by the adapter on its own: each that
/// succeeds makes another certificate.
pub trait Issuer: Send + Sync {
    /// Has the request signed: an INACTIVE certificate for the device's own key.
    fn create_from_csr(
        &self,
        csr: &Csr,
    ) -> impl Future<Output = Result<NewCertificate, Failure>> + Send;

    /// Has a key and an INACTIVE certificate made. The key is answered once and never again.
    fn create_with_keys(
        &self,
    ) -> impl Future<Output = Result<(NewCertificate, PrivateKeyPem), Failure>> + Send;

    /// Creates the Thing if it is missing and puts it into the group that the row names; repeatable.
    fn ensure_thing(&self, binding: &Binding) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Attaches the Thing to the certificate, and the policy unless it comes from the Thing's group;
    /// repeatable. A Thing that is missing is a failure that may be repeated once it is ensured, or the
    /// operator's, where the worker may not make it.
    fn attach(
        &self,
        issued: &Issued,
        binding: &Binding,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Makes the certificate ACTIVE; repeatable.
    fn activate(
        &self,
        certificate: &CertificateId,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Makes the certificate INACTIVE or REVOKED; repeatable, and `Ok` for one that is gone.
    fn put_out_of_use(
        &self,
        certificate: &CertificateId,
        disuse: Disuse,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Deactivates, detaches and deletes the certificate, so that nobody can activate it again;
    /// repeatable, and `Ok` for one that is already gone.
    fn retire(
        &self,
        certificate: &CertificateRef,
        binding: &Binding,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The host name that devices connect to.
    fn endpoint(&self) -> impl Future<Output = Result<String, Failure>> + Send;
}

/// A certificate, by the two names that AWS IoT knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRef {
    /// Its id.
    pub id: CertificateId,
    /// Its ARN.
    pub arn: String,
}

impl From<&Issued> for CertificateRef {
    fn from(issued: &Issued) -> Self {
        Self {
            id: issued.certificate_id.clone(),
            arn: issued.certificate_arn.clone(),
        }
    }
}

/// A certificate just created, INACTIVE and known to nobody else yet.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// Its names.
    pub names: CertificateRef,
    /// The certificate in PEM form.
    pub pem: String,
}

/// The account's certificates, those of others among them.
pub trait Inventory: Send + Sync {
    /// Certificates from the newest to the oldest, a page at a time; `after` is the last page's `next`.
    fn page(&self, after: Option<String>) -> impl Future<Output = Result<Page, Failure>> + Send;

    /// The certificate in PEM form; `None` if it is gone.
    fn pem(
        &self,
        certificate: &CertificateId,
    ) -> impl Future<Output = Result<Option<String>, Failure>> + Send;

    /// Deletes the certificate if it is INACTIVE and nothing is attached to it.
    fn remove_unused(
        &self,
        certificate: &CertificateId,
    ) -> impl Future<Output = Result<Removal, Failure>> + Send;
}

/// A page of certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The certificates, newest first.
    pub certificates: Vec<Listed>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}

/// A certificate in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: CertificateId,
    /// Whether it is INACTIVE: neither ACTIVE nor in one of AWS IoT's other states.
    pub inactive: bool,
    /// When it was created.
    pub created_at: UnixMillis,
}

/// What became of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Gone,
    /// It is ACTIVE or attached to something: somebody's, and left alone.
    InUse,
}

/// Where bundles wait for their devices.
pub trait Vault: Send + Sync {
    /// Stores a bundle under a key that was never used before, encrypted at rest. Repeating the
    /// call is harmless: the first content stays.
    fn stage(
        &self,
        key: &BundleKey,
        bytes: &Zeroizing<Vec<u8>>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether the bundle is there. Its content is not read.
    fn holds(&self, key: &BundleKey) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// The bundle's bytes; `None` if it is gone. One that is larger than `most` bytes is refused
    /// unread.
    fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> impl Future<Output = Result<Option<Zeroizing<Vec<u8>>>, Failure>> + Send;

    /// A URL that fetches the bundle for this long and no longer.
    fn presign(
        &self,
        key: &BundleKey,
        valid: Duration,
    ) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Destroys the bundle; repeatable.
    fn shred(&self, key: &BundleKey) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMillis;

    /// Waits.
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send;
}

/// Randomness for names and jitter.
pub trait Random: Send + Sync {
    /// 16 bytes that nobody can guess.
    fn bytes(&self) -> [u8; 16];

    /// 32 of them: a key, or a salt that is never used twice.
    fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.bytes());
        key[16..].copy_from_slice(&self.bytes());
        key
    }
}
