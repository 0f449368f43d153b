//! The columns that the janitor lives by: what has to go, what was sent again, what a day may cost.

use super::columns::Reader;
use super::columns::Value;
use super::columns::Writer;
use super::columns::corrupt;
use super::columns::map;
use super::read_issued;
use super::write_issued;
use crate::failure::Failure;
use crate::record::Record;
use crate::record::Resent;
use crate::reprovision::Creates;
use crate::reprovision::Disuse;
use crate::reprovision::Ending;
use crate::reprovision::Reprovision;
use crate::reprovision::Superseded;
use crate::request::Generation;
use crate::time::UnixMillis;

/// What [`read_care`] reads.
pub(super) struct Care {
    pub(super) reprovision: Option<Reprovision>,
    pub(super) creates: Creates,
    pub(super) resent: Resent,
    pub(super) superseded: Vec<Superseded>,
}

pub(super) fn write_care(row: &mut Writer, record: &Record) {
    if let Some(policy) = record.reprovision {
        row.text("reprovision", policy.as_str());
    }
    if record.creates.count > 0 {
        row.number("createsDay", record.creates.day);
        row.number("creates", record.creates.count);
    }
    if record.resent.count > 0 {
        row.number("resent", record.resent.count);
        row.number("resentAt", record.resent.at.0);
    }
    if !record.superseded.is_empty() {
        let olds = record.superseded.iter().map(superseded).collect();
        row.put("superseded", Value::List(olds));
    }
}

fn superseded(old: &Superseded) -> Value {
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
    Value::Map(map.0)
}

pub(super) fn read_care(row: &Reader<'_>) -> Result<Care, Failure> {
    let policy = row.optional_text("reprovision")?.map(Reprovision::parse);
    Ok(Care {
        reprovision: policy.transpose().map_err(|_| corrupt("reprovision"))?,
        creates: Creates {
            day: row.optional_number("createsDay")?.unwrap_or_default(),
            count: row.optional_number("creates")?.unwrap_or_default(),
        },
        resent: Resent {
            count: row.optional_number("resent")?.unwrap_or_default(),
            at: UnixMillis(row.optional_number("resentAt")?.unwrap_or_default()),
        },
        superseded: row
            .optional_list("superseded")?
            .iter()
            .map(read_superseded)
            .collect::<Result<_, _>>()?,
    })
}

fn read_superseded(value: &Value) -> Result<Superseded, Failure> {
    let map = Reader(map(value, "superseded")?);
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
