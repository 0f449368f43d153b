//! An import file as a stream of chunks: in constant memory, but for one digest per row.

use std::io::Read;

use csv::ByteRecord;
use csv::Reader;
use csv::ReaderBuilder;
use csv::Trim;

use crate::import::columns::Columns;
use crate::import::columns::HeaderError;
use crate::import::lines::Lines;
use crate::import::login::Login;
use crate::import::names::Names;
use crate::import::objects::Objects;
use crate::import::offer::Draft;
use crate::import::refusal::Reason;
use crate::import::row::Options;
use crate::import::row::Row;
use crate::import::seen::Seen;

/// How many rows a chunk may hold, so that a file of bad rows is reported as it is read.
const CHUNK_ROWS: usize = 250;

/// One row as it goes through the import.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) line: u64,
    pub(crate) draft: Result<Draft, Reason>,
}

/// Rows that are handled together.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) rows: Vec<Entered>,
    /// How many bytes of the file are read with it.
    pub(crate) bytes: u64,
}

/// The form of a file, and what it calls the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated, with a header.
    Csv(Names),
    /// One JSON object a line.
    Ndjson(Names),
}

/// An import file while it is read.
pub(crate) struct Source<R> {
    records: Records<R>,
    columns: Columns,
    seen: Seen,
    broken: Option<String>,
}

enum Records<R> {
    Csv(Reader<Lines<R>>),
    Ndjson(Objects<R>),
}

impl<R: Read> Source<R> {
    /// Reads the header, if the form has one.
    pub(crate) fn open(file: R, form: Form) -> Result<Self, HeaderError> {
        let (records, columns) = match form {
            Form::Csv(names) => headed(file, &names)?,
            Form::Ndjson(names) => (Records::Ndjson(Objects::new(file, names)), Columns::ALL),
        };
        Ok(Self {
            records,
            columns,
            seen: Seen::default(),
            broken: None,
        })
    }

    /// The next rows, with up to `most` sound ones among them; none at the end.
    pub(crate) fn next_chunk(
        &mut self,
        options: &Options,
        login: &Login<'_>,
        most: usize,
    ) -> Option<Chunk> {
        let mut rows = Vec::new();
        let mut sound = 0;
        let mut fields = ByteRecord::new();
        while sound < most && rows.len() < CHUNK_ROWS {
            let Some((line, read)) = self.read(&mut fields) else {
                break;
            };
            let draft = read.and_then(|()| self.draft(line, &fields, options, login));
            sound += usize::from(draft.is_ok());
            rows.push(Entered { line, draft });
        }
        let bytes = self.records.bytes();
        (!rows.is_empty()).then_some(Chunk { rows, bytes })
    }

    /// Why the rest of the file could not be read, if so.
    pub(crate) fn broken(self) -> Option<String> {
        self.broken
    }

    /// Reads one row and tells its line.
    fn read(&mut self, fields: &mut ByteRecord) -> Option<(u64, Result<(), Reason>)> {
        if self.broken.is_some() {
            return None;
        }
        let read = match &mut self.records {
            Records::Csv(reader) => read_csv(reader, fields)?,
            Records::Ndjson(objects) => objects.read(fields)?,
        };
        match read {
            Ok(row) => Some(row),
            Err(broken) => {
                self.broken = Some(broken);
                None
            }
        }
    }

    fn draft(
        &mut self,
        line: u64,
        fields: &ByteRecord,
        options: &Options,
        login: &Login<'_>,
    ) -> Result<Draft, Reason> {
        let row = Row::new(&self.columns, fields)?;
        let serial = row.serial()?;
        // A bad row counts, too: which of the two was meant is the operator's to say.
        match self.seen.first(serial.as_str(), line) {
            Some(first) => Err(Reason::Duplicate { first }),
            None => row.draft(serial, options, login),
        }
    }
}

impl<R: Read> Records<R> {
    fn bytes(&self) -> u64 {
        match self {
            Self::Csv(reader) => reader.position().byte(),
            Self::Ndjson(objects) => objects.bytes(),
        }
    }
}

fn headed<R: Read>(file: R, names: &Names) -> Result<(Records<R>, Columns), HeaderError> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::Headers)
        // Lengths are ours to check: the reader would end at a row of another length.
        .flexible(true)
        .from_reader(Lines::new(file));
    let header = reader
        .byte_headers()
        .map_err(|error| HeaderError::Unreadable(error.to_string()))?;
    let columns = Columns::parse(&names.header(header))?;
    Ok((Records::Csv(reader), columns))
}

/// A row was read, or it is none; an error ends the file.
pub(crate) type Entry = Result<(u64, Result<(), Reason>), String>;

fn read_csv<R: Read>(reader: &mut Reader<Lines<R>>, fields: &mut ByteRecord) -> Option<Entry> {
    let start = reader.position().byte();
    reader.get_mut().start_row();
    let result = reader.read_byte_record(fields);
    let line = reader.get_mut().line_from(start);
    match result {
        Ok(more) => more.then_some(Ok((line, Ok(())))),
        Err(error) => Some(Err(format!("from line {line} on: {error}"))),
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
