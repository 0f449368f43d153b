//! A row on its way into the table, with its secret until the table has answered.

use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Binding;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::verifier::Salt;
use cvm_shared::verifier::Verifier;

use crate::import::columns::ATTRIBUTES;
use crate::import::columns::AUTH;
use crate::import::columns::POLICY_FROM;
use crate::import::columns::POLICY_NAME;
use crate::import::columns::SECRET;
use crate::import::columns::THING_GROUP;
use crate::import::columns::THING_MADE;
use crate::import::columns::THING_NAME;
use crate::import::columns::THING_TYPE;
use crate::import::login::Auth;

/// All that a sound row says; its secret is still to become a verifier.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) serial: SerialNumber,
    pub(crate) token: DeviceToken,
    /// There if the secret must be stretched.
    pub(crate) salt: Option<Salt>,
    pub(crate) auth: Auth,
    pub(crate) binding: Binding,
}

impl Draft {
    /// Whether [`Draft::offer`] takes its time.
    pub(crate) fn is_slow(&self) -> bool {
        self.salt.is_some()
    }

    /// The record that is to be added.
    pub(crate) fn offer(self) -> Offer {
        let verifier = match self.salt {
            Some(salt) => Verifier::derive_slowly(&self.serial, &self.token, salt),
            None => Verifier::derive(&self.serial, &self.token),
        };
        let mut record = Record::registered(self.serial, verifier, self.binding);
        record.proof_only = self.auth == Auth::Proof;
        Offer {
            record,
            token: self.token,
        }
    }
}

/// A record that is to be added. Two verifiers of one stretched secret differ by their salts, so only
/// the secret tells whether it is the stored one.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) record: Record,
    token: DeviceToken,
}

impl Offer {
    /// The columns in which the table's record differs, of those that an import sets.
    pub(crate) fn differs(&self, stored: &Record) -> Vec<&'static str> {
        let (new, old) = (&self.record.binding, &stored.binding);
        let pairs = [
            (SECRET, self.is_opened(stored)),
            (THING_NAME, new.thing == old.thing),
            (POLICY_NAME, new.policy.name() == old.policy.name()),
            (POLICY_FROM, new.policy.is_like(&old.policy)),
            (THING_MADE, new.thing_made == old.thing_made),
            (THING_TYPE, new.thing_type == old.thing_type),
            (THING_GROUP, new.thing_group == old.thing_group),
            (ATTRIBUTES, new.attributes == old.attributes),
            (AUTH, self.record.proof_only == stored.proof_only),
        ];
        let differing = pairs.into_iter().filter(|(_, same)| !same);
        differing.map(|(column, _)| column).collect()
    }

    /// Whether the row's secret is the stored one. Slow where that is stretched.
    fn is_opened(&self, stored: &Record) -> bool {
        if stored.verifier.is_stretched() {
            stored.verifier.accepts_slowly(&stored.serial, &self.token)
        } else {
            stored.verifier.accepts(&stored.serial, &self.token)
        }
    }
}

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
