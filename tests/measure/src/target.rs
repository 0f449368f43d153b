//! What was promised, and what was measured of it.

use serde_json::Value;
use serde_json::json;

use crate::sheet::Cell;
use crate::sheet::Sheet;

/// On which side of its bound a figure must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It may be the bound or less.
    AtMost,
    /// It must be the bound or more.
    AtLeast,
}

/// Whether a missed target fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A count, a round, a share: the same on every machine.
    Judged,
    /// A time or a size: shown, never judged, for it is this machine's as much as ours.
    Shown,
}

/// One promise.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What of, with its unit.
    pub what: &'static str,
    /// On which side.
    pub side: Side,
    /// Of what.
    pub bound: f64,
    /// What was measured.
    pub got: f64,
    /// Whether it fails the run.
    pub weight: Weight,
}

impl Target {
    /// A count that may be at most this.
    pub fn at_most(what: &'static str, bound: f64, got: f64) -> Self {
        Self {
            what,
            side: Side::AtMost,
            bound,
            got,
            weight: Weight::Judged,
        }
    }

    /// A share that must be at least this.
    pub fn at_least(what: &'static str, bound: f64, got: f64) -> Self {
        Self {
            side: Side::AtLeast,
            ..Self::at_most(what, bound, got)
        }
    }

    /// The same, shown but not judged.
    #[must_use]
    pub fn shown(self) -> Self {
        Self {
            weight: Weight::Shown,
            ..self
        }
    }

    /// Whether it is kept.
    pub fn is_met(&self) -> bool {
        match self.side {
            Side::AtMost => self.got <= self.bound,
            Side::AtLeast => self.got >= self.bound,
        }
    }
}

/// What a measurement came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The tables.
    pub sheets: Vec<Sheet>,
    /// The promises.
    pub targets: Vec<Target>,
}

impl Report {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.sheets.extend(other.sheets);
        self.targets.extend(other.targets);
        self
    }

    /// Whether every target that is judged is met.
    pub fn is_good(&self) -> bool {
        let mut judged = self.targets.iter();
        judged.all(|target| target.weight == Weight::Shown || target.is_met())
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let sheets = self.sheets.iter();
        let tables: serde_json::Map<String, Value> = sheets
            .map(|sheet| (sheet.title().to_owned(), sheet.json()))
            .collect();
        json!({ "tables": tables, "targets": self.verdicts().json() })
    }

    /// The promises as a table; nothing where there are none.
    pub fn verdict(&self) -> String {
        if self.targets.is_empty() {
            return String::new();
        }
        self.verdicts().to_string()
    }

    fn verdicts(&self) -> Sheet {
        let head = ["target", "promised", "measured", "met", "weight"];
        let mut sheet = Sheet::new("targets", &head);
        for target in &self.targets {
            let side = match target.side {
                Side::AtMost => "at most",
                Side::AtLeast => "at least",
            };
            sheet.row([
                target.what.into(),
                format!("{side} {}", target.bound).into(),
                Cell::Number(target.got, 2),
                if target.is_met() { "yes" } else { "NO" }.into(),
                match target.weight {
                    Weight::Judged => "judged",
                    Weight::Shown => "shown",
                }
                .into(),
            ]);
        }
        sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_judged_fails_a_run() {
        let report = |targets: Vec<Target>| Report {
            sheets: Vec::new(),
            targets,
        };
        assert!(report(vec![Target::at_most("calls", 3.0, 3.0)]).is_good());
        assert!(!report(vec![Target::at_most("calls", 3.0, 4.0)]).is_good());
        assert!(!report(vec![Target::at_least("share", 0.97, 0.96)]).is_good());
        assert!(report(vec![Target::at_most("ms", 3.0, 4.0).shown()]).is_good());
    }
}
