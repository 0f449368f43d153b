//! A batch file of JSON objects, one a line, with the names of the columns.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;

use serde::Deserialize;

use crate::batch::source::Line;
use crate::batch::source::Raw;

/// The longest line, in bytes: many times a signing request.
const LINE_MAX: u64 = 1 << 20;

/// The rows of a file.
pub(super) struct Ndjson<R> {
    file: BufReader<R>,
    line: u64,
    is_over: bool,
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

impl<R: Read> Ndjson<R> {
    pub(super) fn new(file: R) -> Self {
        Self {
            file: BufReader::new(file),
            line: 0,
            is_over: false,
        }
    }

    /// The next line, blank or not; `None` at the end.
    fn text(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut text = Vec::new();
        let bounded = (&mut self.file).take(LINE_MAX).read_until(b'\n', &mut text);
        self.line += 1;
        let refuse = |reason: &str| format!("from line {} on: {reason}", self.line);
        match bounded {
            Ok(0) => Ok(None),
            Ok(_) if text.len() as u64 == LINE_MAX && !text.ends_with(b"\n") => {
                Err(refuse("a line is too long"))
            }
            Ok(_) => Ok(Some(text)),
            Err(error) => Err(refuse(&error.to_string())),
        }
    }
}

impl<R: Read> Iterator for Ndjson<R> {
    type Item = Result<Line, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.text() {
                Ok(Some(text)) if text.trim_ascii().is_empty() => {}
                Ok(Some(text)) => return Some(Ok((self.line, raw(&text, self.line == 1)))),
                Ok(None) => self.is_over = true,
                Err(broken) => {
                    self.is_over = true;
                    return Some(Err(broken));
                }
            }
        }
        None
    }
}

/// Some tools begin a file with a byte order mark.
fn raw(text: &[u8], first: bool) -> Result<Raw, String> {
    let text = match text.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) if first => rest,
        Some(_) | None => text,
    };
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

    fn read(text: &str) -> Vec<(u64, Option<String>)> {
        let rows = Ndjson::new(text.as_bytes()).map(Result::unwrap);
        rows.map(|(line, raw)| (line, raw.ok().map(|raw| raw.serial)))
            .collect()
    }

    #[test]
    fn lines_are_counted_blank_ones_too() {
        let text = "\u{feff}{\"productid\":\"a\"}\r\n\n  \n{\"productid\":\"b\",\"csr\":null}";
        let told = |name: &str| Some(name.to_owned());
        assert_eq!(read(text), [(1, told("a")), (4, told("b"))]);
    }

    #[test]
    fn a_line_that_is_no_row_is_one_bad_row_and_is_not_repeated() {
        let text = "{\"productid\":\"a\",\"secret\":\"hunter2\"}\n[]\n{\"productid\":7}\n\
                    {\"productid\":\"a\",\"productid\":\"b\"}\n{\"productid\":\"b\"}\n";
        let rows: Vec<_> = Ndjson::new(text.as_bytes()).map(Result::unwrap).collect();
        let bad = rows.iter().filter(|(_, raw)| raw.is_err()).count();
        assert_eq!((rows.len(), bad), (5, 4));
        assert!(!format!("{rows:?}").contains("hunter2"));
    }

    #[test]
    fn a_line_without_end_is_not_read_into_memory() {
        let text = format!("{{\"productid\":\"a\"}}\n\"{}", "x".repeat(2 << 20));
        let rows: Vec<_> = Ndjson::new(text.as_bytes()).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[1],
            Err("from line 2 on: a line is too long".to_owned())
        );
    }
}
