//! The device record: one row of the table, as the program sees it.

use std::collections::BTreeMap;

use crate::ids::AttributeName;
use crate::ids::AttributeValue;
use crate::ids::BundleKey;
use crate::ids::CertificateId;
use crate::ids::Malformed;
use crate::ids::PolicyName;
use crate::ids::SerialNumber;
use crate::ids::ThingGroupName;
use crate::ids::ThingName;
use crate::ids::ThingTypeName;
use crate::lease::Epoch;
use crate::reprovision::Creates;
use crate::reprovision::Reprovision;
use crate::reprovision::Superseded;
use crate::request::Generation;
use crate::state::State;
use crate::time::UnixMillis;
use crate::trail::Trail;
use crate::verifier::Verifier;

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The device (`productid`).
    pub serial: SerialNumber,
    /// What its secret is checked against (`accessToken`).
    pub verifier: Verifier,
    /// Its secret may not be sent, only proven: a plain token is refused like a wrong one.
    pub proof_only: bool,
    /// What its certificate is bound to.
    pub binding: Binding,
    /// How often it was provisioned anew.
    pub generation: Generation,
    /// How often its row was claimed by a worker; only grows.
    pub epoch: Epoch,
    /// How often its row was written; the condition of every write.
    pub revision: u64,
    /// When its certificate was asked for (`timestamp`).
    pub requested_at: Option<UnixMillis>,
    /// What it may have by asking again; `None`: what the stack says.
    pub reprovision: Option<Reprovision>,
    /// How many certificates were created for it today.
    pub creates: Creates,
    /// How often its order was sent again.
    pub resent: Resent,
    /// Its former certificates that still exist.
    pub superseded: Vec<Superseded>,
    /// Where it stands (`applyState` and what belongs to it).
    pub state: State,
    /// Who changed it last, and a hash over all changes; `None` before the first change that left one.
    pub trail: Option<Trail>,
}

/// How often the janitor sent an order again, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resent {
    /// How often.
    pub count: u32,
    /// When last.
    pub at: UnixMillis,
}

impl Record {
    /// A device as it is first imported.
    pub fn registered(serial: SerialNumber, verifier: Verifier, binding: Binding) -> Self {
        Self {
            serial,
            verifier,
            proof_only: false,
            binding,
            generation: Generation::FIRST,
            epoch: Epoch::default(),
            revision: 1,
            requested_at: None,
            reprovision: None,
            creates: Creates::default(),
            resent: Resent::default(),
            superseded: Vec::new(),
            state: State::Registered,
            trail: None,
        }
    }

    /// Whether the row names this certificate, as the device's own or as a former one.
    pub fn names(&self, certificate: &CertificateId) -> bool {
        let own = self.state.issued().into_iter();
        let former = self.superseded.iter().map(|old| &old.issued);
        own.chain(former)
            .any(|issued| issued.certificate_id == *certificate)
    }
}

/// The Thing and the policy that a device's certificate is bound to. It comes from the table alone,
/// never from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The Thing; created by the worker if it is missing.
    pub thing: ThingName,
    /// Whether the operator says that the Thing is there already, in its groups: the worker then
    /// creates it only if AWS IoT does not know it.
    pub thing_made: bool,
    /// Where its rights come from.
    pub policy: PolicyFrom,
    /// The type of a Thing that the worker creates.
    pub thing_type: Option<ThingTypeName>,
    /// The group that the Thing is put into.
    pub thing_group: Option<ThingGroupName>,
    /// The attributes of a Thing that the worker creates.
    pub attributes: Attributes,
}

impl Binding {
    /// Whether the worker may create the Thing. Not one whose group gives it its rights and is known
    /// to the operator alone: it would be in no group, and its certificate good for nothing.
    pub fn worker_may_make_thing(&self) -> bool {
        self.policy != PolicyFrom::Group || self.thing_group.is_some()
    }

    /// Whether its rights come from a group that nobody puts the Thing into.
    pub fn lacks_group(&self) -> bool {
        !self.thing_made && !self.worker_may_make_thing()
    }
}

/// Where a device's rights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFrom {
    /// From this policy, which the operator made and the worker attaches to the certificate.
    Certificate(PolicyName),
    /// From the policies that the operator attached to a group of the Thing; nothing is attached to the
    /// certificate. They hold only where the client id is the Thing's name.
    Group,
}

impl PolicyFrom {
    /// The policy that is attached to the certificate.
    pub fn name(&self) -> Option<&PolicyName> {
        match self {
            Self::Certificate(name) => Some(name),
            Self::Group => None,
        }
    }

    /// Whether two are of one kind, whatever the policy is called.
    pub fn is_like(&self, other: &Self) -> bool {
        self.name().is_some() == other.name().is_some()
    }
}

/// Thing attributes: at most 3, or 50 on a Thing with a type (AWS IoT quotas).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<AttributeName, AttributeValue>);

impl Attributes {
    /// Takes the attributes of a Thing with or without a type.
    pub fn new(
        map: BTreeMap<AttributeName, AttributeValue>,
        typed: bool,
    ) -> Result<Self, Malformed> {
        let most = if typed { 50 } else { 3 };
        if map.len() > most {
            let rule = format!("may be at most {most} (50 with a Thing type, 3 without)");
            return Err(Malformed::new("attributes", rule));
        }
        Ok(Self(map))
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &AttributeValue)> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A certificate that was committed to the row, and the bundle that was staged before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issued {
    /// The certificate (`certID`).
    pub certificate_id: CertificateId,
    /// Its ARN, as AWS IoT gave it: no partition is ever guessed.
    pub certificate_arn: String,
    /// The AWS IoT data endpoint (host name) that the device connects to.
    pub endpoint: String,
    /// The bundle that the device fetches.
    pub bundle: BundleRef,
}

/// A staged bundle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BundleRef {
    /// Where it lies in the vault.
    pub key: BundleKey,
    /// SHA-256 of its bytes in lower-case hex.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_made_only_into_the_group_that_gives_it_its_rights() {
        let group = || Some(ThingGroupName::parse("fleet").unwrap());
        let own = || PolicyFrom::Certificate(PolicyName::parse("policy").unwrap());
        for (policy, thing_group, thing_made, may_make, lacks) in [
            (own(), None, false, true, false),
            (own(), None, true, true, false),
            (PolicyFrom::Group, group(), false, true, false),
            (PolicyFrom::Group, group(), true, true, false),
            (PolicyFrom::Group, None, true, false, false),
            (PolicyFrom::Group, None, false, false, true),
        ] {
            let binding = Binding {
                thing: ThingName::parse("thing").unwrap(),
                thing_made,
                policy,
                thing_type: None,
                thing_group,
                attributes: Attributes::default(),
            };
            let found = (binding.worker_may_make_thing(), binding.lacks_group());
            assert_eq!(found, (may_make, lacks), "{binding:?}");
        }
    }

    #[test]
    fn attributes_are_counted_as_aws_iot_counts_them() {
        let four: BTreeMap<_, _> = (0..4)
            .map(|i| {
                (
                    AttributeName::parse(format!("n{i}")).unwrap(),
                    AttributeValue::parse("v").unwrap(),
                )
            })
            .collect();
        assert!(Attributes::new(four.clone(), true).is_ok());
        assert!(Attributes::new(four, false).is_err());
    }
}
