//! What the exchange is spoken of in: steps, actions, answers, deliveries.

use std::fmt;
use std::time::Duration;

use cvm_shared::api::BundleLink;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use zeroize::Zeroizing;

/// A step of the exchange, as told to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for a certificate.
    Submit,
    /// Ask how the request stands.
    Poll,
    /// Fetch the bundle.
    Fetch,
    /// Fetch the trust bundle.
    Roots,
    /// Verify and install, on this device.
    Install,
    /// Tell the server that the bundle is installed.
    Confirm,
    /// Nothing is left to do.
    Done,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Fetch => "fetch the bundle",
            Self::Roots => "fetch the trust bundle",
            Self::Install => "install",
            Self::Confirm => "confirm",
            Self::Done => "finish",
        })
    }
}

/// What to do now.
#[derive(Debug)]
pub enum Action<'a> {
    /// POST the request.
    Submit,
    /// GET the request's status.
    Poll(&'a RequestId),
    /// GET the bundle, without credentials.
    Fetch(&'a BundleLink),
    /// GET the trust bundle.
    Roots,
    /// Verify and install, then call [`crate::exchange::Exchange::on_installed`].
    Install(&'a Delivery),
    /// POST the confirmation.
    Confirm(&'a RequestId),
    /// Stop: all is done.
    Done,
}

impl Action<'_> {
    /// The step that this action is.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Submit => Step::Submit,
            Self::Poll(_) => Step::Poll,
            Self::Fetch(_) => Step::Fetch,
            Self::Roots => Step::Roots,
            Self::Install(_) => Step::Install,
            Self::Confirm(_) => Step::Confirm,
            Self::Done => Step::Done,
        }
    }
}

/// An HTTP answer, reduced to what the exchange decides from. The body may hold a private key.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, if it was given in seconds.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Whether an answer with this status decides nothing and the same may be asked again.
pub(crate) fn is_later(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// What was fetched, and what the server said of it.
pub struct Delivery {
    /// The request that it answers.
    pub request_id: RequestId,
    /// The certificate that the server announced.
    pub certificate_id: CertificateId,
    /// SHA-256 of the bundle that the server announced.
    pub sha256: String,
    /// The bundle's bytes.
    pub bundle: Zeroizing<Vec<u8>>,
    /// Whether they came in the server's own answer, not by a link that others could use.
    pub inline: bool,
    /// The trust bundle.
    pub roots_pem: String,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({})", self.certificate_id)
    }
}
