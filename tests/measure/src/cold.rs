//! A process from its start to its first answers: what a cold start costs beyond Lambda's own part.

use std::path::Path;
use std::time::Duration;

use cvm_lambda::Error;
use cvm_lambda::function::Function;
use cvm_lambda::procs::cpu;
use cvm_lambda::procs::peak;
use cvm_local::functions::Functions;
use serde_json::Value;

use crate::cpu::fleet;
use crate::device::Device;
use crate::device::Way;
use crate::figures::file_size;
use crate::figures::megabytes;
use crate::figures::middle;
use crate::parts::Parts;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::stopwatch::Stopwatch;
use crate::stopwatch::millis;
use crate::target::Report;
use crate::target::Target;

/// Wall and processor time of one thing.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

/// One process's beginning.
#[derive(Clone, Copy, Debug, Default)]
struct Birth {
    /// Until it asks for its first event.
    init: Spent,
    /// The first event.
    first: Spent,
    /// The second one.
    second: Spent,
    /// In kilobytes, after both.
    peak_kb: u64,
}

/// Starts each function so many times.
pub async fn measure(parts: &Parts, starts: usize) -> Result<Report, Error> {
    let head = [
        "function",
        "AWS over",
        "init, ms",
        "init, CPU ms",
        "first, ms",
        "first, CPU ms",
        "second, ms",
        "second, CPU ms",
        "memory, MB",
        "binary, MB",
    ];
    let mut sheet = Sheet::new(
        "from a process's start to its second answer (medians)",
        &head,
    );
    let mut targets = Vec::new();
    for wire in [Wire::Plain, Wire::Tls] {
        let (ingest, worker) = ours(&parts.functions, wire, starts).await?;
        sheet.row(line("ingest", wire, &ingest, &parts.functions.ingest));
        sheet.row(line("worker", wire, &worker, &parts.functions.worker));
        if wire == Wire::Tls {
            targets = shown(&ingest, &worker);
        }
        others(parts, wire, starts, &mut sheet).await?;
    }
    sheet.note(format!(
        "{starts} starts each. The door's events are submissions, the worker's one order each."
    ));
    sheet.note("Lambda's own part (sandbox, download of the code) is not in it.");
    Ok(Report {
        sheets: vec![sheet],
        targets,
    })
}

fn shown(ingest: &[Birth], worker: &[Birth]) -> Vec<Target> {
    let init = |births: &[Birth]| median(births, |birth| birth.init.cpu);
    vec![
        Target::at_most("init of the door, CPU ms", 15.0, init(ingest)).shown(),
        Target::at_most("init of the worker, CPU ms", 15.0, init(worker)).shown(),
    ]
}

/// Medians of the processor time until door and worker ask for their first event, in milliseconds.
pub async fn inits(functions: &Functions, wire: Wire, starts: usize) -> Result<[f64; 2], Error> {
    let (ingest, worker) = ours(functions, wire, starts).await?;
    Ok([ingest, worker].map(|births| median(&births, |birth| birth.init.cpu)))
}

async fn ours(
    functions: &Functions,
    wire: Wire,
    starts: usize,
) -> Result<(Vec<Birth>, Vec<Birth>), Error> {
    let rig = Rig::start(functions, wire).await?;
    let (mut ingest, mut worker) = (Vec::new(), Vec::new());
    for start in 0..starts {
        let pair = fleet(&format!("COLD-{start}"), Way::ALL[0], 2)?;
        let [one, other] = &pair[..] else { continue };
        rig.import(one).await?;
        rig.import(other).await?;
        let events = [one.submission(), other.submission()];
        ingest.push(birth(&rig.ingest, &events).await?);
        let batches = [rig.receive(1).await?, rig.receive(1).await?];
        let events = batches.each_ref().map(|batch| batch.event.clone());
        worker.push(birth(&rig.worker, &events).await?);
        for batch in &batches {
            rig.delete(batch).await?;
        }
        rig.ingest.kill_all().await;
        rig.worker.kill_all().await;
    }
    Ok((ingest, worker))
}

async fn others(parts: &Parts, wire: Wire, starts: usize, sheet: &mut Sheet) -> Result<(), Error> {
    let rig = Rig::start(&parts.functions, wire).await?;
    if let Some(peer) = parts.peer(&rig) {
        let births = peers(&rig, &peer, starts).await?;
        sheet.row(line("Node.js", wire, &births, &peer.spec().binary));
    }
    if let Some(trivial) = parts.trivial(&rig).filter(|_| wire == Wire::Plain) {
        let event = Device::new("NOBODY", Way::ALL[0])?.submission();
        let mut births = Vec::new();
        for _ in 0..starts {
            births.push(birth(&trivial, &[event.clone(), event.clone()]).await?);
            trivial.kill_all().await;
        }
        sheet.row(line("does nothing", wire, &births, &trivial.spec().binary));
    }
    Ok(())
}

async fn peers(rig: &Rig, peer: &Function, starts: usize) -> Result<Vec<Birth>, Error> {
    let mut births = Vec::new();
    for start in 0..starts {
        let pair = fleet(&format!("PEER-{start}"), Way::ALL[1], 2)?;
        let [one, other] = &pair[..] else { continue };
        rig.import(one).await?;
        rig.import(other).await?;
        let events = [one.plain_submission(), other.plain_submission()];
        births.push(birth(peer, &events).await?);
        peer.kill_all().await;
    }
    Ok(births)
}

/// Starts a process and gives it two events.
async fn birth(function: &Function, events: &[Value; 2]) -> Result<Birth, Error> {
    let watch = Stopwatch::start();
    let id = function.warm().await?;
    let init = Spent {
        wall: watch.elapsed(),
        cpu: cpu(id),
    };
    Ok(Birth {
        init,
        first: spent(function, id, &events[0]).await?,
        second: spent(function, id, &events[1]).await?,
        peak_kb: peak(id).unwrap_or_default(),
    })
}

async fn spent(function: &Function, id: u32, event: &Value) -> Result<Spent, Error> {
    let (watch, before) = (Stopwatch::start(), cpu(id));
    let answer = function.invoke(event).await;
    let wall = watch.elapsed();
    if let Err(lost) = answer {
        return Err(Error::Function {
            name: function.spec().name.clone(),
            cause: format!("{lost}; {}", function.last_words()),
        });
    }
    Ok(Spent {
        wall,
        cpu: cpu(id).saturating_sub(before),
    })
}

fn line(name: &'static str, wire: Wire, births: &[Birth], binary: &Path) -> Vec<Cell> {
    let of = |what: fn(&Birth) -> Duration| Cell::Number(median(births, what), 1);
    let peaks = births.iter().map(|birth| birth.peak_kb);
    let memory = megabytes(peaks.max().unwrap_or_default());
    let size = file_size(binary);
    vec![
        name.into(),
        wire.name().into(),
        of(|birth| birth.init.wall),
        of(|birth| birth.init.cpu),
        of(|birth| birth.first.wall),
        of(|birth| birth.first.cpu),
        of(|birth| birth.second.wall),
        of(|birth| birth.second.cpu),
        Cell::Number(memory, 1),
        if size < 0.1 {
            Cell::None
        } else {
            Cell::Number(size, 1)
        },
    ]
}

/// In milliseconds.
fn median(births: &[Birth], what: fn(&Birth) -> Duration) -> f64 {
    middle(births.iter().map(what).map(millis).collect())
}
