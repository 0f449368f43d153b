//! The few names of a small world, and the numbers that stand for them.
//!
//! Time stands still at [`NOW`]. What passes is told of each deadline by itself: it is ahead, or it
//! is over ([`crate::timer::Timer`]). So every order in which deadlines can pass is explored, also
//! those that only a wrong clock makes.

use std::time::Duration;

use cvm_shared::csr::Csr;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::Owner;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::time::UnixMillis;
use cvm_shared::verifier::Verifier;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// The one moment at which everything happens: noon of some day.
pub const NOW: UnixMillis = UnixMillis(20_000 * DAY_MILLIS + DAY_MILLIS / 2);
/// Long before [`NOW`]: whoever waits since then waits too long.
pub const LONG_AGO: UnixMillis = UnixMillis(NOW.0 - 6 * 60 * 60 * 1000);
/// How long anything lasts (leases, graces, bundles): it ends after [`NOW`].
pub const A_WHILE: Duration = Duration::from_hours(1);
/// The day before today.
pub const YESTERDAY: u64 = NOW.0 / DAY_MILLIS - 1;

/// How many generations have names.
pub const GENERATIONS: u8 = 4;
/// How many kinds of orders there are: one for each generation and key.
pub const KINDS: usize = GENERATIONS as usize * 2;
/// Stands for "no request".
pub const NO_KIND: u8 = u8::MAX;

/// A certificate and the place of its bundle, which has the number of the certificate that it was made
/// for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The certificate, counted in the order of creation.
    pub cert: u8,
    /// The place of its bundle.
    pub bundle: u8,
}

/// The device and everything that it may ask for.
#[derive(Clone, Debug)]
pub struct Names {
    keys: [KeySource; 2],
    requests: Vec<Request>,
    device: Record,
}

impl Names {
    /// A device with two keys of its own, or one whose first key AWS IoT makes.
    pub fn new(keys_mode: bool) -> Self {
        let first = if keys_mode {
            KeySource::Service
        } else {
            KeySource::Device(csr())
        };
        let keys = [first, KeySource::Device(csr())];
        let device = device();
        let requests = (0..KINDS).map(|kind| {
            let generation = Generation(kind as u32 / 2 + 1);
            Request::new(&device.serial, generation, keys[kind % 2].clone())
        });
        Self {
            requests: requests.collect(),
            keys: keys.clone(),
            device,
        }
    }

    /// The device's row as it is imported.
    pub fn device(&self) -> &Record {
        &self.device
    }

    /// The device's first or second key.
    pub fn key(&self, key: u8) -> &KeySource {
        &self.keys[usize::from(key)]
    }

    /// The request of this kind.
    pub fn request(&self, kind: u8) -> &Request {
        &self.requests[usize::from(kind)]
    }

    /// The kind of the request with this id; [`NO_KIND`] for none that has a name.
    pub fn kind(&self, id: &cvm_shared::ids::RequestId) -> u8 {
        let found = self.requests.iter().position(|request| request.id == *id);
        found.map_or(NO_KIND, |kind| kind as u8)
    }

    /// What the holder of the epoch commits.
    pub fn issued(&self, epoch: u8, mark: Mark, kind: u8) -> Issued {
        let request = &self.request(kind).id;
        Issued {
            certificate_arn: String::new(),
            certificate_id: certificate(mark.cert),
            endpoint: String::new(),
            bundle: BundleRef {
                key: BundleKey::of(request, &owner(epoch), &certificate(mark.bundle)),
                sha256: String::new(),
            },
        }
    }
}

/// The generation of a kind of order.
pub fn generation_of(kind: u8) -> u8 {
    kind / 2 + 1
}

/// The kind of order for this key in this generation, if it has a name.
pub fn kind_of(generation: u8, key: u8) -> Option<u8> {
    (generation <= GENERATIONS).then(|| (generation - 1) * 2 + key)
}

/// The holder of an epoch. Real owners are random and differ even between rivals for one epoch; only
/// one of these wins the epoch, so its number tells winners apart.
pub fn owner(epoch: u8) -> Owner {
    Owner::from_random([epoch; 16])
}

/// The certificate's id.
pub fn certificate(cert: u8) -> CertificateId {
    CertificateId::parse(format!("{cert:02x}").repeat(32)).unwrap()
}

/// The numbers of what is written in a row.
pub fn mark_of(issued: &Issued) -> Mark {
    Mark {
        cert: last_byte(issued.certificate_id.as_str()),
        bundle: bundle_of(&issued.bundle.key),
    }
}

/// The number of a bundle.
pub fn bundle_of(key: &BundleKey) -> u8 {
    last_byte(key.as_str())
}

/// The number of a certificate.
pub fn cert_of(id: &CertificateId) -> u8 {
    last_byte(id.as_str())
}

fn last_byte(hex: &str) -> u8 {
    u8::from_str_radix(&hex[hex.len() - 2..], 16).unwrap()
}

fn csr() -> Csr {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    let request = params.serialize_request(&key).unwrap();
    Csr::parse(&request.pem().unwrap()).unwrap()
}

fn device() -> Record {
    let serial = SerialNumber::parse("SN-1").unwrap();
    let verifier = Verifier::dummy(&[7; 32], &serial);
    let binding = Binding {
        thing: ThingName::parse("SN-1").unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("device-policy").unwrap()),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    Record::registered(serial, verifier, binding)
}
