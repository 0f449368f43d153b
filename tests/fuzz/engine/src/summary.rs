//! What came of a hunt.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

/// What came of hunting in one target.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The target.
    pub target: String,
    /// How long it took.
    pub seconds: f64,
    /// How many inputs were run.
    pub executions: u64,
    /// Edges that were reached.
    pub coverage: usize,
    /// Edges that there are.
    pub edges: usize,
    /// Edges, times the classes of counts that they were reached with.
    pub features: usize,
    /// Inputs in the folder of seeds.
    pub seeds: usize,
    /// Edges that the seeds reach.
    pub seed_coverage: usize,
    /// Inputs that reached something new, seeds included.
    pub pool: usize,
    /// Inputs that took longer than they may, in each of three tries.
    pub slow: u64,
    /// The longest that the timed part of the target took, in microseconds.
    pub slowest_micros: u64,
    /// What the target says of the inputs: how many came to which end.
    pub ends: BTreeMap<String, u64>,
    /// What went wrong, each place once.
    pub findings: Vec<Finding>,
}

/// What went wrong, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Where: file and line of the panic, or how the process ended.
    pub place: String,
    /// What the panic said.
    pub message: String,
    /// The input, made short.
    pub input: PathBuf,
}
