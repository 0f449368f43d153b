//! What may happen to a row, by numbers, and the real events that the numbers stand for.

use cvm_shared::event::Event;
use cvm_shared::failure::FailureCode;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Fence;
use cvm_shared::lease::Lease;
use cvm_shared::record::Record;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::request::Generation;

use crate::names;
use crate::names::A_WHILE;
use crate::names::Mark;
use crate::names::NOW;
use crate::rows::Rows;

/// An event, by numbers. Fences are named by their epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A device asks with its first or second key.
    Apply(u8),
    /// A worker with an order of this kind claims the next epoch.
    Claim(u8),
    /// The holder of the epoch commits; the order is of this kind.
    Commit(u8, Mark, u8),
    /// The holder of the epoch has retired what the row names.
    Retire(u8),
    /// The holder of the epoch is done.
    Finish(u8),
    /// The holder of the epoch gives up for good; whether its create was never tried.
    Fail(u8, FailureCode, bool),
    /// The holder of the epoch gives the row back; whether its create was never tried.
    Release(u8, bool),
    /// The device confirms its request of this kind.
    Confirm(u8),
    /// The janitor has shredded the bundle.
    Expire,
    /// The janitor has sent the order again.
    Resend,
    /// The janitor gives the row up.
    Abandon,
    /// The janitor has deactivated this certificate.
    Deactivate(u8),
    /// This certificate is deleted.
    Forget(u8),
    /// This certificate needs no more care.
    Settle(u8),
    /// An operator's.
    Reset,
    /// An operator's.
    Revoke,
}

impl Happening {
    /// The epoch whose holder alone may do this.
    pub(crate) fn fence(self) -> Option<u8> {
        match self {
            Self::Commit(epoch, ..)
            | Self::Retire(epoch)
            | Self::Finish(epoch)
            | Self::Fail(epoch, ..)
            | Self::Release(epoch, _) => Some(epoch),
            Self::Apply(_)
            | Self::Claim(_)
            | Self::Confirm(_)
            | Self::Expire
            | Self::Resend
            | Self::Abandon
            | Self::Deactivate(_)
            | Self::Forget(_)
            | Self::Settle(_)
            | Self::Reset
            | Self::Revoke => None,
        }
    }
}

impl Rows {
    pub(crate) fn event(&self, row: &Record, happening: Happening) -> Event {
        let now = NOW;
        let budget = self.terms.creates;
        match happening {
            Happening::Apply(key) => Event::Apply {
                key: self.names.key(key).clone(),
                generation: row.generation,
                now,
                terms: ReprovisionTerms {
                    default: self.terms.policy,
                    grace: A_WHILE,
                },
            },
            Happening::Claim(kind) => self.claim(row, kind),
            Happening::Commit(epoch, mark, kind) => Event::Commit {
                fence: fence(epoch),
                issued: self.names.issued(epoch, mark, kind),
            },
            Happening::Retire(epoch) => Event::Retire {
                fence: fence(epoch),
                now,
                budget,
            },
            Happening::Finish(epoch) => Event::Finish {
                fence: fence(epoch),
                bundle_until: now.plus(A_WHILE),
            },
            Happening::Fail(epoch, failure, unused) => Event::Fail {
                fence: fence(epoch),
                failure,
                now,
                unused,
            },
            Happening::Release(epoch, unused) => Event::Release {
                fence: fence(epoch),
                unused,
            },
            Happening::Confirm(kind) => Event::Confirm {
                request: self.names.request(kind).id.clone(),
                now,
            },
            Happening::Expire => Event::Expire { now },
            Happening::Resend => Event::Resend { now },
            Happening::Abandon => Event::Abandon { now },
            Happening::Deactivate(cert) => Event::Deactivate {
                certificate: names::certificate(cert),
                now,
            },
            Happening::Forget(cert) => Event::Forget {
                certificate: names::certificate(cert),
            },
            Happening::Settle(cert) => Event::Settle {
                certificate: names::certificate(cert),
            },
            Happening::Reset => Event::Reset,
            Happening::Revoke => Event::Revoke {
                keep: self.terms.keep,
            },
        }
    }

    fn claim(&self, row: &Record, kind: u8) -> Event {
        let epoch = row.epoch.next();
        Event::Claim {
            request: self.names.request(kind).clone(),
            generation: Generation(names::generation_of(kind).into()),
            lease: Lease {
                epoch,
                owner: names::owner(epoch.0 as u8),
                until: NOW.plus(A_WHILE),
            },
            now: NOW,
            budget: self.terms.creates,
        }
    }
}

/// The token of the holder of the epoch.
pub(crate) fn fence(epoch: u8) -> Fence {
    Fence {
        epoch: Epoch(epoch.into()),
        owner: names::owner(epoch),
    }
}
