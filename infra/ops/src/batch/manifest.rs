//! The rows of a batch in a file of this machine: made from the operator's file, or fetched from the bucket.

use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use sha2::Digest as _;
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::batch::about::Digest;
use crate::batch::check::Checker;
use crate::batch::row::Row;
use crate::batch::source;
use crate::batch::source::Format;
use crate::site::about_file;
use crate::trouble::Trouble;

/// The rows, one object a line. Not in memory: their signing requests may be 80 MB.
#[derive(Debug)]
pub struct Manifest {
    file: NamedTempFile,
    /// What is in it.
    pub digest: Digest,
}

impl Manifest {
    /// Reads the operator's file to its end and checks every row; each goes by `look` as well.
    pub(super) fn read(
        path: &Path,
        format: Format,
        mut look: impl FnMut(&Row) -> Result<(), Trouble>,
    ) -> Result<Self, Trouble> {
        let file = File::open(path).map_err(|error| about_file(path, &error))?;
        let mut file = Hashed::of(BufReader::new(file));
        let mut checker = Checker::new(path);
        let mut draft = Draft::new()?;
        for line in source::open(&mut file, format)? {
            let line = line.map_err(|broken| {
                let path = path.display();
                Trouble::usage(format!("{path} cannot be read to its end: {broken}"))
            })?;
            let row = checker.check(line);
            look(&row)?;
            draft.add(&row)?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file_sha256 = file.finish().map_err(|error| about_file(path, &error))?;
        draft.finish(name.into_owned(), file_sha256)
    }

    /// A manifest that was fetched, if it is the one that was kept.
    pub(super) fn fetched(file: NamedTempFile, digest: Digest) -> Result<Self, Trouble> {
        let whole = File::open(file.path()).and_then(|file| Hashed::of(file).finish());
        let whole = whole.map_err(|error| scratch(&error))?;
        if whole == digest.rows_sha256 {
            Ok(Self { file, digest })
        } else {
            let message =
                "the batch's rows are not those that were submitted: somebody changed them";
            Err(Trouble::refused(message))
        }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its rows from the first on.
    pub fn rows(&self) -> Result<Rows, Trouble> {
        let file = File::open(self.file.path()).map_err(|error| scratch(&error))?;
        Ok(Rows(BufReader::new(file).lines()))
    }
}

/// The rows of a manifest, in the order of their lines.
#[derive(Debug)]
pub struct Rows(io::Lines<BufReader<File>>);

impl Rows {
    /// The next rows, `most` at most; none at the end.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<Vec<Row>>, Trouble> {
        let rows: Result<Vec<Row>, Trouble> = self.take(most).collect();
        rows.map(|rows| (!rows.is_empty()).then_some(rows))
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.next()?.map_err(|error| scratch(&error));
        let row = |text: String| Row::decode(&text).map_err(|e| Trouble::refused(e.to_string()));
        Some(text.and_then(row))
    }
}

/// An empty file that is gone when it is dropped, for no eyes but the operator's.
pub(super) fn empty() -> Result<NamedTempFile, Trouble> {
    NamedTempFile::new().map_err(|error| scratch(&error))
}

fn scratch(error: &io::Error) -> Trouble {
    Trouble::usage(format!(
        "a file for the rows, in the temporary folder: {error}"
    ))
}

/// A manifest while it is written.
struct Draft {
    file: BufWriter<NamedTempFile>,
    digest: Sha256,
    rows: u64,
    bad: u64,
}

impl Draft {
    fn new() -> Result<Self, Trouble> {
        Ok(Self {
            file: BufWriter::new(empty()?),
            digest: Sha256::new(),
            rows: 0,
            bad: 0,
        })
    }

    fn add(&mut self, row: &Row) -> Result<(), Trouble> {
        let text = row.encode() + "\n";
        self.digest.update(text.as_bytes());
        self.rows += 1;
        self.bad += u64::from(matches!(row, Row::Bad(_)));
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| scratch(&error))
    }

    fn finish(self, file: String, file_sha256: String) -> Result<Manifest, Trouble> {
        let digest = Digest {
            file,
            file_sha256,
            rows_sha256: hex(self.digest),
            rows: self.rows,
            bad: self.bad,
        };
        let file = self.file.into_inner();
        let file = file.map_err(|error| scratch(error.error()))?;
        Ok(Manifest { file, digest })
    }
}

/// A file that is digested as it is read.
struct Hashed<R> {
    file: R,
    digest: Sha256,
}

impl<R: Read> Hashed<R> {
    fn of(file: R) -> Self {
        let digest = Sha256::new();
        Self { file, digest }
    }

    /// The digest of the whole file in hex, whatever was read of it before.
    fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(hex(self.digest))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn hex(digest: Sha256) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing into memory does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("night.csv");
        std::fs::write(&path, text).unwrap();
        Manifest::read(&path, Format::Csv, |_| Ok(())).unwrap()
    }

    #[test]
    fn all_rows_are_kept_bad_ones_too() {
        let manifest = manifest("productid\nSN-1\nSN 2\nSN-3\n");
        let digest = &manifest.digest;
        assert_eq!((digest.rows, digest.bad), (3, 1));
        assert_eq!(digest.file, "night.csv");
        let mut rows = manifest.rows().unwrap();
        let first = rows.next_rows(2).unwrap().unwrap();
        assert_eq!((first[0].line(), first[1].line()), (2, 3));
        assert_eq!(rows.next_rows(2).unwrap().unwrap().len(), 1);
        assert_eq!(rows.next_rows(2).unwrap(), None);
    }

    #[test]
    fn digests_tell_files_apart_and_name_the_whole_of_each() {
        let (one, two) = (
            manifest("productid\nSN-1\n"),
            manifest("productid\r\nSN-1\r\n"),
        );
        assert_eq!(one.digest.rows_sha256, two.digest.rows_sha256);
        assert_ne!(one.digest.file_sha256, two.digest.file_sha256);
        // sha256sum of "productid\nSN-1\n"
        let whole = Hashed::of(&b"productid\nSN-1\n"[..]).finish().unwrap();
        assert_eq!(one.digest.file_sha256, whole);
    }

    #[test]
    fn rows_that_were_changed_are_noticed() {
        let one = manifest("productid\nSN-1\n");
        let file = empty().unwrap();
        std::fs::copy(one.path(), file.path()).unwrap();
        assert!(Manifest::fetched(file, one.digest.clone()).is_ok());
        let file = empty().unwrap();
        std::fs::write(file.path(), "{\"line\":2,\"productid\":\"SN-2\"}\n").unwrap();
        assert!(Manifest::fetched(file, one.digest).is_err());
    }
}
