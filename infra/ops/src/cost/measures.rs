//! What one certificate needs: calls, units, bytes and time, as measured or assumed, in one file.

use std::collections::BTreeMap;

use clap::ValueEnum;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::meter::METERS;
use super::meter::Meter;
use super::money::number;

/// The file.
pub const FILE: &str = include_str!("measures.csv");

/// How a source begins that a test holds to what the functions do.
pub const MEASURED: &str = "measured";

/// A phase of a device's life, or what runs beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The operator imports the device.
    Import,
    /// The device asks.
    Submit,
    /// The worker issues.
    Work,
    /// The device asks how it stands, once.
    Poll,
    /// The device fetches its bundle.
    Fetch,
    /// The device asks for the roots to trust.
    Trust,
    /// The device confirms.
    Confirm,
    /// The ledger writes the device's trail.
    Trail,
    /// What is left of the device.
    Kept,
    /// Any request at the API, beside what it is for.
    Request,
    /// Any invocation of a function, likewise.
    Invocation,
    /// One batch of the ledger, likewise.
    Batch,
    /// A second in which the queue is worked off.
    Drain,
    /// The janitor goes round and finds nothing.
    Round,
    /// A second in which nothing happens.
    Idle,
}

impl Phase {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Submit => "submit",
            Self::Work => "work",
            Self::Poll => "poll",
            Self::Fetch => "fetch",
            Self::Trust => "trust",
            Self::Confirm => "confirm",
            Self::Trail => "trail",
            Self::Kept => "kept",
            Self::Request => "request",
            Self::Invocation => "invocation",
            Self::Batch => "batch",
            Self::Drain => "drain",
            Self::Round => "round",
            Self::Idle => "idle",
        }
    }
}

/// Who makes the devices' keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The devices; they send signing requests
    #[default]
    Csr,
    /// AWS IoT
    Keys,
}

/// How the devices show who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Login {
    /// They prove their secret in each request
    #[default]
    Proof,
    /// They send it
    Token,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// When it is needed.
    pub phase: Phase,
    /// What is needed.
    pub meter: &'static Meter,
    /// How much, in the order of the columns.
    amounts: [Decimal; 4],
    /// Where the figure is from.
    pub source: String,
}

impl Measure {
    /// How much a device of this kind needs.
    pub fn amount(&self, mode: Mode, login: Login) -> Decimal {
        let [csr_proof, csr_token, keys_proof, keys_token] = self.amounts;
        match (mode, login) {
            (Mode::Csr, Login::Proof) => csr_proof,
            (Mode::Csr, Login::Token) => csr_token,
            (Mode::Keys, Login::Proof) => keys_proof,
            (Mode::Keys, Login::Token) => keys_token,
        }
    }

    /// Whether a test holds it to what the functions do.
    pub fn is_measured(&self) -> bool {
        self.source.starts_with(MEASURED)
    }
}

#[derive(Deserialize)]
struct Line {
    phase: Phase,
    meter: String,
    #[serde(rename = "csr+proof")]
    csr_proof: String,
    #[serde(rename = "csr+token")]
    csr_token: String,
    #[serde(rename = "keys+proof")]
    keys_proof: String,
    #[serde(rename = "keys+token")]
    keys_token: String,
    source: String,
}

impl Line {
    fn read(self) -> Result<Measure, String> {
        let meter = METERS.iter().find(|meter| meter.name == self.meter);
        let meter = meter.ok_or_else(|| format!("unknown meter {:?}", self.meter))?;
        let amount = |text: &str| {
            number(text).ok_or_else(|| format!("{} {}: no number", self.phase.name(), meter.name))
        };
        Ok(Measure {
            phase: self.phase,
            meter,
            amounts: [
                amount(&self.csr_proof)?,
                amount(&self.csr_token)?,
                amount(&self.keys_proof)?,
                amount(&self.keys_token)?,
            ],
            source: self.source,
        })
    }
}

/// All lines, in their order.
pub fn read(text: &str) -> Result<Vec<Measure>, String> {
    let mut reader = csv::ReaderBuilder::new();
    let mut lines = reader.comment(Some(b'#')).from_reader(text.as_bytes());
    let read = |line: Result<Line, csv::Error>| line.map_err(|error| error.to_string())?.read();
    lines.deserialize().map(read).collect()
}

/// What devices of one kind need.
#[derive(Clone, Debug)]
pub struct Needs(BTreeMap<Phase, Vec<(&'static Meter, Decimal)>>);

impl Needs {
    /// What such a device needs by these lines.
    pub fn of(measures: &[Measure], mode: Mode, login: Login) -> Self {
        let mut needs: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for measure in measures {
            let amount = measure.amount(mode, login);
            let phase = needs.entry(measure.phase).or_default();
            phase.push((measure.meter, amount));
        }
        Self(needs)
    }

    /// All that a phase needs.
    pub fn phase(&self, phase: Phase) -> &[(&'static Meter, Decimal)] {
        self.0.get(&phase).map_or(&[], Vec::as_slice)
    }

    /// How much of one thing a phase needs; zero where no line names it.
    pub fn one(&self, phase: Phase, meter: &str) -> Decimal {
        let found = self
            .phase(phase)
            .iter()
            .find(|(known, _)| known.name == meter);
        found.map_or(Decimal::ZERO, |(_, amount)| *amount)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_file_can_be_read_and_has_nothing_twice() {
        let measures = read(FILE).unwrap();
        let keys: BTreeSet<_> = measures
            .iter()
            .map(|line| (line.phase, line.meter.name))
            .collect();
        assert_eq!(keys.len(), measures.len());
        for line in &measures {
            assert!(
                line.is_measured() || line.source.starts_with("assumed"),
                "{line:?}"
            );
        }
    }

    #[test]
    fn each_kind_of_device_has_its_column() {
        let head = "phase,meter,csr+proof,csr+token,keys+proof,keys+token,source\n";
        let measures = read(&format!("{head}submit,PutItem,1,2,3,4,measured\n")).unwrap();
        for (mode, login, amount) in [
            (Mode::Csr, Login::Proof, 1),
            (Mode::Csr, Login::Token, 2),
            (Mode::Keys, Login::Proof, 3),
            (Mode::Keys, Login::Token, 4),
        ] {
            let needs = Needs::of(&measures, mode, login);
            assert_eq!(needs.one(Phase::Submit, "PutItem"), Decimal::from(amount));
            assert_eq!(needs.one(Phase::Poll, "PutItem"), Decimal::ZERO);
        }
        for bad in [
            "submit,PutItems,1,1,1,1,measured",
            "sumbit,PutItem,1,1,1,1,measured",
            "submit,PutItem,-1,1,1,1,measured",
        ] {
            assert!(read(&format!("{head}{bad}\n")).is_err(), "{bad}");
        }
    }
}
