//! One run: from a full backlog until nobody waits.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use cvm_sim::dice::Dice;
use cvm_sim::executor::Executor;
use cvm_sim::executor::Spawner;
use cvm_sim::time::Time;
use cvm_testkit::time::HandClock;

use crate::account::Account;
use crate::figures::Figures;
use crate::fluid::Fluid;
use crate::latency::Latency;
use crate::plan::Plan;
use crate::queue::FairQueue;
use crate::source::Site;
use crate::source::lane;
use crate::table::FlatTable;

/// A run that takes so many times as long as it could has lost somebody, and is ended.
const ENOUGH: f64 = 20.0;
/// What it is given on top, in seconds: the longest pauses between deliveries are minutes.
const ENOUGH_SECONDS: f64 = 7_200.0;

/// Plays the plan to its end.
pub fn play(plan: &Plan) -> Figures {
    play_watched(plan, |_| ())
}

/// The same; `progress` hears now and then how many devices are done.
pub fn play_watched(plan: &Plan, progress: impl Fn(u64)) -> Figures {
    let fluid = Fluid::of(plan);
    if plan.devices > plan.simulated_most {
        return Figures::reckoned(plan, &fluid);
    }
    let time = Time::new(HandClock::new());
    let begin = time.now();
    let site = site(plan, &fluid, &time);
    drain(&site, progress);
    Figures::simulated(&site, begin, &fluid)
}

fn drain(site: &Site, progress: impl Fn(u64)) {
    let spawner = Spawner::default();
    let lanes = Rc::new(Cell::new(site.plan.workers as usize));
    for _ in 0..site.plan.workers {
        spawner.spawn(lane(site.clone(), lanes.clone()));
    }
    let mut executor = Executor::new(site.time.clone(), spawner);
    let told = Cell::new(0);
    executor.run(|| {
        let done = site.tally.borrow().runs;
        if done > told.get() + 99 {
            told.set(done);
            progress(site.table.vended());
        }
        lanes.get() == 0
    });
}

fn site(plan: &Plan, fluid: &Fluid, time: &Time) -> Site {
    let dice = Dice::new(plan.seed);
    let latency = Latency::new(time.clone(), dice.clone(), plan.latencies);
    let line = arrivals(plan, fluid, time.now(), &dice);
    let patience = fluid.seconds(plan.all().into()) * ENOUGH + ENOUGH_SECONDS;
    Site {
        account: Account::new(plan, dice.clone()),
        table: FlatTable::new(plan, latency.clone(), time.clone(), line.clone()),
        queue: FairQueue::new(plan, latency.clone(), time.clone(), line),
        gauge: Rc::default(),
        tally: Rc::default(),
        end_millis: time.now() + millis(patience),
        plan: Rc::new(plan.clone()),
        time: time.clone(),
        dice,
        latency,
    }
}

/// When the devices ask that are in no batch: over the middle of the time that the batch takes at least.
fn arrivals(plan: &Plan, fluid: &Fluid, begin: u64, dice: &Dice) -> Arc<[u64]> {
    let seconds = fluid.seconds(plan.devices.into());
    let at = |_| begin + millis(seconds * (0.1 + 0.8 * dice.part()));
    let mut all: Vec<u64> = (0..plan.line_devices).map(at).collect();
    all.sort_unstable();
    all.into()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "spans of a simulation are positive and far below 2^52 ms"
)]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}
