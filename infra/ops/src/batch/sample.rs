//! Rows in every state, for tests.

use cvm_shared::csr::Csr;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::Owner;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Lease;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::verifier::Verifier;

pub(super) const NOW: UnixMillis = UnixMillis(1_709_251_200_000);

/// The device `SN-1`, registered.
pub(super) fn device() -> Record {
    let serial = SerialNumber::parse("SN-1").unwrap();
    let token = DeviceToken::parse("hunter2-hunter2-hunter2").unwrap();
    let binding = Binding {
        thing: ThingName::parse("SN-1").unwrap(),
        thing_made: false,
        policy: PolicyFrom::Certificate(PolicyName::parse("fleet").unwrap()),
        thing_type: None,
        thing_group: None,
        attributes: Attributes::default(),
    };
    Record::registered(serial.clone(), Verifier::derive(&serial, &token), binding)
}

/// A key of the device's own.
pub(super) fn own_key() -> KeySource {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    KeySource::Device(Csr::parse(&pem).unwrap())
}

/// The device with this state.
pub(super) fn in_state(state: State) -> Record {
    Record {
        state,
        requested_at: Some(NOW),
        ..device()
    }
}

/// What the device asks for that wants a key from there.
pub(super) fn request(key: &KeySource) -> Request {
    let device = device();
    Request::new(&device.serial, device.generation, key.clone())
}

pub(super) fn requested(key: &KeySource) -> Record {
    in_state(State::Requested {
        request: request(key),
        issued: None,
    })
}

pub(super) fn issuing(key: &KeySource) -> Record {
    in_state(State::Issuing {
        request: request(key),
        lease: Lease {
            epoch: Epoch(1),
            owner: Owner::from_random([9; 16]),
            until: NOW,
        },
        issued: None,
    })
}

pub(super) fn vended(key: &KeySource, delivery: Delivery) -> Record {
    in_state(State::Vended {
        request: request(key).id,
        issued: issued(),
        delivery,
    })
}

pub(super) fn failed(
    key: &KeySource,
    failure: FailureCode,
    retry_at: Option<UnixMillis>,
) -> Record {
    in_state(State::Failed {
        request: request(key).id,
        issued: None,
        failure,
        failed_at: NOW,
        retry_at,
    })
}

pub(super) fn issued() -> Issued {
    Issued {
        certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
        certificate_arn: "arn:aws:iot:eu-west-1:1:cert/a".to_owned(),
        endpoint: "host".to_owned(),
        bundle: BundleRef {
            key: BundleKey::parse("b/x").unwrap(),
            sha256: "b".repeat(64),
        },
    }
}
