//! A bundle as its device finds it: whether it is what was asked for.

use cvm_shared::api::BundleLink;
use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::NewCertificate;
use cvm_shared::request::KeySource;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::open;
use cvm_testkit::proofs::prover;
use cvm_worker::verify::verify;
use zeroize::Zeroizing;

use crate::fleet;
use crate::scenario::DevicePlan;

/// What is wrong with a fetched bundle, if anything is.
pub fn looks_right(
    plan: &DevicePlan,
    asked_key: usize,
    bytes: &[u8],
    request: &RequestId,
    link: &BundleLink,
    certificate: &CertificateId,
) -> Result<(), &'static str> {
    if digest(bytes) != link.sha256 {
        return Err("with another digest");
    }
    let opened = if plan.own_key {
        Zeroizing::new(bytes.to_vec())
    } else {
        opened(plan, bytes, request, certificate)?
    };
    let bundle = Bundle::decode(&opened).map_err(|_| "that cannot be read")?;
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

/// A bundle with a private key is sealed, and its device can open it.
fn opened(
    plan: &DevicePlan,
    bytes: &[u8],
    request: &RequestId,
    certificate: &CertificateId,
) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let serial = fleet::serial(plan.number);
    let names = SealedFor {
        serial: &serial,
        request,
        certificate,
    };
    let prover = prover(serial.as_str());
    open(prover.server_key(), &names, bytes).map_err(|_| "that is not sealed for it")
}
