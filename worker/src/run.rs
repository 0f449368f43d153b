//! One order, from claim to Vended: who may work, for how long, and what is left when work ends.
//!
//! The steps themselves are named by [`crate::plan`] and carried out by `steps`.

use std::time::Duration;

use backon::BackoffBuilder as _;
use backon::ExponentialBuilder;
use cvm_shared::event::Event;
use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;
use cvm_shared::ids::Owner;
use cvm_shared::lease::Fence;
use cvm_shared::lease::Lease;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::write::Written;
use cvm_shared::write::write;

use crate::ending::Done;
use crate::ending::Stop;
use crate::plan::Step;
use crate::plan::plan;
use crate::steps::Run;

/// No step is begun with less time than this before the run or the lease ends: its turn at the pacer
/// and its throttles (`pacer::PATIENCE`) and one call with its retries
/// (`cvm_aws::clients::CallLimits::WORKER`) must fit in.
const STEP_ROOM: Duration = Duration::from_secs(9);

/// The pauses after throttles.
const PAUSE_LEAST: Duration = Duration::from_millis(200);
const PAUSE_MOST: Duration = Duration::from_secs(2);

/// The worker's hands: its ports and its terms.
#[derive(Debug)]
pub struct Worker<R, I, V, C, N> {
    /// The device table.
    pub registry: R,
    /// AWS IoT.
    pub issuer: I,
    /// The bucket of bundles.
    pub vault: V,
    /// Time.
    pub clock: C,
    /// Randomness for owners.
    pub random: N,
    /// How long things last and how many there may be.
    pub terms: WorkTerms,
}

/// How long things last and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct WorkTerms {
    /// How long a claim lasts; longer than one run.
    pub lease: Duration,
    /// How long a bundle waits for its device.
    pub bundle_wait: Duration,
    /// How many certificates may be created for one device on one day (UTC).
    pub creates_per_day: u32,
}

/// One delivery's limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When this run is cut off.
    pub deadline: UnixMillis,
    /// Whether this is the last delivery that counts: a fault is then final.
    pub last: bool,
}

impl<R, I, V, C, N> Worker<R, I, V, C, N>
where
    R: Registry,
    I: Issuer,
    V: Vault,
    C: Clock,
    N: Random,
{
    /// Works one order off. Any number of runs, one after another or at once, do what one does.
    pub async fn run(&self, order: &Order, limits: Limits) -> Result<Done, Stop> {
        let row = self
            .registry
            .load(&order.serial)
            .await
            .map_err(Stop::GivenBack)?;
        let row = row.ok_or(Stop::UnknownDevice)?;
        let owner = Owner::from_random(self.random.bytes());
        let claim = |row: &Record| self.claim(order, row, &owner);
        match write(&self.registry, &self.hand(), row, claim)
            .await
            .map_err(Stop::GivenBack)?
        {
            Written::Applied(row) => self.hold(row, limits).await,
            Written::Refused(_, refusal) => Stop::of_claim(&refusal, self.clock.now(), limits.last),
        }
    }

    /// Our hand, as of now.
    pub(crate) fn hand(&self) -> Hand {
        Hand::new(Author::Worker, self.clock.now())
    }

    fn claim(&self, order: &Order, row: &Record, owner: &Owner) -> Event {
        let now = self.clock.now();
        Event::Claim {
            request: order.request.clone(),
            generation: order.generation,
            lease: Lease {
                epoch: row.epoch.next(),
                owner: owner.clone(),
                until: now.plus(self.terms.lease),
            },
            now,
            budget: self.terms.creates_per_day,
        }
    }

    /// Works on a row that is ours, and gives it back if the work fails.
    async fn hold(&self, row: Record, limits: Limits) -> Result<Done, Stop> {
        let State::Issuing { lease, issued, .. } = &row.state else {
            return Err(Stop::Failed(Failure::BudgetSpent));
        };
        let (fence, until) = (lease.fence(), lease.until.min(limits.deadline));
        let mut run = Run::new(self, row.clone(), fence.clone(), issued.is_none());
        match self.work(&mut run, &fence, until).await {
            Ok(done) => Ok(done),
            Err(Failure::BudgetSpent) => Err(Stop::Failed(Failure::BudgetSpent)),
            Err(failure) => {
                run.discard().await;
                let unused = run.counted_in_vain();
                let event = self.ending(&fence, &failure, limits.last, unused);
                Err(self.give_up(row, event, failure).await)
            }
        }
    }

    /// Step after step until the plan says that nothing is left. A throttle means that nothing
    /// happened: the step is taken again after a pause, as long as there is time, rather than given
    /// up with what was made so far.
    async fn work(
        &self,
        run: &mut Run<'_, R, I, V, C, N>,
        fence: &Fence,
        until: UnixMillis,
    ) -> Result<Done, Failure> {
        let mut pauses = None;
        loop {
            let step = plan(run.row(), fence, run.progress());
            match step {
                Step::Done => {
                    let asked_at = run.row().requested_at;
                    return Ok(Done::Vended { asked_at });
                }
                Step::Spent => return Err(Failure::BudgetSpent),
                Step::Lost => return Err(Failure::LeaseLost),
                Step::Supplant(_)
                | Step::Inspect(_)
                | Step::Create(_)
                | Step::Stage
                | Step::Commit
                | Step::Attach { .. }
                | Step::Activate(_)
                | Step::Finish => {}
            }
            if until.since(self.clock.now()) < STEP_ROOM {
                return Err(Failure::OutOfTime);
            }
            match Box::pin(run.carry_out(step)).await {
                Ok(()) => pauses = None,
                Err(throttled @ Failure::Throttled { .. }) => {
                    let pauses = pauses.get_or_insert_with(|| self.pauses());
                    let pause = pauses.next().unwrap_or(PAUSE_MOST);
                    if until.since(self.clock.now()) < STEP_ROOM + pause {
                        return Err(throttled);
                    }
                    self.clock.sleep(pause).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Growing pauses, with as much jitter on top as they are long.
    fn pauses(&self) -> impl Iterator<Item = Duration> + use<R, I, V, C, N> {
        let bytes = self.random.bytes();
        let seed = bytes
            .iter()
            .fold(0, |seed: u64, byte| (seed << 8) ^ u64::from(*byte));
        ExponentialBuilder::new()
            .with_min_delay(PAUSE_LEAST)
            .with_max_delay(PAUSE_MOST)
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed)
            .build()
    }

    /// Failed if repeating does not help, else released for the next one.
    fn ending(&self, fence: &Fence, failure: &Failure, last: bool, unused: bool) -> Event {
        let is_final = match failure.class() {
            Class::Wait => false,
            Class::Retry => last,
            Class::Operator | Class::Never => true,
        };
        let fence = fence.clone();
        if is_final {
            Event::Fail {
                fence,
                failure: failure.code(),
                now: self.clock.now(),
                unused,
            }
        } else {
            Event::Release { fence, unused }
        }
    }

    async fn give_up(&self, row: Record, event: Event, failure: Failure) -> Stop {
        let is_final = matches!(event, Event::Fail { .. });
        match write(&self.registry, &self.hand(), row, |_| event.clone()).await {
            Ok(Written::Applied(_)) if is_final => Stop::Failed(failure),
            // Released; or somebody else holds the row, or it cannot be reached, and the lease ends
            // by itself.
            Ok(_) | Err(_) => Stop::GivenBack(failure),
        }
    }
}
