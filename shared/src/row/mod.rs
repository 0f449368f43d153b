//! A record as a row of columns and back, whatever store keeps them. The names are the seed's, where it has one.

mod care;
mod columns;
mod trail;

use std::collections::BTreeMap;

pub use columns::Reader;
pub use columns::Row;
pub use columns::Value;
pub use columns::Writer;
pub use columns::corrupt;

use crate::csr::Csr;
use crate::failure::Failure;
use crate::failure::FailureCode;
use crate::ids::AttributeName;
use crate::ids::AttributeValue;
use crate::ids::BundleKey;
use crate::ids::CertificateId;
use crate::ids::Owner;
use crate::ids::PolicyName;
use crate::ids::RequestId;
use crate::ids::SerialNumber;
use crate::ids::ThingGroupName;
use crate::ids::ThingName;
use crate::ids::ThingTypeName;
use crate::lease::Epoch;
use crate::lease::Lease;
use crate::record::Attributes;
use crate::record::Binding;
use crate::record::BundleRef;
use crate::record::Issued;
use crate::record::PolicyFrom;
use crate::record::Record;
use crate::request::Generation;
use crate::request::KeySource;
use crate::request::Request;
use crate::state::Delivery;
use crate::state::State;
use crate::time::UnixMillis;
use crate::verifier::Verifier;

use care::read_care;
use care::write_care;
use trail::read_trail;
use trail::write_trail;

/// The key of a row.
pub const KEY: &str = "productid";
/// How the device may log in; a row without it takes tokens and proofs.
const AUTH: &str = "auth";
const PROOF: &str = "proof";
/// The policy that is attached to the certificate; a row without it says where its rights come from.
const POLICY_NAME: &str = "policyName";
const POLICY_FROM: &str = "policyFrom";
const GROUP: &str = "group";
/// Whether the Thing is there already; in a row without it the worker makes it.
const THING_MADE: &str = "thingMade";
const YES: &str = "yes";

/// The row that stands for this record.
pub fn to_row(record: &Record) -> Row {
    let mut row = Writer::default();
    row.text(KEY, record.serial.as_str());
    row.text("accessToken", &record.verifier.to_text());
    if record.proof_only {
        row.text(AUTH, PROOF);
    }
    row.number("applyState", record.state.apply_state());
    row.number("generation", record.generation.0);
    row.number("epoch", record.epoch.0);
    row.number("revision", record.revision);
    if let Some(at) = record.requested_at {
        row.number("timestamp", at.0);
    }
    write_binding(&mut row, &record.binding);
    write_state(&mut row, &record.state);
    write_care(&mut row, record);
    write_trail(&mut row, record.trail.as_ref());
    row.0
}

/// Reads a row.
pub fn from_row(row: &Row) -> Result<Record, Failure> {
    let row = Reader(row);
    let care = read_care(&row)?;
    Ok(Record {
        serial: row.id(KEY, SerialNumber::parse)?,
        verifier: Verifier::parse(row.text("accessToken")?).map_err(|_| corrupt("accessToken"))?,
        proof_only: read_flag(&row, AUTH, PROOF)?,
        binding: read_binding(&row)?,
        generation: Generation(row.number("generation")?),
        epoch: Epoch(row.number("epoch")?),
        revision: row.number("revision")?,
        requested_at: row.optional_number("timestamp")?.map(UnixMillis),
        reprovision: care.reprovision,
        creates: care.creates,
        resent: care.resent,
        superseded: care.superseded,
        state: read_state(&row)?,
        trail: read_trail(&row)?,
    })
}

/// Whether a column has the one word that it may have. A word that this version does not know could bind
/// the device more, not less: the row is not read.
fn read_flag(row: &Reader<'_>, name: &'static str, word: &str) -> Result<bool, Failure> {
    match row.optional_text(name)? {
        None => Ok(false),
        Some(text) if text == word => Ok(true),
        Some(_) => Err(corrupt(name)),
    }
}

fn write_binding(row: &mut Writer, binding: &Binding) {
    row.text("thingName", binding.thing.as_str());
    match &binding.policy {
        PolicyFrom::Certificate(name) => row.text(POLICY_NAME, name.as_str()),
        PolicyFrom::Group => row.text(POLICY_FROM, GROUP),
    }
    if binding.thing_made {
        row.text(THING_MADE, YES);
    }
    if let Some(name) = &binding.thing_type {
        row.text("thingType", name.as_str());
    }
    if let Some(name) = &binding.thing_group {
        row.text("thingGroup", name.as_str());
    }
    if !binding.attributes.is_empty() {
        let pair = |(name, value): (&AttributeName, &AttributeValue)| {
            (name.to_string(), Value::Text(value.to_string()))
        };
        let map = binding.attributes.iter().map(pair).collect();
        row.put("attributes", Value::Map(map));
    }
}

fn read_binding(row: &Reader<'_>) -> Result<Binding, Failure> {
    let thing_type = row.optional_id("thingType", ThingTypeName::parse)?;
    let binding = Binding {
        thing: row.id("thingName", ThingName::parse)?,
        thing_made: read_flag(row, THING_MADE, YES)?,
        policy: read_policy(row)?,
        attributes: read_attributes(row, thing_type.is_some())?,
        thing_type,
        thing_group: row.optional_id("thingGroup", ThingGroupName::parse)?,
    };
    if binding.lacks_group() {
        return Err(corrupt("thingGroup"));
    }
    Ok(binding)
}

/// One of two columns says it. Neither and both are guessed at by nobody.
fn read_policy(row: &Reader<'_>) -> Result<PolicyFrom, Failure> {
    let name = row.optional_id(POLICY_NAME, PolicyName::parse)?;
    let from_group = read_flag(row, POLICY_FROM, GROUP)?;
    match (name, from_group) {
        (Some(name), false) => Ok(PolicyFrom::Certificate(name)),
        (None, true) => Ok(PolicyFrom::Group),
        (None, false) => Err(corrupt(POLICY_NAME)),
        (Some(_), true) => Err(corrupt(POLICY_FROM)),
    }
}

fn read_attributes(row: &Reader<'_>, typed: bool) -> Result<Attributes, Failure> {
    let refuse = || corrupt("attributes");
    let Some(values) = row.optional_map("attributes")? else {
        return Ok(Attributes::default());
    };
    let mut map = BTreeMap::new();
    for (name, value) in values {
        let name = AttributeName::parse(name).map_err(|_| refuse())?;
        let Value::Text(text) = value else {
            return Err(refuse());
        };
        map.insert(name, AttributeValue::parse(text).map_err(|_| refuse())?);
    }
    Attributes::new(map, typed).map_err(|_| refuse())
}

fn write_state(row: &mut Writer, state: &State) {
    if let Some(id) = state.request_id() {
        row.text("requestId", id.as_str());
    }
    if let Some(issued) = state.issued() {
        write_issued(row, issued);
    }
    match state {
        State::Disabled | State::Registered => {}
        State::Requested { request, .. } => write_key_source(row, &request.key),
        State::Issuing { request, lease, .. } => {
            write_key_source(row, &request.key);
            row.text("owner", lease.owner.as_str());
            row.number("leaseUntil", lease.until.0);
        }
        State::Vended { delivery, .. } => match delivery {
            Delivery::Waiting { until } => row.number("bundleUntil", until.0),
            Delivery::Confirmed { at } => row.number("confirmedAt", at.0),
            Delivery::Expired { at } => row.number("expiredAt", at.0),
        },
        State::Failed {
            failure,
            failed_at,
            retry_at,
            ..
        } => {
            row.text("error", failure.as_str());
            row.number("failedAt", failed_at.0);
            if let Some(at) = retry_at {
                row.number("retryAt", at.0);
            }
        }
    }
}

fn write_issued(row: &mut Writer, issued: &Issued) {
    row.text("certID", issued.certificate_id.as_str());
    row.text("certArn", &issued.certificate_arn);
    row.text("endpoint", &issued.endpoint);
    row.text("bundle", issued.bundle.key.as_str());
    row.text("bundleSha256", &issued.bundle.sha256);
}

fn write_key_source(row: &mut Writer, key: &KeySource) {
    if let KeySource::Device(csr) = key {
        row.text("csr", csr.pem());
    }
}

fn read_state(row: &Reader<'_>) -> Result<State, Failure> {
    match row.number::<i32>("applyState")? {
        0 => Ok(State::Disabled),
        1 => Ok(State::Registered),
        2 => Ok(State::Requested {
            request: read_request(row)?,
            issued: read_issued(row)?,
        }),
        3 => Ok(State::Issuing {
            request: read_request(row)?,
            lease: read_lease(row)?,
            issued: read_issued(row)?,
        }),
        -1 => Ok(State::Vended {
            request: row.id("requestId", RequestId::parse)?,
            issued: read_issued(row)?.ok_or_else(|| corrupt("certID"))?,
            delivery: read_delivery(row)?,
        }),
        -2 => Ok(State::Failed {
            request: row.id("requestId", RequestId::parse)?,
            issued: read_issued(row)?,
            failure: FailureCode::parse(row.text("error")?).ok_or_else(|| corrupt("error"))?,
            failed_at: UnixMillis(row.number("failedAt")?),
            retry_at: row.optional_number("retryAt")?.map(UnixMillis),
        }),
        _ => Err(corrupt("applyState")),
    }
}

fn read_delivery(row: &Reader<'_>) -> Result<Delivery, Failure> {
    if let Some(at) = row.optional_number("confirmedAt")?.map(UnixMillis) {
        return Ok(Delivery::Confirmed { at });
    }
    if let Some(at) = row.optional_number("expiredAt")?.map(UnixMillis) {
        return Ok(Delivery::Expired { at });
    }
    let until = UnixMillis(row.number("bundleUntil")?);
    Ok(Delivery::Waiting { until })
}

fn read_request(row: &Reader<'_>) -> Result<Request, Failure> {
    let key = match row.optional_text("csr")? {
        Some(pem) => KeySource::Device(Csr::parse_stored(pem).map_err(|_| corrupt("csr"))?),
        None => KeySource::Service,
    };
    Ok(Request {
        id: row.id("requestId", RequestId::parse)?,
        key,
    })
}

fn read_lease(row: &Reader<'_>) -> Result<Lease, Failure> {
    Ok(Lease {
        epoch: Epoch(row.number("epoch")?),
        owner: row.id("owner", Owner::parse)?,
        until: UnixMillis(row.number("leaseUntil")?),
    })
}

fn read_issued(row: &Reader<'_>) -> Result<Option<Issued>, Failure> {
    let Some(certificate_id) = row.optional_id("certID", CertificateId::parse)? else {
        return Ok(None);
    };
    Ok(Some(Issued {
        certificate_id,
        certificate_arn: row.text("certArn")?.to_owned(),
        endpoint: row.text("endpoint")?.to_owned(),
        bundle: BundleRef {
            key: row.id("bundle", BundleKey::parse)?,
            sha256: row.text("bundleSha256")?.to_owned(),
        },
    }))
}

#[cfg(test)]
mod tests;
