//! AWS IoT in memory: a real CA, a new certificate for each call, the delete rules of the real one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use cvm_shared::bundle::digest;
use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::Listed;
use cvm_shared::ports::NewCertificate;
use cvm_shared::ports::Page;
use cvm_shared::ports::Removal;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;
use cvm_shared::reprovision::Disuse;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::time::UnixMillis;
use rcgen::CertificateParams;
use rcgen::CertificateSigningRequestParams;
use rcgen::DistinguishedName;
use rcgen::DnType;
use rcgen::KeyPair;

use crate::sample::GROUP;
use crate::time::HandClock;

/// A certificate as AWS IoT knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// Whether it is ACTIVE.
    pub active: bool,
    /// Whether it is REVOKED.
    pub revoked: bool,
    /// The policies attached to it.
    pub policies: BTreeSet<String>,
    /// The Things attached to it.
    pub things: BTreeSet<String>,
    /// When it was created.
    pub created_at: UnixMillis,
    /// The certificate in PEM form.
    pub pem: String,
}

#[derive(Debug, Default)]
struct Inside {
    certificates: BTreeMap<CertificateId, Registered>,
    /// Each Thing with the groups that it is in.
    things: BTreeMap<String, BTreeSet<String>>,
    policies: BTreeSet<String>,
    created: u64,
    most_active_of_a_thing: usize,
}

/// AWS IoT. Clones share the account.
#[derive(Clone, Debug)]
pub struct MemoryIssuer {
    inside: Arc<Mutex<Inside>>,
    clock: HandClock,
}

impl MemoryIssuer {
    /// An account that has these policies, and the samples' group of Things.
    pub fn new(policies: &[&str], clock: HandClock) -> Self {
        let inside = Inside {
            policies: policies.iter().map(|name| (*name).to_owned()).collect(),
            ..Inside::default()
        };
        Self {
            inside: Arc::new(Mutex::new(inside)),
            clock,
        }
    }

    /// All certificates.
    pub fn certificates(&self) -> BTreeMap<CertificateId, Registered> {
        self.inside.lock().unwrap().certificates.clone()
    }

    /// How many certificates were ever created.
    pub fn created(&self) -> u64 {
        self.inside.lock().unwrap().created
    }

    /// How many certificates are ACTIVE.
    pub fn active(&self) -> usize {
        self.certificates()
            .values()
            .filter(|known| known.active)
            .count()
    }

    /// The most ACTIVE certificates that any Thing ever had at once.
    pub fn most_active_of_a_thing(&self) -> usize {
        self.inside.lock().unwrap().most_active_of_a_thing
    }

    /// Adds a policy, as an operator would.
    pub fn add_policy(&self, name: &str) {
        self.inside.lock().unwrap().policies.insert(name.to_owned());
    }

    /// Makes a Thing in the samples' group, as an operator would.
    pub fn add_thing(&self, name: &str) {
        let groups = BTreeSet::from([GROUP.to_owned()]);
        let mut inside = self.inside.lock().unwrap();
        inside.things.insert(name.to_owned(), groups);
    }

    /// Whether the certificate has what the row says: its Thing, and the policy itself or by that
    /// Thing's group.
    pub fn is_bound(&self, certificate: &Registered, binding: &Binding) -> bool {
        let thing = binding.thing.as_str();
        let may = match &binding.policy {
            PolicyFrom::Certificate(name) => certificate.policies.contains(name.as_str()),
            PolicyFrom::Group => self.is_in_group(thing) && certificate.policies.is_empty(),
        };
        may && certificate.things.contains(thing)
    }

    fn is_in_group(&self, thing: &str) -> bool {
        let inside = self.inside.lock().unwrap();
        let groups = inside.things.get(thing);
        groups.is_some_and(|groups| groups.contains(GROUP))
    }

    /// Loses a certificate, as a careless operator would.
    pub fn lose(&self, id: &CertificateId) {
        self.inside.lock().unwrap().certificates.remove(id);
    }

    fn register(&self, pem: String, der: &[u8]) -> NewCertificate {
        let id = CertificateId::parse(digest(der)).unwrap();
        let created_at = self.clock.now();
        let mut inside = self.inside.lock().unwrap();
        inside.created += 1;
        let registered = Registered {
            created_at,
            pem: pem.clone(),
            ..Registered::default()
        };
        inside.certificates.insert(id.clone(), registered);
        let arn = format!("arn:aws:iot:eu-west-1:123456789012:cert/{id}");
        NewCertificate {
            names: CertificateRef { id, arn },
            pem,
        }
    }

    /// Another serial number for each certificate, so that the same request gives another one.
    fn serial_number(&self) -> rcgen::SerialNumber {
        (self.created() + 1).into()
    }
}

impl Inside {
    fn certificate(&mut self, id: &CertificateId) -> Result<&mut Registered, Failure> {
        self.certificates
            .get_mut(id)
            .ok_or(Failure::CertificateGone)
    }

    /// Notes how many ACTIVE certificates each Thing has now.
    fn observe(&mut self) {
        let active = || self.certificates.values().filter(|known| known.active);
        let count = |thing: &String| {
            active()
                .filter(|known| known.things.contains(thing))
                .count()
        };
        let most = self.things.keys().map(count).max().unwrap_or_default();
        self.most_active_of_a_thing = self.most_active_of_a_thing.max(most);
    }
}

impl Issuer for MemoryIssuer {
    async fn create_from_csr(&self, csr: &Csr) -> Result<NewCertificate, Failure> {
        let mut request = CertificateSigningRequestParams::from_pem(csr.pem())
            .map_err(|_| Failure::CsrRefused)?;
        request.params.serial_number = Some(self.serial_number());
        let signed = request.signed_by(authority()).unwrap();
        Ok(self.register(signed.pem(), signed.der()))
    }

    async fn create_with_keys(&self) -> Result<(NewCertificate, PrivateKeyPem), Failure> {
        let key = rsa_key();
        let mut params = CertificateParams::default();
        params.serial_number = Some(self.serial_number());
        params.distinguished_name = DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "AWS IoT Certificate");
        let signed = params.signed_by(key, authority()).unwrap();
        let made = self.register(signed.pem(), signed.der());
        Ok((made, PrivateKeyPem::new(key.serialize_pem())))
    }

    async fn ensure_thing(&self, binding: &Binding) -> Result<(), Failure> {
        let mut inside = self.inside.lock().unwrap();
        let groups = inside.things.entry(binding.thing.to_string()).or_default();
        match &binding.thing_group {
            None => Ok(()),
            Some(group) if group.as_str() == GROUP => {
                groups.insert(GROUP.to_owned());
                Ok(())
            }
            Some(_) => Err(Failure::ThingConfigMissing),
        }
    }

    /// The policy is attached whatever becomes of the Thing: AWS IoT is asked for both at once.
    async fn attach(&self, issued: &Issued, binding: &Binding) -> Result<(), Failure> {
        let mut inside = self.inside.lock().unwrap();
        let there = inside.things.contains_key(binding.thing.as_str());
        let policy = binding.policy.name().map(ToString::to_string);
        let known = policy.iter().all(|name| inside.policies.contains(name));
        let certificate = inside.certificate(&issued.certificate_id)?;
        if !known {
            return Err(Failure::PolicyMissing);
        }
        certificate.policies.extend(policy);
        if !there {
            return Err(thing_missing(binding));
        }
        certificate.things.insert(binding.thing.to_string());
        inside.observe();
        Ok(())
    }

    async fn activate(&self, certificate: &CertificateId) -> Result<(), Failure> {
        let mut inside = self.inside.lock().unwrap();
        let known = inside.certificate(certificate)?;
        (known.active, known.revoked) = (true, false);
        inside.observe();
        Ok(())
    }

    async fn put_out_of_use(
        &self,
        certificate: &CertificateId,
        disuse: Disuse,
    ) -> Result<(), Failure> {
        let mut inside = self.inside.lock().unwrap();
        if let Ok(known) = inside.certificate(certificate) {
            (known.active, known.revoked) = (false, disuse == Disuse::Revoked);
        }
        Ok(())
    }

    async fn retire(&self, certificate: &CertificateRef, _: &Binding) -> Result<(), Failure> {
        self.lose(&certificate.id);
        Ok(())
    }

    async fn endpoint(&self) -> Result<String, Failure> {
        Ok("x-ats.iot.eu-west-1.test".to_owned())
    }
}

impl Inventory for MemoryIssuer {
    async fn page(&self, after: Option<String>) -> Result<Page, Failure> {
        const SIZE: usize = 25;
        let first: usize = after.map_or(0, |marker| marker.parse().unwrap());
        let mut all: Vec<_> = self.certificates().into_iter().collect();
        all.sort_by_key(|(id, known)| (Reverse(known.created_at), id.clone()));
        let more = all.len() > first + SIZE;
        let listed = |(id, known): (CertificateId, Registered)| Listed {
            id,
            inactive: !known.active && !known.revoked,
            created_at: known.created_at,
        };
        Ok(Page {
            certificates: all.into_iter().skip(first).take(SIZE).map(listed).collect(),
            next: more.then(|| (first + SIZE).to_string()),
        })
    }

    async fn pem(&self, certificate: &CertificateId) -> Result<Option<String>, Failure> {
        let inside = self.inside.lock().unwrap();
        let known = inside.certificates.get(certificate);
        Ok(known.map(|known| known.pem.clone()))
    }

    async fn remove_unused(&self, certificate: &CertificateId) -> Result<Removal, Failure> {
        let mut inside = self.inside.lock().unwrap();
        let used = |known: &Registered| {
            known.active || !known.policies.is_empty() || !known.things.is_empty()
        };
        if inside.certificates.get(certificate).is_some_and(used) {
            return Ok(Removal::InUse);
        }
        inside.certificates.remove(certificate);
        Ok(Removal::Gone)
    }
}

fn thing_missing(binding: &Binding) -> Failure {
    if !binding.worker_may_make_thing() {
        return Failure::ThingConfigMissing;
    }
    Failure::Unavailable {
        service: "iot",
        detail: "Thing not visible yet".to_owned(),
    }
}

/// The CA, made once.
fn authority() -> &'static rcgen::Issuer<'static, KeyPair> {
    static AUTHORITY: OnceLock<rcgen::Issuer<'static, KeyPair>> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        rcgen::Issuer::new(params, KeyPair::generate().unwrap())
    })
}

/// One RSA key for all keys-mode certificates: making them is slow, and no test looks for two.
fn rsa_key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}
