//! AWS IoT's certificates, Things and policies, with the real one's rules for deleting.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::time::Duration;

use serde_json::Map;
use serde_json::Value;

use crate::clock;
use crate::wire::Refusal;

/// What the ARN of a certificate begins with.
pub(crate) const ARN: &str = "arn:aws:iot:us-east-1:123456789012:cert/";

/// The most policies that a certificate may have.
const POLICIES_MAX: usize = 10;

/// A certificate as AWS IoT knows it.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) status: String,
    pub(crate) policies: BTreeSet<String>,
    pub(crate) things: BTreeSet<String>,
    /// Milliseconds since 1970.
    pub(crate) created_at: u64,
    /// Its place in the order of creation.
    pub(crate) number: u64,
}

impl Certificate {
    pub(crate) fn active(&self) -> bool {
        self.status == "ACTIVE"
    }
}

/// A certificate as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateView {
    /// The SHA-256 of its DER form, in hexadecimal.
    pub id: String,
    /// Whether it is ACTIVE.
    pub active: bool,
    /// AWS IoT's status: `ACTIVE`, `INACTIVE` or `REVOKED`.
    pub status: String,
    /// The Things that it is attached to.
    pub things: BTreeSet<String>,
    /// The policies attached to it.
    pub policies: BTreeSet<String>,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
}

/// A Thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thing {
    pub(crate) kind: Option<String>,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) groups: BTreeSet<String>,
    certificates: BTreeSet<String>,
}

impl Thing {
    pub(crate) fn new(kind: Option<String>, attributes: Map<String, Value>) -> Self {
        Self {
            kind,
            attributes,
            ..Self::default()
        }
    }
}

/// The account's registry.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    certificates: HashMap<String, Certificate>,
    by_age: BTreeMap<u64, String>,
    pub(crate) things: HashMap<String, Thing>,
    pub(crate) policies: BTreeSet<String>,
    pub(crate) kinds: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    created: u64,
    most_active_of_a_thing: usize,
}

pub(crate) fn not_found(what: &str) -> Refusal {
    let message = format!("{what} does not exist");
    Refusal::new(404, "ResourceNotFoundException", message)
}

/// The id in a certificate's ARN.
pub(crate) fn id_of(arn: &str) -> Result<&str, Refusal> {
    let refuse = || {
        Refusal::new(
            400,
            "InvalidRequestException",
            "not the ARN of a certificate",
        )
    };
    arn.strip_prefix(ARN).ok_or_else(refuse)
}

impl Registry {
    pub(crate) fn register(&mut self, id: &str, pem: String, active: bool) {
        self.created += 1;
        let certificate = Certificate {
            pem,
            status: if active { "ACTIVE" } else { "INACTIVE" }.to_owned(),
            policies: BTreeSet::new(),
            things: BTreeSet::new(),
            created_at: clock::unix_millis(),
            number: self.created,
        };
        self.by_age.insert(self.created, id.to_owned());
        self.certificates.insert(id.to_owned(), certificate);
    }

    pub(crate) fn certificate(&self, id: &str) -> Result<&Certificate, Refusal> {
        self.certificates
            .get(id)
            .ok_or_else(|| not_found("certificate"))
    }

    fn certificate_mut(&mut self, id: &str) -> Result<&mut Certificate, Refusal> {
        let found = self.certificates.get_mut(id);
        found.ok_or_else(|| not_found("certificate"))
    }

    pub(crate) fn set_status(&mut self, id: &str, status: &str) -> Result<(), Refusal> {
        if !["ACTIVE", "INACTIVE", "REVOKED"].contains(&status) {
            return Err(Refusal::new(
                400,
                "InvalidRequestException",
                "not a status to be set",
            ));
        }
        let certificate = self.certificate_mut(id)?;
        status.clone_into(&mut certificate.status);
        let things = certificate.things.clone();
        for thing in &things {
            self.observe(thing);
        }
        Ok(())
    }

    pub(crate) fn attach_policy(&mut self, policy: &str, id: &str) -> Result<(), Refusal> {
        self.policies
            .get(policy)
            .ok_or_else(|| not_found("policy"))?;
        let policies = &mut self.certificate_mut(id)?.policies;
        if policies.len() >= POLICIES_MAX && !policies.contains(policy) {
            return Err(Refusal::new(
                410,
                "LimitExceededException",
                "too many policies",
            ));
        }
        policies.insert(policy.to_owned());
        Ok(())
    }

    pub(crate) fn detach_policy(&mut self, policy: &str, id: &str) -> Result<(), Refusal> {
        self.policies
            .get(policy)
            .ok_or_else(|| not_found("policy"))?;
        self.certificate_mut(id)?.policies.remove(policy);
        Ok(())
    }

    pub(crate) fn attach_thing(&mut self, thing: &str, id: &str) -> Result<(), Refusal> {
        let known = self
            .things
            .get_mut(thing)
            .ok_or_else(|| not_found("thing"))?;
        let certificate = self.certificates.get_mut(id);
        let certificate = certificate.ok_or_else(|| not_found("certificate"))?;
        certificate.things.insert(thing.to_owned());
        known.certificates.insert(id.to_owned());
        self.observe(thing);
        Ok(())
    }

    pub(crate) fn detach_thing(&mut self, thing: &str, id: &str) -> Result<(), Refusal> {
        let known = self
            .things
            .get_mut(thing)
            .ok_or_else(|| not_found("thing"))?;
        known.certificates.remove(id);
        self.certificate_mut(id)?.things.remove(thing);
        Ok(())
    }

    /// Only what is not ACTIVE, and neither attached to a Thing nor to a policy, can be deleted;
    /// `force` takes the policies along.
    pub(crate) fn delete(&mut self, id: &str, force: bool) -> Result<(), Refusal> {
        let certificate = self.certificate(id)?;
        if certificate.active() {
            let message = "The certificate must be deactivated before deletion";
            return Err(Refusal::new(406, "CertificateStateException", message));
        }
        if !certificate.things.is_empty() || !(force || certificate.policies.is_empty()) {
            let message = "Things or policies must be detached before deletion";
            return Err(Refusal::new(409, "DeleteConflictException", message));
        }
        let number = certificate.number;
        self.by_age.remove(&number);
        self.certificates.remove(id);
        Ok(())
    }

    /// Up to `most` certificates by age, those after the one with the number `after`.
    pub(crate) fn by_age(&self, oldest_first: bool, after: Option<u64>, most: usize) -> Vec<&str> {
        if oldest_first {
            let rest = self.by_age.range(after.map_or(0, |number| number + 1)..);
            rest.take(most).map(|(_, id)| id.as_str()).collect()
        } else {
            let rest = self.by_age.range(..after.unwrap_or(u64::MAX)).rev();
            rest.take(most).map(|(_, id)| id.as_str()).collect()
        }
    }

    pub(crate) fn views(&self) -> Vec<CertificateView> {
        let view = |id: &String| {
            let known = self.certificates.get(id)?;
            Some(CertificateView {
                id: id.clone(),
                active: known.active(),
                status: known.status.clone(),
                things: known.things.clone(),
                policies: known.policies.clone(),
                created_at_ms: known.created_at,
            })
        };
        self.by_age.values().filter_map(view).collect()
    }

    pub(crate) fn created(&self) -> u64 {
        self.created
    }

    pub(crate) fn most_active_of_a_thing(&self) -> usize {
        self.most_active_of_a_thing
    }

    pub(crate) fn backdate(&mut self, span: Duration) {
        for certificate in self.certificates.values_mut() {
            certificate.created_at = certificate.created_at.saturating_sub(clock::millis(span));
        }
    }

    /// Notes how many ACTIVE certificates a Thing has now.
    fn observe(&mut self, thing: &str) {
        let attached = self
            .things
            .get(thing)
            .into_iter()
            .flat_map(|thing| &thing.certificates);
        let known = attached.filter_map(|id| self.certificates.get(id));
        let active = known.filter(|known| known.active()).count();
        self.most_active_of_a_thing = self.most_active_of_a_thing.max(active);
    }
}
