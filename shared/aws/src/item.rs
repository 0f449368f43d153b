//! A record as a DynamoDB item and back. Strict: what cannot be understood is named, never guessed.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::AttributeName;
use cvm_shared::ids::AttributeValue as ThingAttributeValue;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::Owner;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingGroupName;
use cvm_shared::ids::ThingName;
use cvm_shared::ids::ThingTypeName;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Lease;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::verifier::Verifier;

use crate::columns::Item;
use crate::columns::Reader;
use crate::columns::Writer;
use crate::columns::corrupt;
use crate::item_care::read_care;
use crate::item_care::write_care;
use crate::item_trail::read_trail;
use crate::item_trail::write_trail;

/// The table's partition key.
pub const KEY: &str = "productid";
/// How the device may log in; a row without it takes tokens and proofs.
const AUTH: &str = "auth";
const PROOF: &str = "proof";

/// The item that stands for this record.
pub fn to_item(record: &Record) -> Item {
    let mut item = Writer::default();
    item.text(KEY, record.serial.as_str());
    item.text("accessToken", &record.verifier.to_text());
    if record.proof_only {
        item.text(AUTH, PROOF);
    }
    item.number("applyState", record.state.apply_state());
    item.number("generation", record.generation.0);
    item.number("epoch", record.epoch.0);
    item.number("revision", record.revision);
    if let Some(at) = record.requested_at {
        item.number("timestamp", at.0);
    }
    write_binding(&mut item, &record.binding);
    write_state(&mut item, &record.state);
    write_care(&mut item, record);
    write_trail(&mut item, record.trail.as_ref());
    item.0
}

/// Reads an item of the table.
pub fn from_item(item: &Item) -> Result<Record, Failure> {
    let item = Reader(item);
    let care = read_care(&item)?;
    Ok(Record {
        serial: item.id(KEY, SerialNumber::parse)?,
        verifier: Verifier::parse(item.text("accessToken")?).map_err(|_| corrupt("accessToken"))?,
        proof_only: read_auth(&item)?,
        binding: read_binding(&item)?,
        generation: Generation(item.number("generation")?),
        epoch: Epoch(item.number("epoch")?),
        revision: item.number("revision")?,
        requested_at: item.optional_number("timestamp")?.map(UnixMillis),
        reprovision: care.reprovision,
        creates: care.creates,
        resent: care.resent,
        superseded: care.superseded,
        state: read_state(&item)?,
        trail: read_trail(&item)?,
    })
}

/// Whether the device is bound to proofs. A word that this version does not know binds it more, not
/// less: it admits nobody.
fn read_auth(item: &Reader<'_>) -> Result<bool, Failure> {
    match item.optional_text(AUTH)? {
        None => Ok(false),
        Some(PROOF) => Ok(true),
        Some(_) => Err(corrupt(AUTH)),
    }
}

fn write_binding(item: &mut Writer, binding: &Binding) {
    item.text("thingName", binding.thing.as_str());
    item.text("policyName", binding.policy.as_str());
    if let Some(name) = &binding.thing_type {
        item.text("thingType", name.as_str());
    }
    if let Some(name) = &binding.thing_group {
        item.text("thingGroup", name.as_str());
    }
    if !binding.attributes.is_empty() {
        let pair = |(name, value): (&AttributeName, &ThingAttributeValue)| {
            (name.to_string(), AttributeValue::S(value.to_string()))
        };
        let map = binding.attributes.iter().map(pair).collect();
        item.0
            .insert("attributes".to_owned(), AttributeValue::M(map));
    }
}

fn read_binding(item: &Reader<'_>) -> Result<Binding, Failure> {
    let thing_type = item.optional_id("thingType", ThingTypeName::parse)?;
    Ok(Binding {
        thing: item.id("thingName", ThingName::parse)?,
        policy: item.id("policyName", PolicyName::parse)?,
        attributes: read_attributes(item, thing_type.is_some())?,
        thing_type,
        thing_group: item.optional_id("thingGroup", ThingGroupName::parse)?,
    })
}

fn read_attributes(item: &Reader<'_>, typed: bool) -> Result<Attributes, Failure> {
    let refuse = || corrupt("attributes");
    let Some(value) = item.0.get("attributes") else {
        return Ok(Attributes::default());
    };
    let mut map = BTreeMap::new();
    for (name, value) in value.as_m().map_err(|_| refuse())? {
        let name = AttributeName::parse(name).map_err(|_| refuse())?;
        let text = value.as_s().map_err(|_| refuse())?;
        map.insert(
            name,
            ThingAttributeValue::parse(text).map_err(|_| refuse())?,
        );
    }
    Attributes::new(map, typed).map_err(|_| refuse())
}

fn write_state(item: &mut Writer, state: &State) {
    if let Some(id) = state.request_id() {
        item.text("requestId", id.as_str());
    }
    if let Some(issued) = state.issued() {
        write_issued(item, issued);
    }
    match state {
        State::Disabled | State::Registered => {}
        State::Requested { request, .. } => write_key_source(item, &request.key),
        State::Issuing { request, lease, .. } => {
            write_key_source(item, &request.key);
            item.text("owner", lease.owner.as_str());
            item.number("leaseUntil", lease.until.0);
        }
        State::Vended { delivery, .. } => match delivery {
            Delivery::Waiting { until } => item.number("bundleUntil", until.0),
            Delivery::Confirmed { at } => item.number("confirmedAt", at.0),
            Delivery::Expired { at } => item.number("expiredAt", at.0),
        },
        State::Failed {
            failure,
            failed_at,
            retry_at,
            ..
        } => {
            item.text("error", failure.as_str());
            item.number("failedAt", failed_at.0);
            if let Some(at) = retry_at {
                item.number("retryAt", at.0);
            }
        }
    }
}

pub(crate) fn write_issued(item: &mut Writer, issued: &Issued) {
    item.text("certID", issued.certificate_id.as_str());
    item.text("certArn", &issued.certificate_arn);
    item.text("endpoint", &issued.endpoint);
    item.text("bundle", issued.bundle.key.as_str());
    item.text("bundleSha256", &issued.bundle.sha256);
}

fn write_key_source(item: &mut Writer, key: &KeySource) {
    if let KeySource::Device(csr) = key {
        item.text("csr", csr.pem());
    }
}

fn read_state(item: &Reader<'_>) -> Result<State, Failure> {
    match item.number::<i32>("applyState")? {
        0 => Ok(State::Disabled),
        1 => Ok(State::Registered),
        2 => Ok(State::Requested {
            request: read_request(item)?,
            issued: read_issued(item)?,
        }),
        3 => Ok(State::Issuing {
            request: read_request(item)?,
            lease: read_lease(item)?,
            issued: read_issued(item)?,
        }),
        -1 => Ok(State::Vended {
            request: item.id("requestId", RequestId::parse)?,
            issued: read_issued(item)?.ok_or_else(|| corrupt("certID"))?,
            delivery: read_delivery(item)?,
        }),
        -2 => Ok(State::Failed {
            request: item.id("requestId", RequestId::parse)?,
            issued: read_issued(item)?,
            failure: FailureCode::parse(item.text("error")?).ok_or_else(|| corrupt("error"))?,
            failed_at: UnixMillis(item.number("failedAt")?),
            retry_at: item.optional_number("retryAt")?.map(UnixMillis),
        }),
        _ => Err(corrupt("applyState")),
    }
}

fn read_delivery(item: &Reader<'_>) -> Result<Delivery, Failure> {
    if let Some(at) = item.optional_number("confirmedAt")?.map(UnixMillis) {
        return Ok(Delivery::Confirmed { at });
    }
    if let Some(at) = item.optional_number("expiredAt")?.map(UnixMillis) {
        return Ok(Delivery::Expired { at });
    }
    let until = UnixMillis(item.number("bundleUntil")?);
    Ok(Delivery::Waiting { until })
}

fn read_request(item: &Reader<'_>) -> Result<Request, Failure> {
    let key = match item.optional_text("csr")? {
        Some(pem) => KeySource::Device(Csr::parse_stored(pem).map_err(|_| corrupt("csr"))?),
        None => KeySource::Service,
    };
    Ok(Request {
        id: item.id("requestId", RequestId::parse)?,
        key,
    })
}

fn read_lease(item: &Reader<'_>) -> Result<Lease, Failure> {
    Ok(Lease {
        epoch: Epoch(item.number("epoch")?),
        owner: item.id("owner", Owner::parse)?,
        until: UnixMillis(item.number("leaseUntil")?),
    })
}

pub(crate) fn read_issued(item: &Reader<'_>) -> Result<Option<Issued>, Failure> {
    let Some(certificate_id) = item.optional_id("certID", CertificateId::parse)? else {
        return Ok(None);
    };
    Ok(Some(Issued {
        certificate_id,
        certificate_arn: item.text("certArn")?.to_owned(),
        endpoint: item.text("endpoint")?.to_owned(),
        bundle: BundleRef {
            key: item.id("bundle", BundleKey::parse)?,
            sha256: item.text("bundleSha256")?.to_owned(),
        },
    }))
}

#[cfg(test)]
#[path = "item_tests.rs"]
mod tests;
