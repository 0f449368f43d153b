//! AWS calls of a certificate, step by step, in each mode; and of a duplicate, a poll, a resume.

use std::time::Duration;

use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_lambda::Error;
use cvm_lambda::backend::Backend;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_lambda::life::Life;
use cvm_lambda::life::live;
use cvm_lambda::proxy::name::Call;
use cvm_lambda::proxy::wire::Phase;
use cvm_lambda::proxy::wire::Point;
use cvm_lambda::proxy::wire::Strike;
use cvm_local::functions::Functions;
use cvm_shared::ids::SerialNumber;
use cvm_standin::Api;
use cvm_standin::Options;
use cvm_standin::Quotas;

use crate::device::Device;
use crate::device::Way;
use crate::rig::Calls;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::target::Report;
use crate::target::Target;

/// An API that may be called this often or less is what bounds a factory.
const SLOW: f64 = 10.0;
const READS: [&str; 2] = ["GetItem", "Query"];
const WRITES: [&str; 3] = ["PutItem", "UpdateItem", "DeleteItem"];

/// What one step took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// All its calls.
    pub calls: Calls,
    /// Writes to the device's row among them.
    pub row_writes: u64,
}

impl Step {
    /// Calls of AWS IoT.
    pub fn iot(&self) -> u64 {
        self.calls.of(&Api::ALL.map(Api::name))
    }

    /// Those of them whose quota is ten a second or less.
    pub fn slow(&self) -> u64 {
        let quotas = Quotas::aws_defaults();
        let is_slow = |api: &Api| {
            let limit = quotas.limit(*api);
            limit.is_some_and(|limit| limit.per_second <= SLOW)
        };
        let slow: Vec<&str> = Api::ALL
            .into_iter()
            .filter(is_slow)
            .map(Api::name)
            .collect();
        self.calls.of(&slow)
    }

    /// Reads of DynamoDB.
    pub fn reads(&self) -> u64 {
        self.calls.of(&READS)
    }

    /// Writes to DynamoDB, to whatever table.
    pub fn writes(&self) -> u64 {
        self.calls.of(&WRITES)
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (name, count) in &other.calls.0 {
            *both.calls.0.entry(name.clone()).or_default() += count;
        }
        both.row_writes += other.row_writes;
        both
    }
}

/// The steps of one device's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// It asks.
    pub submit: Step,
    /// It asks again for the same, before it is served.
    pub again: Step,
    /// It looks, before it is served.
    pub waits: Step,
    /// It is served.
    pub work: Step,
    /// The order is delivered once more.
    pub duplicate: Step,
    /// It looks, and is given its link.
    pub poll: Step,
    /// It confirms.
    pub confirm: Step,
}

/// Measures all modes, and a resume.
pub async fn measure(functions: &Functions) -> Result<Report, Error> {
    let rig = Rig::start(functions, Wire::Plain).await?;
    let mut report = Report::default();
    let ways = Way::ALL.into_iter().chain([Way::LEAN]);
    for (number, way) in ways.enumerate() {
        // What a process asks once in its life is not asked for each certificate: this device pays it.
        rig.vend(&[Device::new(&format!("FIRST-{number}"), way)?])
            .await?;
        let device = Device::new(&format!("CALLS-{number}"), way)?;
        let steps = steps(&rig, &device).await?;
        report = report.and(told(way, &steps));
    }
    let resume = resume(functions).await?;
    Ok(report.and(resumed(&resume)))
}

/// Lives one life step by step.
pub async fn steps(rig: &Rig, device: &Device) -> Result<Steps, Error> {
    rig.import(device).await?;
    let (submit, request) = step(rig, rig.submit(device)).await?;
    let (again, _) = step(rig, rig.submit(device)).await?;
    let look = device.poll(&request);
    let (waits, _) = step(rig, rig.ask(&look, 202)).await?;
    let batch = rig.receive(1).await?;
    let (work, ()) = step(rig, rig.work(&batch)).await?;
    let (duplicate, ()) = step(rig, rig.work(&batch)).await?;
    rig.delete(&batch).await?;
    let look = device.poll(&request);
    let (poll, _) = step(rig, rig.ask(&look, 200)).await?;
    let done = device.confirmation(&request);
    let (confirm, _) = step(rig, rig.ask(&done, 204)).await?;
    Ok(Steps {
        submit,
        again,
        waits,
        work,
        duplicate,
        poll,
        confirm,
    })
}

/// Does one thing; what it took.
async fn step<T>(
    rig: &Rig,
    act: impl Future<Output = Result<T, Error>>,
) -> Result<(Step, T), Error> {
    let before = rig.calls()?;
    let _written_before = rig.account()?.keep_writes();
    let done = Box::pin(act).await?;
    let mut calls = rig.calls()?.since(&before);
    // Of a process: every so many seconds.
    calls.0.remove("GetQueueAttributes");
    let row_writes = rig.account()?.keep_writes().len() as u64;
    Ok((Step { calls, row_writes }, done))
}

fn told(way: Way, steps: &Steps) -> Report {
    let head = [
        "step",
        "IoT",
        "<= 10/s",
        "row writes",
        "guard writes",
        "reads",
        "SQS",
        "S3",
        "all",
    ];
    let title = title(way);
    let mut sheet = Sheet::new(title, &head);
    let ready = steps.submit.and(&steps.work);
    let whole = ready.and(&steps.poll).and(&steps.confirm);
    let lines = [
        ("submit", &steps.submit),
        ("work", &steps.work),
        ("  until it is ready", &ready),
        ("poll that is given the link", &steps.poll),
        ("confirm", &steps.confirm),
        ("  whole life", &whole),
        ("poll before", &steps.waits),
        ("submit again before", &steps.again),
        ("delivered once more", &steps.duplicate),
    ];
    for (name, step) in lines {
        sheet.row(line(name, step));
    }
    let targets = if way == Way::ALL[0] {
        targets(steps, &ready)
    } else if way.lean {
        vec![at_most(
            "AWS IoT calls, Thing and rights by the operator",
            3.0,
            ready.iot(),
        )]
    } else {
        Vec::new()
    };
    Report {
        sheets: vec![sheet],
        targets,
    }
}

fn title(way: Way) -> &'static str {
    match (way.lean, way.mode, way.auth) {
        (true, _, _) => "calls, CSR mode with a proof, Thing and rights by the operator",
        (false, KeyMode::Csr, Auth::Token) => "calls, CSR mode with a token",
        (false, KeyMode::Csr, Auth::Proof | Auth::Nonce) => "calls, CSR mode with a proof",
        (false, KeyMode::Keys, Auth::Token) => "calls, keys mode with a token",
        (false, KeyMode::Keys, Auth::Proof | Auth::Nonce) => "calls, keys mode with a proof",
    }
}

fn line(name: &'static str, step: &Step) -> [Cell; 9] {
    let s3 = ["PutObject", "GetObject", "HeadObject", "DeleteObject"];
    [
        name.into(),
        step.iot().into(),
        step.slow().into(),
        step.row_writes.into(),
        (step.writes() - step.row_writes).into(),
        step.reads().into(),
        step.calls
            .of(&["SendMessage", "ChangeMessageVisibility"])
            .into(),
        step.calls.of(&s3).into(),
        step.calls.all().into(),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a few calls")]
fn at_most(what: &'static str, bound: f64, got: u64) -> Target {
    Target::at_most(what, bound, got as f64)
}

fn targets(steps: &Steps, ready: &Step) -> Vec<Target> {
    vec![
        at_most(
            "AWS IoT calls that may be made ten times a second or less",
            2.0,
            ready.slow(),
        ),
        at_most(
            "writes of the device's row until it is ready",
            4.0,
            ready.row_writes,
        ),
        at_most(
            "writes of an order that is delivered once more",
            1.0,
            steps.duplicate.writes(),
        ),
        at_most(
            "writes of a submission that is repeated",
            1.0,
            steps.again.writes(),
        ),
        at_most(
            "reads of a poll",
            1.0,
            steps.poll.reads().max(steps.waits.reads()),
        ),
        at_most(
            "writes of a poll",
            0.0,
            steps.poll.writes() + steps.waits.writes(),
        ),
    ]
}

/// A worker is killed right after the row names its certificate: what its successor calls.
async fn resume(functions: &Functions) -> Result<Vec<Point>, Error> {
    let backend = Backend::stand_in(Options::default()).await?;
    let dir = tempfile::tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let options = LaneOptions {
        proxied: true,
        ..LaneOptions::impatient()
    };
    let queues = backend.queues("lane", options.visibility_seconds).await?;
    let lane = Lane::start(&backend, functions, queues, dir.path(), "lane", options);
    let lane = Box::pin(lane).await?;
    let aim = commit();
    let life = Life {
        serial: SerialNumber::parse("RESUME-1")
            .map_err(|_| Error::Usage("a serial number is none".to_owned()))?,
        mode: KeyMode::Csr,
        aim: Some((aim.clone(), Strike::KillAfter)),
        limit: Duration::from_mins(2),
    };
    let verdict = Box::pin(live(&backend, &lane, &life, dir.path())).await?;
    if !verdict.is_good() {
        return Err(Error::Undisturbed(format!("{:?}", verdict.flaw)));
    }
    let work = verdict.calls.into_iter();
    let work = work.filter(|point| point.phase == Phase::Work);
    Ok(work.skip_while(|point| *point != aim).skip(1).collect())
}

/// The worker's second write of the row.
fn commit() -> Point {
    Point {
        phase: Phase::Work,
        call: Call {
            service: "dynamodb".to_owned(),
            operation: "UpdateItem".to_owned(),
        },
        nth: 2,
    }
}

fn resumed(calls: &[Point]) -> Report {
    let mut sheet = Sheet::new("calls of a worker that goes on after a crash", &["call"]);
    for point in calls {
        sheet.row([point.call.operation.as_str().into()]);
    }
    sheet.note("The one before was killed when the row named its certificate.");
    let creates = calls
        .iter()
        .filter(|point| point.call.operation.starts_with("CreateCert"));
    #[expect(clippy::cast_precision_loss, reason = "a few calls")]
    let creates = creates.count() as f64;
    Report {
        sheets: vec![sheet],
        targets: vec![Target::at_most(
            "certificates created by one that goes on",
            0.0,
            creates,
        )],
    }
}
