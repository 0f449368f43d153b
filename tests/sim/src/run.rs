//! One seed, played from its first arrival to the silence days later.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cvm_maria::ground::Ground;

use crate::chronicle::Tally;
use crate::chronicle::Violation;
use crate::device::Device;
use crate::doors::Doors;
use crate::executor::Executor;
use crate::executor::Spawner;
use crate::operator::Operator;
use crate::scenario::Scenario;
use crate::source;
use crate::world::Site;

/// After the faults have ended: dead letters are sent again once, then every message that ever was,
/// then all must be quiet.
const DEAD_LETTERS: Duration = Duration::from_hours(50);
const REPLAY: Duration = Duration::from_hours(66);
const REPLAYED: Duration = Duration::from_hours(70);
const END: Duration = Duration::from_hours(72);

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The hash of all events.
    pub hash: u64,
    /// The first invariant that was broken.
    pub violation: Option<Violation>,
    /// Counts.
    pub tally: Tally,
    /// Calls of ports.
    pub calls: u64,
    /// How much virtual time passed.
    pub lasted: Duration,
    /// The text, if it was wanted.
    pub lines: Vec<String>,
}

/// Plays a scenario on the fakes.
pub fn play(scenario: Scenario, with_text: bool) -> Outcome {
    play_on(&Ground::Memory, scenario, with_text)
}

/// Plays a scenario on this ground.
pub fn play_on(ground: &Ground, scenario: Scenario, with_text: bool) -> Outcome {
    let site = Site::new(ground, scenario, with_text);
    let spawner = Spawner::default();
    let over = Rc::new(Cell::new(false));
    for plan in &site.scenario.devices {
        let doors = Doors::new(&site, &spawner);
        spawner.spawn(Device::new(&site, plan, doors).live());
    }
    spawner.spawn(source::deliver(site.clone(), spawner.clone()));
    spawner.spawn(source::sweep(site.clone(), spawner.clone()));
    spawner.spawn(run_to_the_end(site.clone(), spawner.clone(), over.clone()));
    let broken = || site.chronicle.lock().unwrap().violation.is_some();
    Executor::new(site.time.clone(), spawner).run(|| over.get() || broken());
    let chronicle = std::mem::take(&mut *site.chronicle.lock().unwrap());
    Outcome {
        hash: chronicle.hash(),
        lasted: site.elapsed(),
        violation: chronicle.violation,
        tally: chronicle.tally,
        calls: chronicle.calls,
        lines: chronicle.lines.unwrap_or_default(),
    }
}

async fn run_to_the_end(site: Site, spawner: Spawner, over: Rc<Cell<bool>>) {
    let operator = Rc::new(Operator::new(&site));
    let busy = operator.clone();
    spawner.spawn(async move { busy.work().await });
    let ends = site.scenario.weather.ends;
    site.at(ends + DEAD_LETTERS).await;
    operator.replay();
    site.at(ends + REPLAY).await;
    let served = site.served();
    let messages = std::mem::take(&mut site.ledger.lock().unwrap().messages);
    site.count_many("messages", "replayed at the end", messages.len() as u64);
    for body in &messages {
        site.push(body, None);
    }
    site.at(ends + REPLAYED).await;
    site.check_replay(&served);
    site.at(ends + END).await;
    site.check_end();
    over.set(true);
}
