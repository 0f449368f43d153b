//! The queue's event source with its workers, and the janitor's schedule.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Delivery as _;
use cvm_testkit::queue::Message;
use cvm_testkit::site::event;
use cvm_worker::batch::work_off;
use cvm_worker::sweep::Summary;

use crate::executor::Spawner;
use crate::ports::at_once;
use crate::process::Process;
use crate::scenario::Flaw;
use crate::time::SimClock;
use crate::world::MAX_RECEIVES;
use crate::world::Site;

/// How many invocations may run at once (`MaximumConcurrency`).
const WORKERS: usize = 2;
/// How long an invocation may last.
const RUN: Duration = Duration::from_secs(30);
/// How many messages an invocation is given at most.
const BATCH: u64 = 10;
/// How often the janitor comes, and how long it may take.
const SWEEP_EVERY: Duration = Duration::from_mins(15);
const SWEEP_MOST: Duration = Duration::from_mins(5);

/// Hands messages to workers for ever.
pub async fn deliver(site: Site, spawner: Spawner) {
    let running = Rc::new(Cell::new(0));
    loop {
        if site.outside.queue.is_empty() {
            site.bell.rung().await;
        }
        while running.get() < WORKERS {
            let held = receive(&site);
            if held.is_empty() {
                break;
            }
            invoke(&site, &spawner, &running, held);
        }
        let pause = if site.is_calm() {
            Duration::from_secs(10)
        } else {
            site.dice
                .span(Duration::from_millis(200), Duration::from_secs(4))
        };
        site.time.sleep(pause).await;
    }
}

/// Some of the visible messages, in any order; sometimes one of them is delivered once more.
fn receive(site: &Site) -> Vec<Message> {
    let most = usize::try_from(site.dice.between(1, BATCH)).unwrap_or(1);
    let dead = site.outside.queue.dead_letters().len();
    let mut held = site.outside.queue.receive(most);
    let dead = site.outside.queue.dead_letters().len() - dead;
    site.count_many("dead letters", "given up by the queue", dead as u64);
    site.dice.shuffle(&mut held);
    site.count_many("messages", "received", held.len() as u64);
    for message in &held {
        if site.chance(site.scenario.weather.duplicates) {
            site.count("messages", "delivered twice");
            let queue = site.outside.queue.clone();
            let (receipt, again) = (&message.receipt, site.dice.span(Duration::ZERO, RUN));
            // As if its visibility timeout had ended early.
            let _ = at_once(queue.postpone(receipt, again));
        }
    }
    held
}

fn invoke(site: &Site, spawner: &Spawner, running: &Rc<Cell<usize>>, held: Vec<Message>) {
    let (site, running) = (site.clone(), running.clone());
    if site.chance(site.scenario.weather.zombies) {
        site.count("processes", "zombies");
        let stall = i64::try_from(site.dice.below(12)).unwrap_or_default();
        let process = Process::stalling("zombie", site.next_process(), stall);
        // Its slot is free: the event source takes it for dead.
        spawner.spawn(async move {
            work(&site, &process, &held, false).await;
        });
        return;
    }
    let process = site.process("worker");
    running.set(running.get() + 1);
    spawner.spawn(async move {
        work(&site, &process, &held, true).await;
        running.set(running.get() - 1);
    });
}

/// One invocation. What it is done with is deleted, unless it died or nobody listens any more.
async fn work(site: &Site, process: &Process, held: &[Message], heeded: bool) {
    site.count("processes", "workers");
    site.tell(|| {
        let ids: Vec<String> = held
            .iter()
            .map(|message| format!("{}({})", message.id, message.receives))
            .collect();
        format!("{} gets {}", process.label(), ids.join(" "))
    });
    let ahead = clock_error(site);
    let worker = site.worker(process, ahead);
    let delivery = site.port(&site.outside.queue, process);
    let deadline = SimClock::new(&site.time, ahead).now().plus(RUN);
    let event = event(held);
    let limit = heeded.then(|| site.time.sleep(RUN));
    let run = work_off(&worker, &delivery, MAX_RECEIVES, &event, deadline);
    let Some(answer) = process.run(limit, Box::pin(run)).await else {
        site.count("processes", "workers killed");
        site.tell(|| format!("{} is dead", process.label()));
        return;
    };
    if !heeded {
        return;
    }
    let back = answer.unwrap().batch_item_failures;
    let comes_back = |id: &str| back.iter().any(|failure| failure.item_identifier == id);
    for message in held.iter().filter(|message| !comes_back(&message.id)) {
        if site.chance(site.scenario.weather.losses) {
            site.count("messages", "not deleted");
        } else {
            site.outside.queue.delete(&message.receipt);
        }
    }
}

fn clock_error(site: &Site) -> i64 {
    let most = crate::time::millis(site.scenario.weather.skew);
    if most == 0 || site.is_calm() {
        return 0;
    }
    let off = i64::try_from(site.dice.below(2 * most)).unwrap_or_default();
    off - i64::try_from(most).unwrap_or_default()
}

/// Sweeps for ever.
pub async fn sweep(site: Site, spawner: Spawner) {
    if site.scenario.flaw == Flaw::NoJanitor {
        return;
    }
    loop {
        site.time.sleep(SWEEP_EVERY).await;
        if site.chance(site.scenario.weather.zombies) {
            site.count("processes", "zombie janitors");
            let stall = i64::try_from(site.dice.below(20)).unwrap_or_default();
            let process = Process::stalling("zombie-jan", site.next_process(), stall);
            let site = site.clone();
            spawner.spawn(async move { one_sweep(&site, &process, false).await });
        } else {
            let process = site.process("janitor");
            one_sweep(&site, &process, true).await;
        }
    }
}

async fn one_sweep(site: &Site, process: &Process, mortal: bool) {
    let janitor = site.janitor(process);
    let deadline = SimClock::new(&site.time, 0).now().plus(SWEEP_MOST);
    let limit = mortal.then(|| site.time.sleep(SWEEP_MOST));
    let sweep = Box::pin(janitor.sweep(deadline));
    match process.run(limit, sweep).await {
        Some(summary) => count(site, &summary),
        None => site.count("sweeps", "killed"),
    }
}

fn count(site: &Site, summary: &Summary) {
    if summary.failed > 0 || summary.rows > 0 || summary.suspects > 0 {
        site.tell(|| format!("{summary:?}"));
    }
    for (name, count) in [
        ("sweeps", 1),
        ("complete", u64::from(summary.complete)),
        ("orders sent again", summary.resent),
        ("rows given up", summary.abandoned),
        ("bundles expired", summary.expired),
        ("certificates deactivated", summary.deactivated),
        ("certificates removed", summary.removed),
        ("orphans deleted", summary.orphans),
        ("unattributed", summary.unattributed),
        ("things failed", summary.failed),
    ] {
        site.count_many("sweeps", name, count);
    }
}
