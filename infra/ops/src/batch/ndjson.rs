//! A batch file of JSON objects, one a line, with the names of the columns.

use std::io::Read;

use serde::Deserialize;

use crate::batch::source::Line;
use crate::batch::source::Raw;
use crate::import::json_lines::JsonLines;

/// The rows of a file.
pub(super) fn rows(file: impl Read) -> impl Iterator<Item = Result<Line, String>> {
    JsonLines::new(file).map(|line| line.map(|(line, text)| (line, raw(&text))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    productid: String,
    #[serde(default)]
    csr: Option<String>,
    #[serde(default)]
    csr_file: Option<String>,
}

fn raw(text: &[u8]) -> Result<Raw, String> {
    // The parser's own words may repeat what stands there.
    let read: Result<Object, _> = serde_json::from_slice(text);
    let object = read.map_err(|_| {
        "is no JSON object with the texts productid and perhaps csr or csrFile, and no others"
            .to_owned()
    })?;
    Ok(Raw {
        serial: object.productid,
        csr: object.csr.unwrap_or_default(),
        csr_file: object.csr_file.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_row() {
        let text = "{\"productid\":\"a\",\"csr\":null}\n\n{\"csrFile\":\"f\",\"productid\":\"b\"}";
        let rows: Vec<_> = rows(text.as_bytes()).map(Result::unwrap).collect();
        let raw = |serial: &str, csr_file: &str| {
            Ok(Raw {
                serial: serial.to_owned(),
                csr_file: csr_file.to_owned(),
                ..Raw::default()
            })
        };
        assert_eq!(rows, [(1, raw("a", "")), (3, raw("b", "f"))]);
    }

    #[test]
    fn a_line_that_is_no_row_is_one_bad_row_and_is_not_repeated() {
        let text = "{\"productid\":\"a\",\"secret\":\"hunter2\"}\n[]\n{\"productid\":7}\n\
                    {\"productid\":\"a\",\"productid\":\"b\"}\n{\"productid\":\"b\"}\n";
        let rows: Vec<_> = rows(text.as_bytes()).map(Result::unwrap).collect();
        let bad = rows.iter().filter(|(_, raw)| raw.is_err()).count();
        assert_eq!((rows.len(), bad), (5, 4));
        assert!(!format!("{rows:?}").contains("hunter2"));
    }
}
