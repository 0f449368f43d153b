//! A burst: all devices ask at once, of workers that are throttled, killed and told everything twice.

mod outcome;
mod plan;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_local::functions::Functions;
use cvm_shared::ports::Clock as _;

use crate::backend::Backend;
use crate::backend::Queues;
use crate::backend::Row;
use crate::error::Error;
use crate::fleet;
use crate::fleet::Journey;
use crate::fleet::Member;
use crate::gauge::Gauge;
use crate::killer::Killer;
use crate::lane::Lane;
use crate::sweep;

pub use outcome::Outcome;
pub use outcome::SHARE_LEAST;
pub use plan::Plan;

/// How a burst goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Devices that have confirmed.
    pub confirmed: usize,
    /// Messages in the queue, in whatever state.
    pub queued: u64,
    /// Busy workers that were killed.
    pub kills: usize,
}

/// A burst with all that it needs.
#[derive(Debug)]
pub struct Burst<'a> {
    backend: &'a Backend,
    plan: &'a Plan,
    lane: Lane,
    janitor: PathBuf,
    members: Vec<Member>,
    dir: &'a Path,
}

impl<'a> Burst<'a> {
    /// Imports the devices and starts the functions; files go to `dir`.
    pub async fn prepare(
        backend: &'a Backend,
        functions: &Functions,
        plan: &'a Plan,
        dir: &'a Path,
    ) -> Result<Self, Error> {
        raise_file_limit();
        let options = plan.lane(backend.account().is_none());
        let queues = queues(backend, plan).await?;
        let lane = Box::pin(Lane::start(
            backend, functions, queues, dir, "burst", options,
        ))
        .await?;
        let members = fleet::members(plan.devices, plan.keys)?;
        fleet::import(backend, &members).await?;
        Ok(Self {
            backend,
            plan,
            lane,
            janitor: functions.janitor.clone(),
            members,
            dir,
        })
    }

    /// Lets it happen, and looks at what is left.
    pub async fn run(self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Outcome, Error> {
        let began = SystemClock.now();
        let until = began.plus(self.plan.limit);
        let killer = self.plan.kill_every.map(|every| self.killer(every));
        let gauge = self
            .backend
            .account()
            .map(|account| Gauge::start(account.clone()));
        let confirmed = Arc::new(AtomicUsize::new(0));
        let kills = || killer.as_ref().map_or(0, Killer::kills);
        let journeys = fleet::vend_all(
            self.lane.front.url(),
            "",
            &self.members,
            self.dir,
            until,
            &confirmed,
        );
        let journeys = tokio::select! {
            journeys = Box::pin(journeys) => journeys?,
            error = self.watch(progress, &confirmed, &kills) => return Err(error),
        };
        let took = SystemClock.now().since(began);
        let kills = kills();
        drop(killer);
        let seen = Seen {
            journeys,
            took,
            kills,
            left: self.drain().await?,
            gauge,
        };
        Box::pin(self.outcome(seen)).await
    }

    fn killer(&self, every: Duration) -> Killer {
        let (worker, plan) = (self.lane.worker.clone(), self.plan);
        Killer::start(worker, every, plan.kills_most, plan.seed)
    }

    async fn watch(
        &self,
        progress: &(dyn Fn(Progress) + Sync),
        confirmed: &AtomicUsize,
        kills: &(dyn Fn() -> usize + Sync),
    ) -> Error {
        loop {
            let queued = match self.backend.depth(&self.lane.queues.work).await {
                Ok(queued) => queued,
                Err(error) => return error,
            };
            let confirmed = confirmed.load(Ordering::SeqCst);
            progress(Progress {
                confirmed,
                queued,
                kills: kills(),
            });
            SystemClock.sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits for the messages that are still under way; how many are left when it gives up.
    async fn drain(&self) -> Result<u64, Error> {
        let patience = Duration::from_secs(3 * self.plan.visibility_seconds);
        let until = SystemClock.now().plus(patience);
        loop {
            let depth = self.backend.depth(&self.lane.queues.work).await?;
            if depth == 0 || SystemClock.now() >= until {
                return Ok(depth);
            }
            SystemClock.sleep(Duration::from_millis(200)).await;
        }
    }

    async fn outcome(self, seen: Seen) -> Result<Outcome, Error> {
        let rows = fleet::rows(self.backend, &self.members).await?;
        let named = rows.iter().filter_map(|row| row.certificate.clone());
        let named: BTreeSet<String> = named.collect();
        let created = self.created();
        let orphans: Vec<String> = created.difference(&named).cloned().collect();
        let account = self.backend.account();
        // Before the sweep, whose calls are not the workers'.
        let usage = account.map(cvm_standin::Account::usages);
        let gauge = seen.gauge.as_ref();
        Ok(Outcome {
            devices: self.members.len(),
            vended: rows
                .iter()
                .filter(|row| row.vended && row.confirmed)
                .count(),
            dead_letters: self.backend.dead_letters(&self.lane.queues.dead).await?,
            left: seen.left,
            most_active: self.most_active().await?,
            // Those that their own worker has deleted again count too.
            created: account.map_or(created.len(), all_created),
            orphans: self.backend.existing(&orphans).await?.len(),
            orphans_left: self.sweep(&orphans).await?,
            usage: usage.unwrap_or_default(),
            shares: gauge
                .map(|gauge| gauge.shares(&self.plan.quotas(), self.plan.backlog()))
                .unwrap_or_default(),
            timeline: gauge.map(Gauge::timeline).unwrap_or_default(),
            took: seen.took,
            waits: waits(&seen.journeys),
            lost: lost(&seen.journeys, &self.members, &rows),
            requests: Some(self.lane.ingest.lives().events),
            kills: seen.kills,
            tally: self.lane.poller.tally(),
        })
    }

    fn created(&self) -> BTreeSet<String> {
        match self.backend.certificates() {
            Some(all) => all.into_iter().map(|certificate| certificate.id).collect(),
            None => self.lane.wire.record().certificates,
        }
    }

    async fn most_active(&self) -> Result<usize, Error> {
        if let Some(account) = self.backend.account() {
            return Ok(account.most_active_of_a_thing());
        }
        let mut most = 0;
        for member in &self.members {
            let attached = self.backend.certificates_of(member.serial.as_str()).await?;
            most = most.max(
                attached
                    .iter()
                    .filter(|certificate| certificate.active)
                    .count(),
            );
        }
        Ok(most)
    }

    /// How many of these a sweep leaves.
    async fn sweep(&self, orphans: &[String]) -> Result<Option<usize>, Error> {
        if !sweep::sweep(self.backend, &self.lane.queues, &self.janitor, self.dir).await? {
            return Ok(None);
        }
        Ok(Some(self.backend.existing(orphans).await?.len()))
    }
}

/// The stand-in's own queue, which is the one it counts; in the emulator one beside the stack's.
async fn queues(backend: &Backend, plan: &Plan) -> Result<Queues, Error> {
    let Some(account) = backend.account() else {
        return backend.queues("burst", plan.visibility_seconds).await;
    };
    account.set_visibility(Duration::from_secs(plan.visibility_seconds));
    account.set_max_receives(crate::backend::QUEUE_RECEIVES);
    Ok(Queues {
        work: account.queue_url(),
        dead: account.dead_letter_queue_url(),
    })
}

/// What was seen while it went on.
struct Seen {
    journeys: Vec<Journey>,
    took: Duration,
    kills: usize,
    left: u64,
    gauge: Option<Gauge>,
}

fn all_created(account: &cvm_standin::Account) -> usize {
    usize::try_from(account.created()).unwrap_or(usize::MAX)
}

pub(crate) fn waits(journeys: &[Journey]) -> Vec<Duration> {
    let waits = journeys
        .iter()
        .filter_map(|journey| journey.ended.clone().ok().flatten());
    let mut waits: Vec<Duration> = waits.collect();
    waits.sort_unstable();
    waits
}

/// Who has no certificate, with what the device and its row say.
pub(crate) fn lost(
    journeys: &[Journey],
    members: &[Member],
    rows: &[Row],
) -> Vec<(String, String)> {
    let states = members
        .iter()
        .zip(rows)
        .map(|(member, row)| (&member.serial, &row.state));
    let states: BTreeMap<_, _> = states.collect();
    let told = |journey: &Journey| {
        let cause = journey.ended.as_ref().err()?;
        let state = states.get(&journey.serial)?;
        Some((
            journey.serial.to_string(),
            format!("{cause} (applyState {state})"),
        ))
    };
    journeys.iter().filter_map(told).collect()
}

/// Every device has a connection of its own now and then, and so has its other end.
pub(crate) fn raise_file_limit() {
    use rustix::process::Resource;
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it cannot be raised, it may still be high enough.
    let _as_it_was = rustix::process::setrlimit(Resource::Nofile, limit);
}
