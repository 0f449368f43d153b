//! The figures as a table for people and as JSON for programs.

use comfy_table::Table;
use serde_json::Value;
use serde_json::json;

use crate::timing::class::Mode;
use crate::timing::planted::Planted;
use crate::timing::verdict::CROPS;
use crate::timing::verdict::Comparison;

/// A class of a mode beside the first of that mode.
#[derive(Clone, Debug)]
pub struct Line {
    /// The mode.
    pub mode: Mode,
    /// The class.
    pub class: &'static str,
    /// How many samples there were of it.
    pub samples: usize,
    /// How it compares.
    pub found: Comparison,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The leaks on purpose.
    pub planted: Vec<Planted>,
    /// The door.
    pub lines: Vec<Line>,
}

impl Findings {
    /// Whether all leaks on purpose were found, and no other.
    pub fn are_good(&self) -> bool {
        self.planted.iter().all(|leak| leak.found.is_difference())
            && self.lines.iter().all(|line| !line.found.is_difference())
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.set_header([
            "mode",
            "class beside the first of its mode",
            "samples",
            "median ns",
            "shift ns",
            "shift %",
            "largest |t|",
            "crops",
            "",
        ]);
        for leak in &self.planted {
            let due = if leak.found.is_difference() {
                "found, as it must be"
            } else {
                "NOT FOUND"
            };
            table.add_row(row("planted", leak.name, "", &leak.found, due));
        }
        for line in &self.lines {
            let told = if line.found.is_difference() {
                "DIFFERENCE"
            } else {
                ""
            };
            let samples = line.samples.to_string();
            table.add_row(row(
                line.mode.name(),
                line.class,
                &samples,
                &line.found,
                told,
            ));
        }
        table.to_string()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let planted = self.planted.iter().map(|leak| {
            let mut value = figures(&leak.found);
            value["name"] = leak.name.into();
            value
        });
        let lines = self.lines.iter().map(|line| {
            let mut value = figures(&line.found);
            value["mode"] = line.mode.name().into();
            value["class"] = line.class.into();
            value["samples"] = line.samples.into();
            value
        });
        json!({
            "good": self.are_good(),
            "crops": CROPS,
            "planted": planted.collect::<Vec<_>>(),
            "classes": lines.collect::<Vec<_>>(),
        })
    }
}

fn row(mode: &str, class: &str, samples: &str, found: &Comparison, told: &str) -> [String; 9] {
    let largest = found.t.iter().fold(0.0_f64, |most, t| most.max(t.abs()));
    [
        mode.to_owned(),
        class.to_owned(),
        samples.to_owned(),
        format!("{:.0}", found.median_ns),
        format!("{:+.0}", found.shift_ns),
        format!("{:+.2}", found.shift_part() * 100.0),
        format!("{largest:.1}"),
        format!("{} of {}", found.crops_met(), CROPS.len()),
        told.to_owned(),
    ]
}

fn figures(found: &Comparison) -> Value {
    json!({
        "baseNs": found.base_ns,
        "medianNs": found.median_ns,
        "shiftNs": found.shift_ns,
        "t": found.t,
        "difference": found.is_difference(),
    })
}
