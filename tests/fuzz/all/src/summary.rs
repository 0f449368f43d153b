//! What came of one hunt, read from what libFuzzer printed and from what the target told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// What came of hunting in one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) target: String,
    /// How many inputs were run.
    pub(crate) executions: u64,
    /// How many of them in a second.
    pub(crate) per_second: u64,
    /// Edges that there are.
    pub(crate) edges: u64,
    /// Edges that the seeds, and what earlier hunts kept, reach.
    pub(crate) seed_coverage: u64,
    /// Edges that were reached.
    pub(crate) coverage: u64,
    /// Edges, times the classes of counts that they were reached with, and compared values.
    pub(crate) features: u64,
    /// What the target said of the inputs.
    #[serde(flatten)]
    pub(crate) told: Told,
    /// What went wrong; a hunt ends at the first.
    pub(crate) finding: Option<Finding>,
}

/// What a target says of its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// How many came to which end.
    pub(crate) ends: BTreeMap<String, u64>,
    /// How many took longer than they may, in each of three tries.
    pub(crate) slow: u64,
    /// The longest that the timed part took, in microseconds.
    pub(crate) slowest_micros: u64,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// The panic, or what libFuzzer said of the end.
    pub(crate) message: String,
    /// The input.
    pub(crate) input: Option<PathBuf>,
}

impl Summary {
    /// Of libFuzzer's log and the target's own words, after a hunt that went well or did not.
    pub(crate) fn read(target: &str, log: &str, told: &[u8], well: bool) -> Self {
        Self {
            target: target.to_owned(),
            executions: last(log, "stat::number_of_executed_units:"),
            per_second: last(log, "stat::average_exec_per_sec:"),
            edges: last(log, "modules   ("),
            seed_coverage: inited(log),
            coverage: last(log, " cov: "),
            features: last(log, " ft: "),
            told: serde_json::from_slice(told).unwrap_or_default(),
            finding: (!well).then(|| Finding::read(log)),
        }
    }
}

/// The coverage once all that was there had been run.
fn inited(log: &str) -> u64 {
    let line = log.lines().find(|line| line.contains("INITED"));
    last(line.unwrap_or_default(), " cov: ")
}

/// The number behind the last of these words, 0 if they are not there.
fn last<T: FromStr + Default>(log: &str, words: &str) -> T {
    let behind = log.rsplit_once(words).map_or("", |(_, behind)| behind);
    let number = behind.split_whitespace().next().unwrap_or_default();
    number.parse().unwrap_or_default()
}

impl Finding {
    fn read(log: &str) -> Self {
        let starts = ["panicked at", "ERROR: libFuzzer"];
        let first = |word: &str| log.find(word).map(|place| &log[place..]);
        let story = starts.into_iter().find_map(first).unwrap_or(log);
        let lines: Vec<&str> = story.lines().take(3).collect();
        let written = log.rsplit_once("Test unit written to ");
        let input = written.and_then(|(_, rest)| rest.lines().next());
        Self {
            message: lines.join(" "),
            input: input.map(PathBuf::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Running with entropic power schedule (0xFF, 100).
INFO: Loaded 1 modules   (1201 inline 8-bit counters): 1201 [0x1, 0x2),
#17	INITED cov: 310 ft: 402 corp: 16/1Kb exec/s: 0 rss: 40Mb
#64	NEW    cov: 320 ft: 422 corp: 17/1Kb lim: 4 exec/s: 0 rss: 40Mb
#9000	DONE   cov: 333 ft: 460 corp: 20/2Kb lim: 8 exec/s: 4500 rss: 60Mb
stat::number_of_executed_units: 9000
stat::average_exec_per_sec:     4500
";

    #[test]
    fn a_hunt_that_went_well() {
        let told = br#"{"ends":{"fine":3},"slow":1,"slowestMicros":70}"#;
        let summary = Summary::read("csr", LOG, told, true);
        assert_eq!((summary.executions, summary.per_second), (9000, 4500));
        assert_eq!((summary.edges, summary.seed_coverage), (1201, 310));
        assert_eq!((summary.coverage, summary.features), (333, 460));
        assert_eq!(summary.told.ends["fine"], 3);
        assert_eq!(summary.finding, None);
    }

    #[test]
    fn a_hunt_that_found_something() {
        let log = format!(
            "{LOG}\nthread '<unnamed>' (7) panicked at src/http.rs:3:5:\na rule\n\
             ==1== ERROR: libFuzzer: deadly signal\nTest unit written to ./crash-1\n"
        );
        let finding = Summary::read("http", &log, b"", false).finding;
        let finding = finding.unwrap_or_default();
        assert!(finding.message.contains("src/http.rs:3:5: a rule"));
        assert_eq!(finding.input, Some(PathBuf::from("./crash-1")));
    }
}
