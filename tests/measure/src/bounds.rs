//! The most instructions that a certificate may take, with the reason of each bound: `bounds.csv`.

use cvm_lambda::Error;
use serde::Deserialize;

/// The file.
const FILE: &str = include_str!("../bounds.csv");

/// Whose instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The door.
    Ingest,
    /// The worker.
    Worker,
}

/// Who makes the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The device.
    Csr,
    /// AWS IoT.
    Keys,
}

/// One bound.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Bound {
    function: Part,
    mode: Mode,
    /// The most instructions of a certificate.
    #[serde(rename = "instructions")]
    pub most: u64,
    /// Why this many.
    pub reason: String,
}

impl Bound {
    /// Whether it is this function's in this mode.
    pub fn is_of(&self, function: Part, mode: Mode) -> bool {
        self.function == function && self.mode == mode
    }

    /// What it is a bound of.
    pub fn target(&self) -> &'static str {
        match (self.function, self.mode) {
            (Part::Ingest, Mode::Csr) => "instructions of the door, CSR mode",
            (Part::Ingest, Mode::Keys) => "instructions of the door, keys mode",
            (Part::Worker, Mode::Csr) => "instructions of the worker, CSR mode",
            (Part::Worker, Mode::Keys) => "instructions of the worker, keys mode",
        }
    }
}

/// All of them.
pub fn bounds() -> Result<Vec<Bound>, Error> {
    let lines = csv::Reader::from_reader(FILE.as_bytes()).into_deserialize();
    let refuse = |error: csv::Error| Error::Usage(format!("bounds.csv: {error}"));
    lines.map(|line| line.map_err(refuse)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_a_bound_and_a_reason_in_each_mode() {
        let bounds = bounds().unwrap();
        for function in [Part::Ingest, Part::Worker] {
            for mode in [Mode::Csr, Mode::Keys] {
                let found = bounds.iter().find(|bound| bound.is_of(function, mode));
                let bound = found.unwrap();
                assert!(bound.most > 0 && !bound.reason.is_empty(), "{bound:?}");
            }
        }
        assert_eq!(bounds.len(), 4);
    }
}
