//! Processor time and memory of a certificate: ours, a function that does nothing, and what people write in Node.js.

use std::time::Duration;

use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_lambda::Error;
use cvm_lambda::function::Function;
use cvm_lambda::procs::cpu;
use cvm_lambda::procs::peak;
use cvm_local::functions::Functions;
use serde_json::Value;
use serde_json::json;

use crate::device::Device;
use crate::device::Way;
use crate::figures::megabytes;
use crate::parts::Parts;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::stopwatch::millis;
use crate::target::Report;
use crate::target::Target;

/// Devices before anything is measured.
const WARM_UP: usize = 30;

/// What the processes that do a device's work have used for so many devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    devices: usize,
    /// Of the door.
    ingest: Duration,
    /// Of the worker.
    worker: Duration,
    /// The most memory of the door's process, in kilobytes.
    pub ingest_kb: u64,
    /// The same of the worker's.
    pub worker_kb: u64,
    calls: u64,
}

/// Measures so many devices in each setting.
pub async fn measure(parts: &Parts, devices: usize) -> Result<Report, Error> {
    let head = [
        "who",
        "AWS over",
        "door, ms",
        "worker, ms",
        "in all, ms",
        "AWS calls",
        "us a call",
        "door, MB",
        "worker, MB",
    ];
    let mut sheet = Sheet::new("processor time of a certificate (user and system)", &head);
    let (mut targets, mut calls) = (Vec::new(), 0);
    for wire in [Wire::Plain, Wire::Tls] {
        for way in [Way::ALL[0], Way::ALL[3]] {
            let used = ours(&parts.functions, wire, way, devices).await?;
            sheet.row(line(&way.name(), wire, &used));
            if wire == Wire::Plain && way == Way::ALL[0] {
                targets = shown(&used);
                calls = used.calls / devices.max(1) as u64;
            }
        }
        others(parts, wire, devices, &mut sheet).await?;
        if wire == Wire::Plain {
            bare(parts, devices, calls, &mut sheet).await?;
        }
    }
    sheet.note(format!(
        "{devices} devices each, one after another, orders in batches of ten; a device submits, polls once and confirms."
    ));
    sheet.note("Node.js: one function that is asked once and answers with the certificate; it stages and claims nothing.");
    sheet.note("Bare calls: reads of a row by the SDK's own HTTP library, without the SDK: not signed, not parsed, no time limit.");
    if !parts.has_peer() {
        sheet.note("The peer in Node.js is not there: no node, no npm, or no registry.");
    }
    Ok(Report {
        sheets: vec![sheet],
        targets,
    })
}

fn shown(used: &Used) -> Vec<Target> {
    let worst = megabytes(used.ingest_kb.max(used.worker_kb));
    vec![
        Target::at_most(
            "processor time of a certificate, ms",
            0.5,
            used.each(used.all()),
        )
        .shown(),
        Target::at_most("memory of a process, MB", 20.0, worst).shown(),
    ]
}

impl Used {
    /// Of door and worker.
    pub fn all(&self) -> Duration {
        self.ingest + self.worker
    }

    /// Milliseconds for each device.
    #[expect(clippy::cast_precision_loss, reason = "counts of devices")]
    pub fn each(&self, span: Duration) -> f64 {
        millis(span) / self.devices.max(1) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of calls")]
    fn calls_each(&self) -> f64 {
        self.calls as f64 / self.devices.max(1) as f64
    }
}

fn line(who: &str, wire: Wire, used: &Used) -> [Cell; 9] {
    let worker = |cell| {
        if used.worker_kb == 0 {
            Cell::None
        } else {
            cell
        }
    };
    let (all, calls) = (used.each(used.all()), used.calls_each());
    let a_call = if used.calls == 0 {
        Cell::None
    } else {
        Cell::Number(1000.0 * all / calls, 0)
    };
    [
        who.into(),
        wire.name().into(),
        Cell::Number(used.each(used.ingest), 3),
        worker(Cell::Number(used.each(used.worker), 3)),
        Cell::Number(all, 3),
        Cell::Number(calls, 1),
        a_call,
        Cell::Number(megabytes(used.ingest_kb), 1),
        worker(Cell::Number(megabytes(used.worker_kb), 1)),
    ]
}

/// What our functions use for so many devices.
pub async fn ours(
    functions: &Functions,
    wire: Wire,
    way: Way,
    devices: usize,
) -> Result<Used, Error> {
    let rig = Rig::start(functions, wire).await?;
    rig.vend(&fleet("WARM", way, WARM_UP)?).await?;
    let fleet = fleet("CPU", way, devices)?;
    let ids = (only(&rig.ingest)?, only(&rig.worker)?);
    let (before, calls) = ((cpu(ids.0), cpu(ids.1)), rig.calls()?);
    rig.vend(&fleet).await?;
    let made = rig.calls()?.since(&calls);
    // The rig's own.
    let own = made.of(&["ReceiveMessage", "DeleteMessageBatch"]) + devices as u64;
    Ok(Used {
        devices,
        ingest: cpu(ids.0).saturating_sub(before.0),
        worker: cpu(ids.1).saturating_sub(before.1),
        ingest_kb: peak(ids.0).unwrap_or_default(),
        worker_kb: peak(ids.1).unwrap_or_default(),
        calls: made.all() - own,
    })
}

async fn others(parts: &Parts, wire: Wire, devices: usize, sheet: &mut Sheet) -> Result<(), Error> {
    let rig = Rig::start(&parts.functions, wire).await?;
    for mode in [KeyMode::Csr, KeyMode::Keys] {
        let Some(peer) = parts.peer(&rig) else {
            continue;
        };
        let used = peers(&rig, &peer, mode, devices).await?;
        let who = format!("Node.js, {}", cvm_lambda::matrix::mode_name(mode));
        sheet.row(line(&who, wire, &used));
        peer.kill_all().await;
    }
    if let Some(trivial) = parts.trivial(&rig).filter(|_| wire == Wire::Plain) {
        let event = Device::new("NOBODY", Way::ALL[0])?.submission();
        let used = alone(&rig, &trivial, &vec![event; devices]).await?;
        sheet.row(line("an event that nothing is done for", wire, &used));
    }
    Ok(())
}

/// As many calls as a certificate takes, and nothing else: what no program is below.
async fn bare(parts: &Parts, devices: usize, calls: u64, sheet: &mut Sheet) -> Result<(), Error> {
    let rig = Rig::start(&parts.functions, Wire::Plain).await?;
    let device = Device::new("BARE", Way::ALL[0])?;
    let Some(bare) = parts.bare(&rig, &device, calls) else {
        return Ok(());
    };
    rig.import(&device).await?;
    let used = alone(&rig, &bare, &vec![device.submission(); devices]).await?;
    let who = format!("an event with {calls} bare calls");
    sheet.row(line(&who, Wire::Plain, &used));
    Ok(())
}

async fn peers(rig: &Rig, peer: &Function, mode: KeyMode, devices: usize) -> Result<Used, Error> {
    let way = Way {
        mode,
        auth: Auth::Token,
        lean: false,
    };
    let name = cvm_lambda::matrix::mode_name(mode);
    let fleet = fleet(&format!("PEER-{name}"), way, devices)?;
    let mut events = Vec::new();
    for device in &fleet {
        rig.import(device).await?;
        events.push(device.plain_submission());
    }
    alone(rig, peer, &events).await
}

/// A function that is given these events and nothing else; the first tenth warms it up.
async fn alone(rig: &Rig, function: &Function, events: &[Value]) -> Result<Used, Error> {
    let (warm, measured) = events.split_at(events.len() / 10);
    for event in warm {
        answered(function, event).await?;
    }
    let id = only(function)?;
    let (before, calls) = (cpu(id), rig.calls()?);
    for event in measured {
        answered(function, event).await?;
    }
    Ok(Used {
        devices: measured.len(),
        ingest: cpu(id).saturating_sub(before),
        ingest_kb: peak(id).unwrap_or_default(),
        calls: rig.calls()?.since(&calls).all(),
        ..Used::default()
    })
}

async fn answered(function: &Function, event: &Value) -> Result<(), Error> {
    let answer = function.invoke(event).await;
    let status = answer.as_ref().map(|answer| answer["statusCode"].clone());
    match status {
        Ok(status) if status == json!(200) || status == json!(204) => Ok(()),
        Ok(_) | Err(_) => Err(Error::Function {
            name: function.spec().name.clone(),
            cause: format!("{answer:?}; {}", function.last_words()),
        }),
    }
}

/// Its only process.
fn only(function: &Function) -> Result<u32, Error> {
    let dead = || Error::Function {
        name: function.spec().name.clone(),
        cause: "it has not exactly one process".to_owned(),
    };
    match function.ids()[..] {
        [id] => Ok(id),
        _ => Err(dead()),
    }
}

/// So many devices.
pub fn fleet(prefix: &str, way: Way, devices: usize) -> Result<Vec<Device>, Error> {
    let name = |number| format!("{prefix}-{number:05}");
    (0..devices)
        .map(|number| Device::new(&name(number), way))
        .collect()
}
