//! The most instructions that a certificate may take, with the reason of each bound: `bounds.csv`.

use cvm_lambda::Error;
use serde::Deserialize;

/// The file.
const FILE: &str = include_str!("../bounds.csv");

/// One bound.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Bound {
    function: String,
    mode: String,
    /// The most instructions of a certificate.
    #[serde(rename = "instructions")]
    pub most: u64,
    /// Why this many.
    pub reason: String,
}

impl Bound {
    /// Whether it is this function's in this mode.
    pub fn is_of(&self, function: &str, mode: &str) -> bool {
        self.function == function && self.mode == mode
    }

    /// What it is a bound of.
    pub fn target(&self) -> &'static str {
        match (&*self.function, &*self.mode) {
            ("ingest", "csr") => "instructions of the door, CSR mode",
            ("ingest", _) => "instructions of the door, keys mode",
            (_, "csr") => "instructions of the worker, CSR mode",
            (_, _) => "instructions of the worker, keys mode",
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
        for function in ["ingest", "worker"] {
            for mode in ["csr", "keys"] {
                let found = bounds.iter().find(|bound| bound.is_of(function, mode));
                let bound = found.unwrap();
                assert!(bound.most > 0 && !bound.reason.is_empty(), "{bound:?}");
            }
        }
        assert_eq!(bounds.len(), 4);
    }
}
