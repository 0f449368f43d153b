//! Devices with boring values.

use cvm_shared::csr::Csr;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::ports::CertificateRef;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::verifier::Verifier;

/// The policy of every sample.
pub const POLICY: &str = "device-policy";

/// The token of every sample.
pub const TOKEN: &str = "correct-horse-battery";

/// A serial number.
pub fn serial(text: &str) -> SerialNumber {
    SerialNumber::parse(text).unwrap()
}

/// A registered device whose Thing is named after it.
pub fn device(text: &str) -> Record {
    let token = DeviceToken::parse(TOKEN).unwrap();
    let binding = Binding {
        thing: ThingName::parse(text).unwrap(),
        policy: PolicyName::parse(POLICY).unwrap(),
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
