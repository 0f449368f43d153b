//! Every call of a life struck in turn: the plan, and the lanes that carry it out side by side.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use cvm_device::install::KeyMode;
use cvm_local::functions::Functions;
use cvm_shared::ids::SerialNumber;
use futures_util::future::try_join_all;

use crate::backend::Backend;
use crate::error::Error;
use crate::lane::Lane;
use crate::lane::LaneOptions;
use crate::life::Life;
use crate::life::Verdict;
use crate::life::live;
use crate::proxy::wire::Phase;
use crate::proxy::wire::Point;
use crate::proxy::wire::Strike;
use crate::runtime::locked;

/// How long one life may take: a lease, some waits, and much patience with a busy machine.
const LIMIT: Duration = Duration::from_mins(3);

/// One strike at one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Who makes the device's key.
    pub mode: KeyMode,
    /// The call's number in its life, from 1.
    pub number: usize,
    /// The call.
    pub point: Point,
    /// What happens to it.
    pub strike: Strike,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = mode_name(self.mode);
        write!(f, "{mode}:{} {}, {}", self.number, self.point, self.strike)
    }
}

/// A case and what came of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The case.
    pub case: Case,
    /// What came of it.
    pub verdict: Verdict,
    /// How many of its orphans are left after a sweep, if there was one.
    pub left: Option<usize>,
}

/// A mode as it is written in `--only`.
pub fn mode_name(mode: KeyMode) -> &'static str {
    match mode {
        KeyMode::Csr => "csr",
        KeyMode::Keys => "keys",
    }
}

/// The calls of a recorded life that are struck, in a stable order.
///
/// A device may poll once or thrice before its certificate is ready, all in the same way: one poll stands for all.
/// Consecutive calls of AWS IoT run side by side and come in any order: they are sorted.
pub fn points(calls: &[Point]) -> Vec<Point> {
    let polled_again = |point: &&Point| point.phase == Phase::Poll && point.nth > 1;
    let kept = calls.iter().filter(|point| !polled_again(point));
    let mut points: Vec<Point> = kept.cloned().collect();
    // The worker's calls come between the door's as they like: each phase by itself, in the order of a life.
    points.sort_by_key(|point| point.phase);
    let beside = |one: &Point, other: &Point| {
        one.phase == other.phase && one.call.service == "iot" && other.call.service == "iot"
    };
    for together in points.chunk_by_mut(beside) {
        together.sort_by(|one, other| one.call.cmp(&other.call));
    }
    points
}

/// Lanes that live lives side by side.
#[derive(Debug)]
pub struct Crew<'a> {
    backend: &'a Backend,
    lanes: Vec<Lane>,
    dir: &'a Path,
}

impl<'a> Crew<'a> {
    /// Starts so many lanes, whose files are in `dir`.
    pub async fn start(
        backend: &'a Backend,
        functions: &Functions,
        lanes: usize,
        dir: &'a Path,
    ) -> Result<Self, Error> {
        let options = LaneOptions {
            proxied: true,
            ..LaneOptions::impatient()
        };
        let start = async |number: usize| {
            let name = format!("lane-{number}");
            let queues = backend.queues(&name, options.visibility_seconds).await?;
            Box::pin(Lane::start(backend, functions, queues, dir, &name, options)).await
        };
        let lanes = try_join_all((0..lanes).map(start)).await?;
        Ok(Self {
            backend,
            lanes,
            dir,
        })
    }

    /// The calls of a life that nobody disturbs. It is the second one: the first pays for what is made once for all, the
    /// key of the nonces, and no later life could be struck there.
    pub async fn record(&self, mode: KeyMode) -> Result<Vec<Point>, Error> {
        self.lived("first", mode).await?;
        self.lived("recorded", mode).await
    }

    async fn lived(&self, name: &str, mode: KeyMode) -> Result<Vec<Point>, Error> {
        let Some(lane) = self.lanes.first() else {
            return Err(Error::Usage("at least one lane is needed".to_owned()));
        };
        let life = Life {
            serial: serial(&format!("{name}-{}", mode_name(mode)))?,
            mode,
            aim: None,
            limit: LIMIT,
        };
        let verdict = Box::pin(live(self.backend, lane, &life, self.dir)).await?;
        match verdict.flaw {
            None => Ok(points(&verdict.calls)),
            Some(flaw) => {
                let (door, worker) = (lane.ingest.last_words(), lane.worker.last_words());
                let cause =
                    format!("{flaw}; the door's last words: {door}; the worker's: {worker}");
                Err(Error::Undisturbed(cause))
            }
        }
    }

    /// Lives all of these; `done` hears of each end, in any order.
    pub async fn run(
        &self,
        cases: Vec<Case>,
        done: &(dyn Fn(&Ran) + Sync),
    ) -> Result<Vec<Ran>, Error> {
        let left = Mutex::new(VecDeque::from(cases));
        let next = || locked(&left).pop_front();
        let work = async |lane: &Lane| {
            let mut ran = Vec::new();
            while let Some(case) = next() {
                let verdict = Box::pin(self.one(lane, &case)).await?;
                let one = Ran {
                    case,
                    verdict,
                    left: None,
                };
                done(&one);
                ran.push(one);
            }
            Ok::<_, Error>(ran)
        };
        let all = try_join_all(self.lanes.iter().map(work)).await?;
        let mut all: Vec<Ran> = all.into_iter().flatten().collect();
        all.sort_by_key(|ran| (mode_name(ran.case.mode), ran.case.number, ran.case.strike));
        Ok(all)
    }

    async fn one(&self, lane: &Lane, case: &Case) -> Result<Verdict, Error> {
        let strike = case.strike.to_string().replace(' ', "-");
        let name = format!("crash-{}-{}-{strike}", mode_name(case.mode), case.number);
        let life = Life {
            serial: serial(&name)?,
            mode: case.mode,
            aim: Some((case.point.clone(), case.strike)),
            limit: LIMIT,
        };
        live(self.backend, lane, &life, self.dir).await
    }
}

fn serial(name: &str) -> Result<SerialNumber, Error> {
    let refuse = |_| Error::Usage(format!("{name} is no serial number"));
    SerialNumber::parse(name).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::name::Call;

    fn point(phase: Phase, service: &str, operation: &str, nth: usize) -> Point {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
        };
        Point { phase, call, nth }
    }

    #[test]
    fn recordings_of_one_life_give_one_list_whatever_came_first() {
        let claim = point(Phase::Work, "dynamodb", "UpdateItem", 1);
        let (create, thing) = (
            point(Phase::Work, "iot", "CreateCertificateFromCsr", 1),
            point(Phase::Work, "iot", "CreateThing", 1),
        );
        let poll = |nth| point(Phase::Poll, "dynamodb", "GetItem", nth);
        let one = [claim.clone(), create.clone(), thing.clone(), poll(1)];
        let other = [poll(1), claim.clone(), poll(2), thing, create, poll(3)];
        assert_eq!(points(&one), one);
        assert_eq!(points(&other), one);
    }
}
