//! Instructions of a certificate, counted by callgrind: the same on every run, whatever else the machine does, so that CI
//! can hold them to a bound.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_lambda::Error;
use cvm_lambda::function::Function;
use cvm_local::functions::Functions;
use cvm_shared::ports::Clock as _;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::bounds::Bound;
use crate::bounds::Mode;
use crate::bounds::Part;
use crate::bounds::bounds;
use crate::cpu::fleet;
use crate::device::Way;
use crate::parts::Parts;
use crate::peer::script;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::target::Report;
use crate::target::Target;

/// Devices of a short and of a long run: the difference is theirs alone, without the start.
const FEW: usize = 10;
const MANY: usize = 30;
/// How long callgrind may take to write down what it has counted.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was counted of one function in one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// From its start to the first device that is measured, with the devices that warm it up.
    pub start: u64,
    /// For each device.
    pub each: u64,
}

/// Counts both functions in both modes, and holds them to their bounds.
pub async fn measure(parts: &Parts) -> Result<Report, Error> {
    let head = [
        "function",
        "mode",
        "a certificate",
        "bound",
        "start and ten certificates",
    ];
    let mut sheet = Sheet::new("instructions (callgrind)", &head);
    let mut targets = Vec::new();
    for (way, mode) in [(Way::ALL[0], Mode::Csr), (Way::ALL[3], Mode::Keys)] {
        let both = each(&parts.functions, way).await?;
        for (part, counted) in [Part::Ingest, Part::Worker].into_iter().zip(both) {
            let bound = bounds()?.into_iter().find(|bound| bound.is_of(part, mode));
            sheet.row(line(part, mode, counted, bound.as_ref()));
            targets.extend(bound.map(|bound| held(counted, &bound)));
        }
    }
    sheet.note("AWS over plain HTTP. A certificate is a submission, its order in a batch of ten, a poll and a confirmation.");
    Ok(Report {
        sheets: vec![sheet],
        targets,
    })
}

/// What the door and the worker take.
pub async fn each(functions: &Functions, way: Way) -> Result<[Counted; 2], Error> {
    let few = run(functions, way, FEW).await?;
    let many = run(functions, way, MANY).await?;
    Ok([counted(few[0], many[0]), counted(few[1], many[1])])
}

fn counted(few: u64, many: u64) -> Counted {
    let between = (MANY - FEW) as u64;
    Counted {
        start: few,
        each: many.saturating_sub(few) / between,
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn held(counted: Counted, bound: &Bound) -> Target {
    Target::at_most(bound.target(), bound.most as f64, counted.each as f64)
}

fn line(part: Part, mode: Mode, counted: Counted, bound: Option<&Bound>) -> [Cell; 5] {
    let part = match part {
        Part::Ingest => "ingest",
        Part::Worker => "worker",
    };
    let mode = match mode {
        Mode::Csr => "csr",
        Mode::Keys => "keys",
    };
    [
        part.into(),
        mode.into(),
        counted.each.into(),
        bound.map_or(Cell::None, |bound| bound.most.into()),
        counted.start.into(),
    ]
}

/// All instructions of the door and of the worker for so many devices.
async fn run(functions: &Functions, way: Way, devices: usize) -> Result<[u64; 2], Error> {
    let dir = tempfile::tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let counting = Functions {
        ingest: wrapped(&functions.ingest, dir.path())?,
        worker: wrapped(&functions.worker, dir.path())?,
        ..functions.clone()
    };
    let rig = Rig::start(&counting, Wire::Plain).await?;
    rig.ingest.warm().await?;
    rig.worker.warm().await?;
    rig.vend(&fleet("COUNT", way, devices)?).await?;
    Ok([
        total(&rig.ingest, &functions.ingest, dir.path()).await?,
        total(&rig.worker, &functions.worker, dir.path()).await?,
    ])
}

/// A script that runs the binary, or what a script becomes in the end, under callgrind.
fn wrapped(binary: &Path, dir: &Path) -> Result<PathBuf, Error> {
    let path = dir.join(format!("{}.sh", name(binary)));
    let run = format!(
        "exec valgrind --quiet --tool=callgrind --trace-children=yes --callgrind-out-file={} {}",
        counts(binary, dir).display(),
        binary.display()
    );
    script(&path, &run).map_err(|error| Error::disk(&path, error))?;
    Ok(path)
}

fn name(binary: &Path) -> String {
    let name = binary.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Where callgrind writes.
fn counts(binary: &Path, dir: &Path) -> PathBuf {
    dir.join(format!("{}.counts", name(binary)))
}

/// Ends the function's process, and reads what was counted.
async fn total(function: &Function, binary: &Path, dir: &Path) -> Result<u64, Error> {
    for id in function.ids() {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        // One that is gone has written already.
        let _gone = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
    let path = counts(binary, dir);
    let until = SystemClock.now().plus(PATIENCE);
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(total) = summed(&text) {
            return Ok(total);
        }
        if SystemClock.now() >= until {
            return Err(Error::Function {
                name: name(binary),
                cause: format!("callgrind counted nothing; {}", function.last_words()),
            });
        }
        SystemClock.sleep(Duration::from_millis(100)).await;
    }
}

/// The last line that says so is written last.
fn summed(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_not_a_device_s() {
        let counted = counted(1_000_000 + 10 * 50, 1_000_000 + 30 * 50);
        assert_eq!(counted.each, 50);
    }

    #[test]
    fn the_sum_is_read_once_it_is_there() {
        assert_eq!(summed("events: Ir\nfn=1\n1 20\n"), None);
        assert_eq!(summed("events: Ir\n1 20\ntotals: 4711\n"), Some(4711));
    }
}
