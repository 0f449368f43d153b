//! The columns that the janitor lives by: what waits for whom, what has to go, what a day may cost.

use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::care::Group;
use cvm_shared::care::waiting;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_shared::record::Resent;
use cvm_shared::reprovision::Creates;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::Superseded;
use cvm_shared::request::Generation;
use cvm_shared::time::UnixMillis;
use sha2::Digest as _;
use sha2::Sha256;

use crate::columns::Reader;
use crate::columns::Writer;
use crate::columns::corrupt;
use crate::item::read_issued;
use crate::item::write_issued;

/// The partition key of the index of waiting rows. Rows that wait for nobody do not have it, so the
/// index holds only those that do.
pub const WAITS_FOR: &str = "waitsFor";

/// The sort key of that index.
pub const WAITS_SINCE: &str = "waitsSince";

/// Among how many partition keys a group is spread: DynamoDB writes 1,000 items a second into one
/// (DynamoDB developer guide, "Partitions and data distribution"), and a factory's burst is larger.
pub const SHARDS: u8 = 16;

/// The partition key of one shard of a group.
pub fn shard_key(group: Group, shard: u8) -> String {
    format!("{}-{shard:x}", group.as_str())
}

fn shard(serial: &SerialNumber) -> u8 {
    Sha256::digest(serial.as_str())[0] % SHARDS
}

/// What [`read_care`] reads.
pub(crate) struct Care {
    pub(crate) reprovision: Option<Reprovision>,
    pub(crate) creates: Creates,
    pub(crate) resent: Resent,
    pub(crate) superseded: Vec<Superseded>,
}

pub(crate) fn write_care(item: &mut Writer, record: &Record) {
    if let Some(policy) = record.reprovision {
        item.text("reprovision", policy.as_str());
    }
    if record.creates.count > 0 {
        item.number("createsDay", record.creates.day);
        item.number("creates", record.creates.count);
    }
    if record.resent.count > 0 {
        item.number("resent", record.resent.count);
        item.number("resentAt", record.resent.at.0);
    }
    if !record.superseded.is_empty() {
        let olds = record.superseded.iter().map(superseded).collect();
        item.0
            .insert("superseded".to_owned(), AttributeValue::L(olds));
    }
    if let Some(waits) = waiting(record) {
        item.text(WAITS_FOR, &shard_key(waits.group, shard(&record.serial)));
        item.number(WAITS_SINCE, waits.since.0);
    }
}

fn superseded(old: &Superseded) -> AttributeValue {
    let mut map = Writer::default();
    write_issued(&mut map, &old.issued);
    map.number("generation", old.generation.0);
    match old.ending {
        Ending::AtOnce => {}
        Ending::Grace { until } => map.number("graceUntil", until.0),
        Ending::Kept { disuse, settled } => {
            map.text("kept", disuse.as_str());
            map.number("settled", u8::from(settled));
        }
    }
    if let Some(at) = old.inactive_at {
        map.number("inactiveAt", at.0);
    }
    AttributeValue::M(map.0)
}

pub(crate) fn read_care(item: &Reader<'_>) -> Result<Care, Failure> {
    let policy = item.optional_text("reprovision")?.map(Reprovision::parse);
    Ok(Care {
        reprovision: policy.transpose().map_err(|_| corrupt("reprovision"))?,
        creates: Creates {
            day: item.optional_number("createsDay")?.unwrap_or_default(),
            count: item.optional_number("creates")?.unwrap_or_default(),
        },
        resent: Resent {
            count: item.optional_number("resent")?.unwrap_or_default(),
            at: UnixMillis(item.optional_number("resentAt")?.unwrap_or_default()),
        },
        superseded: item
            .optional_list("superseded")?
            .iter()
            .map(read_superseded)
            .collect::<Result<_, _>>()?,
    })
}

fn read_superseded(value: &AttributeValue) -> Result<Superseded, Failure> {
    let map = value.as_m().map_err(|_| corrupt("superseded"))?;
    let map = Reader(map);
    Ok(Superseded {
        issued: read_issued(&map)?.ok_or_else(|| corrupt("superseded"))?,
        generation: Generation(map.number("generation")?),
        ending: read_ending(&map)?,
        inactive_at: map.optional_number("inactiveAt")?.map(UnixMillis),
    })
}

fn read_ending(map: &Reader<'_>) -> Result<Ending, Failure> {
    if let Some(disuse) = map.optional_id("kept", Disuse::parse)? {
        let settled = map.number::<u8>("settled")? > 0;
        return Ok(Ending::Kept { disuse, settled });
    }
    let until = map.optional_number("graceUntil")?.map(UnixMillis);
    Ok(until.map_or(Ending::AtOnce, |until| Ending::Grace { until }))
}
