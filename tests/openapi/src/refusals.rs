//! Every refusal that the door knows.

use cvm_ingest::problem::Refused;
use cvm_shared::ids::Malformed;

/// One of each kind.
pub fn every() -> Vec<Refused> {
    std::iter::successors(Some(first()), after).collect()
}

fn malformed() -> Malformed {
    Malformed::new("field", "rule")
}

fn first() -> Refused {
    Refused::BadRequest(malformed())
}

/// The kind after this one. Without a catch-all, so that no new kind is forgotten here.
fn after(kind: &Refused) -> Option<Refused> {
    Some(match kind {
        Refused::BadRequest(_) => Refused::BadNonce(malformed()),
        Refused::BadNonce(_) => Refused::Unauthorized,
        Refused::Unauthorized => Refused::NotFound,
        Refused::NotFound => Refused::MethodNotAllowed("GET"),
        Refused::MethodNotAllowed(_) => Refused::OtherRequest,
        Refused::OtherRequest => Refused::Confirmed,
        Refused::Confirmed => Refused::NotIssued,
        Refused::NotIssued => Refused::Shredded,
        Refused::Shredded => Refused::Expired,
        Refused::Expired => Refused::ReplacementPending { retry_after: 1 },
        Refused::ReplacementPending { .. } => Refused::TooLarge,
        Refused::TooLarge => Refused::UnsupportedMediaType,
        Refused::UnsupportedMediaType => Refused::BadCsr(malformed()),
        Refused::BadCsr(_) => Refused::TooManyRequests { retry_after: 1 },
        Refused::TooManyRequests { .. } => Refused::Unavailable { retry_after: 1 },
        Refused::Unavailable { .. } => return None,
    })
}
