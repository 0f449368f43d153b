//! Rounds: how much longer each step takes when every AWS call does, which is how many of its calls come one after another.

use std::time::Duration;

use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_lambda::Error;
use cvm_local::functions::Functions;

use crate::device::Device;
use crate::device::Way;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::stopwatch::Stopwatch;
use crate::stopwatch::millis;
use crate::target::Report;
use crate::target::Target;

/// What each call of AWS takes at least.
const LATENCIES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(200),
];
/// Lives for each latency; the quickest counts, for nothing makes a call quicker than it is.
const LIVES: usize = 3;

/// How long the steps of one life took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the question to the answer that it is accepted.
    pub submit: Duration,
    /// The worker's whole work.
    pub work: Duration,
    /// From the question to the answer with the link.
    pub poll: Duration,
    /// From the confirmation to its answer.
    pub confirm: Duration,
}

impl Times {
    fn steps(self) -> [Duration; 4] {
        [self.submit, self.work, self.poll, self.confirm]
    }

    /// The quicker of two lives, step by step.
    fn least(self, other: Self) -> Self {
        Self {
            submit: self.submit.min(other.submit),
            work: self.work.min(other.work),
            poll: self.poll.min(other.poll),
            confirm: self.confirm.min(other.confirm),
        }
    }
}

/// Measures all modes.
pub async fn measure(functions: &Functions) -> Result<Report, Error> {
    let mut report = Report::default();
    for way in Way::ALL {
        report = report.and(rounds(functions, way).await?);
    }
    Ok(report)
}

/// Measures one mode.
pub async fn rounds(functions: &Functions, way: Way) -> Result<Report, Error> {
    let rig = Rig::start(functions, Wire::Plain).await?;
    rig.vend(&[Device::new("FIRST", way)?]).await?;
    let mut all = Vec::new();
    for latency in LATENCIES {
        rig.account()?.set_latency(latency);
        let mut best: Option<Times> = None;
        for life in 0..LIVES {
            let name = format!("ROUND-{}-{life}", latency.as_millis());
            let times = live(&rig, &Device::new(&name, way)?).await?;
            best = Some(best.map_or(times, |best| best.least(times)));
        }
        all.extend(best.map(|times| (latency, times)));
    }
    Ok(told(way, &all))
}

async fn live(rig: &Rig, device: &Device) -> Result<Times, Error> {
    rig.import(device).await?;
    let (submit, request) = timed(rig.submit(device)).await?;
    let batch = rig.receive(1).await?;
    let (work, ()) = timed(rig.work(&batch)).await?;
    rig.delete(&batch).await?;
    let look = device.poll(&request);
    let (poll, _) = timed(rig.ask(&look, 200)).await?;
    let done = device.confirmation(&request);
    let (confirm, _) = timed(rig.ask(&done, 204)).await?;
    Ok(Times {
        submit,
        work,
        poll,
        confirm,
    })
}

async fn timed<T>(act: impl Future<Output = Result<T, Error>>) -> Result<(Duration, T), Error> {
    let watch = Stopwatch::start();
    let done = Box::pin(act).await?;
    Ok((watch.elapsed(), done))
}

fn told(way: Way, all: &[(Duration, Times)]) -> Report {
    let head = [
        "latency of a call, ms",
        "submit, ms",
        "work, ms",
        "poll, ms",
        "confirm, ms",
    ];
    let mut sheet = Sheet::new(title(way), &head);
    for (latency, times) in all {
        let latency = Cell::Number(millis(*latency), 0);
        let steps = times.steps().map(|step| Cell::Number(millis(step), 1));
        sheet.row(std::iter::once(latency).chain(steps));
    }
    let rounds: Vec<f64> = (0..4).map(|step| slope(all, step)).collect();
    let shown = rounds.iter().map(|rounds| Cell::Number(*rounds, 2));
    sheet.row(std::iter::once("rounds (slope)".into()).chain(shown));
    let targets = targets(way);
    let worker = rounds.get(1).copied().unwrap_or_default().round();
    let polls = rounds.get(2).copied().unwrap_or_default().round();
    Report {
        sheets: vec![sheet],
        targets: vec![
            Target::at_most(targets[0], WORKER_ROUNDS, worker),
            Target::at_most(targets[1], 1.0, polls),
        ],
    }
}

/// Of the worker, from the order to a row that is Vended.
const WORKER_ROUNDS: f64 = 8.0;

fn targets(way: Way) -> [&'static str; 2] {
    match way.mode {
        KeyMode::Csr => [
            "rounds of the worker, CSR mode",
            "rounds of a poll, CSR mode",
        ],
        KeyMode::Keys => [
            "rounds of the worker, keys mode",
            "rounds of a poll, keys mode",
        ],
    }
}

fn title(way: Way) -> &'static str {
    match (way.mode, way.auth) {
        (KeyMode::Csr, Auth::Proof | Auth::Nonce) => "rounds, CSR mode with a proof",
        (KeyMode::Csr, Auth::Token) => "rounds, CSR mode with a token",
        (KeyMode::Keys, Auth::Proof | Auth::Nonce) => "rounds, keys mode with a proof",
        (KeyMode::Keys, Auth::Token) => "rounds, keys mode with a token",
    }
}

/// The slope of the line that lies closest to a step's times over the latencies (least squares).
fn slope(all: &[(Duration, Times)], step: usize) -> f64 {
    let points = all.iter().map(|(latency, times)| {
        let spent = times.steps().get(step).copied().unwrap_or_default();
        (millis(*latency), millis(spent))
    });
    let points: Vec<(f64, f64)> = points.collect();
    #[expect(clippy::cast_precision_loss, reason = "a few points")]
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (over, under) = points.iter().fold((0.0, 0.0), |(over, under), point| {
        let (dx, dy) = (point.0 - x, point.1 - y);
        (over + dx * dy, under + dx * dx)
    });
    over / under
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_adds_a_latency() {
        let times = |rounds: u32, latency: Duration| {
            let spent = Duration::from_millis(3) + latency * rounds;
            Times {
                submit: spent,
                work: spent,
                poll: spent,
                confirm: spent,
            }
        };
        let all = LATENCIES.map(|latency| (latency, times(7, latency)));
        assert!((slope(&all, 1) - 7.0).abs() < 1e-6);
    }
}
