//! A bundle as its device finds it: whether it is what was asked for.

use cvm_shared::api::BundleLink;
use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::NewCertificate;
use cvm_shared::request::KeySource;
use cvm_worker::verify::verify;

use crate::fleet;
use crate::scenario::DevicePlan;

/// What is wrong with a fetched bundle, if anything is.
pub fn looks_right(
    plan: &DevicePlan,
    asked_key: usize,
    bytes: &[u8],
    link: &BundleLink,
    certificate: &CertificateId,
) -> Result<(), &'static str> {
    if digest(bytes) != link.sha256 {
        return Err("with another digest");
    }
    let bundle = Bundle::decode(bytes).map_err(|_| "that cannot be read")?;
    if bundle.serial != fleet::serial(plan.number) || bundle.certificate_id != *certificate {
        return Err("for somebody else");
    }
    if !plan.own_key {
        let key = bundle.private_key.ok_or("without its key")?;
        let found = key.expose().contains("PRIVATE KEY");
        return found.then_some(()).ok_or("with a broken key");
    }
    let made = NewCertificate {
        names: CertificateRef {
            id: certificate.clone(),
            arn: String::new(),
        },
        pem: bundle.certificate_pem,
    };
    let own = fleet::request(plan.number, asked_key).1.clone();
    verify(&made, &KeySource::Device(own), None).map_err(|_| "for another key")
}
