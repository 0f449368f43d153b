//! An import file of JSON objects, one a line, as records of one column for each name.

use std::io::Read;

use csv::ByteRecord;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;

use crate::import::columns::KNOWN;
use crate::import::json_lines::JsonLines;
use crate::import::names::Names;
use crate::import::refusal::Reason;
use crate::import::source::Entry;

/// The objects of a file.
pub(crate) struct Objects<R> {
    lines: JsonLines<R>,
    names: Names,
}

impl<R: Read> Objects<R> {
    pub(crate) fn new(file: R, names: Names) -> Self {
        Self {
            lines: JsonLines::new(file),
            names,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lines.bytes()
    }

    /// Reads one object into the columns of [`KNOWN`], and tells its line; an error ends the file.
    pub(crate) fn read(&mut self, fields: &mut ByteRecord) -> Option<Entry> {
        let (line, text) = match self.lines.next()? {
            Ok(line) => line,
            Err(broken) => return Some(Err(broken)),
        };
        let read = record(&text, &self.names).map(|record| *fields = record);
        Some(Ok((line, read)))
    }
}

/// What is not there is empty, as in CSV. The parser's own words may repeat what stands there.
fn record(text: &[u8], names: &Names) -> Result<ByteRecord, Reason> {
    let Pairs(pairs) = serde_json::from_slice(text).map_err(|_| Reason::NoObject)?;
    let mut cells: [Option<&str>; KNOWN.len()] = [None; KNOWN.len()];
    for (name, value) in &pairs {
        let ours = names.ours(name.as_bytes());
        let place = KNOWN.iter().position(|known| known.as_bytes() == ours);
        let cell = place.and_then(|place| cells.get_mut(place));
        match cell {
            Some(cell @ None) => *cell = Some(value.as_deref().unwrap_or_default()),
            Some(Some(_)) | None => return Err(Reason::NoObject),
        }
    }
    Ok(cells.iter().map(|cell| cell.unwrap_or_default()).collect())
}

/// All names and texts of an object, doubles too: a map would keep the last of them.
struct Pairs(Vec<(String, Option<String>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, Reason> {
        let record = record(text.as_bytes(), &Names::default())?;
        let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
        Ok(record.iter().map(text).collect())
    }

    #[test]
    fn names_are_columns_and_may_be_left_out() {
        let cells = read("{\"secret\":\"s\",\"productid\":\"a\",\"thingType\":null}").unwrap();
        assert_eq!(cells, ["a", "s", "", "", "", "", "", "", "", ""]);
    }

    #[test]
    fn unknown_and_double_names_and_what_is_no_text_are_refused() {
        for text in [
            "{\"productid\":\"a\",\"Secret\":\"s\"}",
            "{\"productid\":\"a\",\"productid\":\"b\"}",
            "{\"productid\":7}",
            "[]",
            "hunter2",
            "{\"productid\":\"a\"} x",
        ] {
            assert_eq!(read(text), Err(Reason::NoObject), "{text}");
        }
    }
}
