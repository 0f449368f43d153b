//! What a raw row must be before anything is asked for: what the door would ask of its device.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use cvm_shared::csr::CSR_MAX;
use cvm_shared::csr::Csr;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::request::KeySource;

use crate::batch::row::Bad;
use crate::batch::row::Row;
use crate::batch::row::Wanted;
use crate::batch::source::CSR;
use crate::batch::source::CSR_FILE;
use crate::batch::source::Line;
use crate::batch::source::PRODUCT_ID;
use crate::batch::source::Raw;
use crate::import::seen::Seen;

/// Checks the rows of one file, in its order.
pub(super) struct Checker {
    /// Where signing requests that have files of their own are looked for.
    folder: PathBuf,
    serials: Seen,
    keys: Seen,
}

impl Checker {
    /// A checker for this file.
    pub(super) fn new(file: &Path) -> Self {
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Self {
            folder,
            serials: Seen::default(),
            keys: Seen::default(),
        }
    }

    /// The row, checked.
    pub(super) fn check(&mut self, (line, raw): Line) -> Row {
        let bad = |serial, reason| {
            Row::Bad(Bad {
                line,
                serial,
                reason,
            })
        };
        let raw = match raw {
            Ok(raw) => raw,
            Err(reason) => return bad(None, reason),
        };
        let serial = match SerialNumber::parse(&*raw.serial) {
            Ok(serial) => serial,
            Err(refusal) => return bad(None, about(PRODUCT_ID, &refusal)),
        };
        match self.key(line, &serial, &raw) {
            Ok(key) => Row::Sound(Wanted { line, serial, key }),
            Err(reason) => bad(Some(serial), reason),
        }
    }

    fn key(&mut self, line: u64, serial: &SerialNumber, raw: &Raw) -> Result<KeySource, String> {
        // A bad row counts, too: which of the two was meant is the operator's to say.
        if let Some(first) = self.serials.first(serial.as_str(), line) {
            return Err(format!("{PRODUCT_ID}: the same as in line {first}"));
        }
        let Some((column, text)) = self.request(raw)? else {
            return Ok(KeySource::Service);
        };
        let csr = Csr::parse(&text).and_then(|csr| csr.check_subject(serial).map(|()| csr));
        let csr = csr.map_err(|refusal| about(column, &refusal))?;
        // The guard would refuse the second one, an hour later.
        match self.keys.first(&csr.public_key(), line) {
            Some(first) => Err(format!("{column}: has the key of line {first}")),
            None => Ok(KeySource::Device(csr)),
        }
    }

    /// The text of the signing request, with the column that it came by.
    fn request(&self, raw: &Raw) -> Result<Option<(&'static str, String)>, String> {
        match (raw.csr.as_str(), raw.csr_file.as_str()) {
            ("", "") => Ok(None),
            (text, "") => Ok(Some((CSR, text.to_owned()))),
            ("", name) => {
                let text = read(&self.folder.join(name));
                let text = text.map_err(|error| format!("{CSR_FILE}: {error}"))?;
                Ok(Some((CSR_FILE, text)))
            }
            (_, _) => Err(format!("has both {CSR} and {CSR_FILE}")),
        }
    }
}

/// Reads no more than a signing request may have, and one byte by which it is seen to be too long.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let most = CSR_MAX as u64 + 1;
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn about(column: &str, refusal: &Malformed) -> String {
    format!("{column}: {}", refusal.rule)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
