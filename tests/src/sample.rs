//! Devices with boring values.

use cvm_shared::csr::Csr;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingGroupName;
use cvm_shared::ids::ThingName;
use cvm_shared::ports::CertificateRef;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::verifier::Verifier;

/// The policy of every sample.
pub const POLICY: &str = "device-policy";

/// The group of Things that has the sample policy.
pub const GROUP: &str = "device-group";

/// The token of every sample.
pub const TOKEN: &str = "correct-horse-battery";

/// A serial number.
pub fn serial(text: &str) -> SerialNumber {
    SerialNumber::parse(text).unwrap()
}

/// This policy, attached to the certificate.
pub fn policy(name: &str) -> PolicyFrom {
    PolicyFrom::Certificate(PolicyName::parse(name).unwrap())
}

/// How much of a device's binding its row leaves to the operator, truly or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    /// Nothing: the worker makes the Thing and attaches the policy.
    No,
    /// The Thing is there already.
    Thing,
    /// The row says so, and it is not.
    NoThing,
    /// The policy comes from the group that the worker puts the Thing into.
    Group,
    /// The Thing is there already, in the group that its policy comes from.
    Both,
    /// The row says so, and it is not.
    NeitherOfBoth,
    /// The Thing is there already, in a group that only the operator knows.
    Operators,
}

impl Lean {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::No,
        Self::Thing,
        Self::NoThing,
        Self::Group,
        Self::Both,
        Self::NeitherOfBoth,
        Self::Operators,
    ];

    /// Writes it into the device's row.
    pub fn bind(self, device: &mut Record) {
        let binding = &mut device.binding;
        binding.thing_made = !matches!(self, Self::No | Self::Group);
        if matches!(self, Self::Group | Self::Both | Self::NeitherOfBoth) {
            binding.thing_group = Some(ThingGroupName::parse(GROUP).unwrap());
        }
        if !matches!(self, Self::No | Self::Thing | Self::NoThing) {
            binding.policy = PolicyFrom::Group;
        }
    }

    /// Whether the operator has made the Thing.
    pub fn has_thing(self) -> bool {
        matches!(self, Self::Thing | Self::Both | Self::Operators)
    }
}

/// A registered device whose Thing is named after it.
pub fn device(text: &str) -> Record {
    let token = DeviceToken::parse(TOKEN).unwrap();
    let binding = Binding {
        thing: ThingName::parse(text).unwrap(),
        thing_made: false,
        policy: policy(POLICY),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    Record::registered(
        serial(text),
        Verifier::derive(&serial(text), &token),
        binding,
    )
}

/// The PEM text of a signing request of `SN-1` for a fresh P-256 key.
pub fn csr_pem() -> String {
    csr_pem_of("SN-1")
}

/// The PEM text of a signing request of this device for a fresh P-256 key.
pub fn csr_pem_of(serial: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = &mut params.distinguished_name;
    name.push(rcgen::DnType::CommonName, serial);
    params.serialize_request(&key).unwrap().pem().unwrap()
}

/// What a row says of a certificate with these names.
pub fn issued(names: &CertificateRef) -> Issued {
    Issued {
        certificate_id: names.id.clone(),
        certificate_arn: names.arn.clone(),
        endpoint: "x-ats.iot.test".to_owned(),
        bundle: BundleRef {
            key: BundleKey::parse("b/sample").unwrap(),
            sha256: "0".repeat(64),
        },
    }
}

/// A signing request for a fresh P-256 key.
pub fn csr() -> Csr {
    Csr::parse(&csr_pem()).unwrap()
}
