//! AWS in memory over HTTP, for just the calls that the machine makes: fast enough for thousands of
//! devices, with the real quotas and with faults on purpose. Never ships.
//!
//! The AWS SDK talks to it as to any endpoint: path style and virtual hosts for S3, plain HTTP. One
//! account has one device table, one guard's, one of trails, one bucket, one work queue with its dead letters, and AWS IoT. It starts
//! empty; only the policy [`Account::POLICY`] is there.
//!
//! What it does as the real one: DynamoDB's conditions, SQS's visibility timeouts and receive counts,
//! S3's `If-None-Match` and presigned URLs (signature and expiry are checked, with the secret
//! [`Account::SECRET_ACCESS_KEY`]), AWS IoT's real certificates, rules for deleting, and token buckets.
//!
//! What it does not do:
//! - It checks no signature but that of presigned URLs, and no permission at all.
//! - It encrypts nothing, keeps nothing on disk, and checks neither checksums nor chunk signatures.
//! - Everything is consistent at once: AWS IoT's lists, DynamoDB's indexes, detaching. No limit of
//!   DynamoDB, S3 or SQS but on delays, timeouts and sizes of batches.
//! - SQS hands messages out in order, and twice only after a visibility timeout. Messages and objects
//!   never expire. A stale receipt is accepted and changes nothing. No MD5 of bodies is sent.
//! - Expressions are known as far as `SET`, `REMOVE`, comparisons, `AND`, `OR`, `NOT`, `IN`, `begins_with`,
//!   `attribute_exists` and `attribute_not_exists` go, without nested paths. Of the reserved words only some are refused.
//! - In keys mode it hands out four RSA keys in turn (process-wide, PKCS #8), so different devices
//!   may get the same key. Of a signing request it takes subject and key, of any strength.
//! - Detaching what is not attached succeeds, as long as both ends exist. A bucket's burst is one
//!   second's worth of calls, for lack of a published figure.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

mod account;
mod authority;
mod certificates;
mod chunked;
mod clock;
mod dynamodb;
mod evaluate;
mod expression;
mod faults;
mod iot;
mod meter;
mod partiql;
mod query;
mod queue;
mod queues;
mod quota;
mod record;
mod s3;
mod scalar;
mod scan;
mod server;
mod servicequotas;
mod sigv4;
mod sqs;
mod sts;
mod table;
mod tokens;
mod wire;

pub use account::Account;
pub use account::DeadLetter;
pub use certificates::CertificateView;
pub use faults::FaultOptions;
pub use meter::Usage;
pub use queue::Depth;
pub use quota::Api;
pub use quota::Limit;
pub use quota::Quotas;
pub use server::StandIn;
pub use table::Written;

/// How the stand-in behaves. By default: no limits, no faults, no latency.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How often each AWS IoT API may be called.
    pub quotas: Quotas,
    /// What goes wrong at random.
    pub faults: FaultOptions,
    /// How long each call takes at least.
    pub latency: Duration,
    /// What the random faults begin with: the same seed and the same order of calls give the same
    /// faults.
    pub seed: u64,
}

/// A lock that outlives a panic of its holder: what is inside is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
