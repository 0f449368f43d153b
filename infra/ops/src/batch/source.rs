//! A batch file as raw rows, line by line, whichever form it has.

use std::io::Read;
use std::path::Path;

use clap::ValueEnum;

use crate::batch::csv_file::CsvFile;
use crate::batch::ndjson;
use crate::trouble::Trouble;

/// The serial number's column.
pub(super) const PRODUCT_ID: &str = "productid";
/// The column of the signing request itself.
pub(super) const CSR: &str = "csr";
/// The column of the name of the file that has it.
pub(super) const CSR_FILE: &str = "csrFile";

/// The form of a batch file
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Ndjson,
}

impl Format {
    /// The form that the file's name tells.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// What a row says, unchecked. An empty text says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) serial: String,
    pub(super) csr: String,
    pub(super) csr_file: String,
}

/// A row that was read, or why it makes no sense; with its line.
pub(super) type Line = (u64, Result<Raw, String>);

/// Rows; an error is the last of them and says why the rest of the file could not be read.
pub(super) type Lines<'a> = Box<dyn Iterator<Item = Result<Line, String>> + 'a>;

/// Opens a file of this form.
pub(super) fn open<'a>(file: impl Read + 'a, format: Format) -> Result<Lines<'a>, Trouble> {
    match format {
        Format::Csv => Ok(Box::new(CsvFile::open(file)?)),
        Format::Ndjson => Ok(Box::new(ndjson::rows(file))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_form() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(of("a.CSV"), Some(Format::Csv));
        assert_eq!(of("a.ndjson"), Some(Format::Ndjson));
        assert_eq!(of("a.jsonl"), Some(Format::Ndjson));
        assert_eq!((of("a.txt"), of("csv")), (None, None));
    }
}
