//! A batch file in CSV: a header with `productid` and at most `csr` and `csrFile` beside it.

use std::io::Read;

use csv::ByteRecord;
use csv::Reader;
use csv::ReaderBuilder;
use csv::Trim;

use crate::batch::source::CSR;
use crate::batch::source::CSR_FILE;
use crate::batch::source::Line;
use crate::batch::source::PRODUCT_ID;
use crate::batch::source::Raw;
use crate::import::lines::Lines;
use crate::printer::shown;
use crate::trouble::Trouble;

const KNOWN: [&str; 3] = [PRODUCT_ID, CSR, CSR_FILE];

/// The rows of a file.
pub(super) struct CsvFile<R> {
    reader: Reader<Lines<R>>,
    /// The place of each known column.
    places: [Option<usize>; 3],
    count: usize,
    is_over: bool,
}

impl<R: Read> CsvFile<R> {
    /// Reads the header.
    pub(super) fn open(file: R) -> Result<Self, Trouble> {
        let mut reader = ReaderBuilder::new()
            .trim(Trim::Headers)
            .flexible(true)
            .from_reader(Lines::new(file));
        let header = reader.byte_headers();
        let header = header.map_err(|error| Trouble::usage(format!("the file: {error}")))?;
        Ok(Self {
            places: places(header).map_err(Trouble::usage)?,
            count: header.len(),
            reader,
            is_over: false,
        })
    }

    fn raw(&self, fields: &ByteRecord) -> Result<Raw, String> {
        if fields.len() != self.count {
            let (found, expected) = (fields.len(), self.count);
            return Err(format!(
                "has {found} fields where the header has {expected}"
            ));
        }
        let field = |column: usize| {
            let bytes = self.places[column].and_then(|place| fields.get(place));
            let text = std::str::from_utf8(bytes.unwrap_or_default());
            text.map(str::to_owned)
                .map_err(|_| format!("{}: is not UTF-8", KNOWN[column]))
        };
        Ok(Raw {
            serial: field(0)?,
            csr: field(1)?,
            csr_file: field(2)?,
        })
    }
}

impl<R: Read> Iterator for CsvFile<R> {
    type Item = Result<Line, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let mut fields = ByteRecord::new();
        let start = self.reader.position().byte();
        self.reader.get_mut().start_row();
        let read = self.reader.read_byte_record(&mut fields);
        let line = self.reader.get_mut().line_from(start);
        self.is_over = !matches!(read, Ok(true));
        match read {
            Ok(true) => Some(Ok((line, self.raw(&fields)))),
            Ok(false) => None,
            Err(error) => Some(Err(format!("from line {line} on: {error}"))),
        }
    }
}

/// Where the known columns are. A cell that is none is named only beside one that is: in a file without a header it
/// may be anything.
fn places(header: &ByteRecord) -> Result<[Option<usize>; 3], String> {
    let place = |name: &str| header.iter().position(|cell| cell == name.as_bytes());
    let places = KNOWN.map(place);
    if places[0].is_none() {
        return Err(format!(
            "the first line is no header: it must name the column {PRODUCT_ID}"
        ));
    }
    for (n, cell) in header.iter().enumerate() {
        if !places.contains(&Some(n)) {
            let cell: String = String::from_utf8_lossy(cell).chars().take(40).collect();
            let (cell, known) = (shown(&cell), KNOWN.join(", "));
            return Err(format!(
                "column \"{cell}\" is unknown or there twice; a batch may have {known}"
            ));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Line, String>> {
        CsvFile::open(text.as_bytes()).unwrap().collect()
    }

    fn raw(serial: &str, csr: &str) -> Raw {
        Raw {
            serial: serial.to_owned(),
            csr: csr.to_owned(),
            csr_file: String::new(),
        }
    }

    #[test]
    fn a_request_may_stand_in_the_row_over_many_lines() {
        let rows = read("csr,productid\r\n\"a\nb\",SN-1\r\n\r\n,SN-2\n");
        assert_eq!(
            rows,
            [
                Ok((2, Ok(raw("SN-1", "a\nb")))),
                Ok((5, Ok(raw("SN-2", ""))))
            ]
        );
    }

    #[test]
    fn a_row_of_another_length_or_not_of_text_is_one_bad_row() {
        let told = |text: &str| match &read(text)[..] {
            [Ok((2, Err(reason))), Ok((3, Ok(_)))] => reason.clone(),
            rows => panic!("{rows:?}"),
        };
        assert_eq!(
            told("productid\na,b\nSN-2\n"),
            "has 2 fields where the header has 1"
        );
        let bytes = b"productid\n\xff\nSN-2\n".as_slice();
        let rows: Vec<_> = CsvFile::open(bytes).unwrap().collect();
        let bad = Err("productid: is not UTF-8".to_owned());
        assert_eq!(rows[0], Ok((2, bad)));
    }

    #[test]
    fn an_open_quote_ends_the_file() {
        let text = format!("productid\nSN-1\n\"{}", "x\n".repeat(1 << 20));
        let rows = read(&text);
        assert_eq!(rows.len(), 2);
        let broken = rows[1].as_ref().unwrap_err();
        assert!(
            broken.starts_with("from line 3 on: a row is too long"),
            "{broken}"
        );
    }

    #[test]
    fn headers_are_exact_and_a_missing_one_shows_nothing() {
        let refusal = |text: &str| CsvFile::open(text.as_bytes()).err().unwrap().message;
        assert!(refusal("SN-1\n").starts_with("the first line is no header"));
        assert!(!refusal("hunter2\n").contains("hunter2"));
        assert!(refusal("").starts_with("the first line is no header"));
        let twice = refusal("productid,csr,csr\n");
        assert!(
            twice.contains("\"csr\" is unknown or there twice"),
            "{twice}"
        );
        assert!(refusal("productid,secret\n").contains("\"secret\" is unknown"));
    }
}
