//! What processes of ours cost, by name: memory at its highest, and processor time, those that were killed included.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use serde_json::Value;
use serde_json::json;

use crate::runtime::locked;
use crate::serve::Task;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(250);

/// The kernel counts processor time in hundredths of a second (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

/// What all processes of a name have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// How many there were.
    pub processes: usize,
    /// The most memory that one of them had in RAM, in kilobytes.
    pub peak_kb: u64,
    /// Processor time of all, in seconds.
    pub cpu_seconds: f64,
}

impl Cost {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "processes": self.processes, "peakKilobytes": self.peak_kb, "cpuSeconds": self.cpu_seconds })
    }
}

/// Memory and ticks of one process.
type Seen = BTreeMap<u32, (String, u64, u64)>;

/// A watch over processes. Dropping it ends it.
#[derive(Debug)]
pub struct Procs {
    seen: Arc<Mutex<Seen>>,
    _task: Task,
}

impl Procs {
    /// Watches all processes below this one that have one of these names.
    pub fn start(names: &'static [&'static str]) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let kept = Arc::clone(&seen);
        let task = Task::spawn(async move {
            loop {
                look(names, &kept);
                SystemClock.sleep(EVERY).await;
            }
        });
        Self { seen, _task: task }
    }

    /// What they have cost so far, by name.
    pub fn costs(&self) -> BTreeMap<String, Cost> {
        let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
        for (name, peak, ticks) in locked(&self.seen).values() {
            let cost = costs.entry(name.clone()).or_default();
            cost.processes += 1;
            cost.peak_kb = cost.peak_kb.max(*peak);
            #[expect(clippy::cast_precision_loss, reason = "no run takes 2^53 ticks")]
            let seconds = *ticks as f64 / TICKS;
            cost.cpu_seconds += seconds;
        }
        costs
    }
}

/// Processor time that the living threads of a process have used, to the nanosecond (proc(5), `/proc/pid/schedstat`);
/// nothing of those that have ended, as idle helpers do after ten seconds.
pub fn cpu(id: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else {
        return Duration::ZERO;
    };
    let of = |path: std::path::PathBuf| {
        let told = fs::read_to_string(path.join("schedstat")).ok()?;
        told.split(' ').next()?.parse::<u64>().ok()
    };
    let each = tasks.filter_map(|task| of(task.ok()?.path()));
    Duration::from_nanos(each.sum())
}

fn look(names: &[&str], seen: &Mutex<Seen>) {
    let Ok(all) = fs::read_dir("/proc") else {
        return;
    };
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let ids: Vec<u32> = ids.collect();
    let parents: BTreeMap<u32, u32> = ids
        .iter()
        .filter_map(|id| Some((*id, stat(*id)?.1)))
        .collect();
    for id in ids {
        let Some((name, _, ticks)) = stat(id) else {
            continue;
        };
        if names.contains(&&*name) && is_below(id, &parents) {
            let peak = peak(id).unwrap_or_default();
            let mut seen = locked(seen);
            let kept = seen.entry(id).or_insert((name, 0, 0));
            (kept.1, kept.2) = (kept.1.max(peak), kept.2.max(ticks));
        }
    }
}

fn is_below(id: u32, parents: &BTreeMap<u32, u32>) -> bool {
    let own = std::process::id();
    let ancestors = std::iter::successors(Some(id), |id| parents.get(id).copied());
    ancestors.take(16).any(|ancestor| ancestor == own)
}

/// Name, parent and ticks of a process (proc(5), `/proc/pid/stat`).
fn stat(id: u32) -> Option<(String, u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (start, rest) = text.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let parent = u32::try_from(number(1)?).ok()?;
    Some((name.to_owned(), parent, number(11)? + number(12)?))
}

/// The most that it had in RAM, in kilobytes.
pub fn peak(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_child_is_seen_with_what_it_costs() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let procs = Procs::start(&["sleep"]);
        SystemClock.sleep(2 * EVERY).await;
        let costs = procs.costs();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            costs["sleep"].processes >= 1 && costs["sleep"].peak_kb > 100,
            "{costs:?}"
        );
    }
}
