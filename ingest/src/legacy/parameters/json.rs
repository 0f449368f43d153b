//! The parameters in a JSON object. Numbers count as their digits: the ancestor's serial numbers were
//! an INT column.

use std::fmt;

use cvm_shared::ids::Malformed;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use zeroize::Zeroizing;

use super::Found;
use super::Names;
use super::Slot;

/// Reads the object. The parser's own complaint is dropped, for it may repeat a value.
pub(super) fn read(bytes: &[u8], names: Names) -> Result<Found, Malformed> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let found = Object(names).deserialize(&mut parser);
    let found = found.and_then(|found| parser.end().map(|()| found));
    found.map_err(|error| {
        let rule = if error.is_data() {
            "must be one JSON object"
        } else {
            "is not JSON"
        };
        Malformed::new("body", rule)
    })
}

struct Object(Names);

impl<'de> DeserializeSeed<'de> for Object {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(key) = map.next_key::<String>()? {
            match self.0.iter().position(|known| *known == key) {
                Some(at) => found.0[at].put(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Slot, E> {
        Ok(Slot::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Slot, E> {
        Ok(Slot::Text(Zeroizing::new(number.to_string())))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Slot, E> {
        Ok(Slot::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Slot, E> {
        Ok(Slot::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Slot, E> {
        Ok(Slot::Other)
    }

    fn visit_unit<E>(self) -> Result<Slot, E> {
        Ok(Slot::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Slot, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Slot, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Slot::Other)
    }
}
