//! Everybody but workers and janitor: the device, its door, operators, time, and what goes wrong.

use cvm_shared::event::Refusal;

use crate::budget::Chance;
use crate::happening::Happening;
use crate::janitor::allows;
use crate::model::Action;
use crate::model::Model;
use crate::model::Steps;
use crate::model::spend;
use crate::mutant::Mutant;
use crate::names::KINDS;
use crate::names::kind_of;
use crate::timer::Timer;
use crate::view::Fate;
use crate::view::Stage;
use crate::world::Cert;
use crate::world::Door;
use crate::world::LOST;
use crate::world::Pc;
use crate::world::Sweep;
use crate::world::TAKEN;
use crate::world::Worker;
use crate::world::World;

impl Model {
    pub(crate) fn device_steps(&mut self, world: &World, steps: &mut Steps) {
        for (key, chance) in [(0, Chance::AskFirst), (1, Chance::AskSecond)] {
            self.ask(world, key, chance, steps);
        }
        if !self.focus.confirms {
            return;
        }
        let view = self.rows.view(world.row);
        let waits = matches!(view.stage, Stage::Waiting | Stage::Due);
        let bundle = view.issued.filter(|_| waits).map(|mark| mark.bundle);
        let there = bundle.is_some_and(|bundle| world.bundle(bundle).is_some());
        if there && world.fetched != view.kind + 1 {
            let mut after = world.clone();
            after.fetched = view.kind + 1;
            steps.free(after, || Action::Device("fetches the bundle"));
        }
        self.confirm(world, steps);
    }

    /// `submit`: the row is read and judged, the order sent; the row is marked in a later step.
    fn ask(&mut self, world: &World, key: u8, chance: Chance, steps: &mut Steps) {
        let (Some(mut after), Some(door)) = (spend(world, chance), self.free_door(world)) else {
            return;
        };
        let Ok(opened) = self.rows.judge(world.row, Happening::Apply(key)) else {
            return;
        };
        let Some(kind) = kind_of(self.rows.view(opened).generation, key) else {
            return;
        };
        if self.lacks(Mutant::MarkBeforeSend) {
            after.set_row(opened, None);
            after.doors[door] = Door::Send(kind);
        } else {
            after.mail.put(kind, 0);
            after.doors[door] = Door::Mark(key);
        }
        steps.free(after, || {
            Action::Device(match (key, self.mutant) {
                (_, Some(Mutant::MarkBeforeSend)) => "asks; the door marks the row",
                (0, _) => "asks with its first key; the door sends the order",
                (_, _) => "asks with its second key; the door sends the order",
            })
        });
    }

    fn free_door(&self, world: &World) -> Option<usize> {
        let mut doors = world.doors.iter().take(self.focus.doors);
        doors.position(|door| *door == Door::Idle)
    }

    /// `confirm`: the row is read and judged; then the bundle is shredded, then the row says so.
    fn confirm(&mut self, world: &World, steps: &mut Steps) {
        let Some(door) = self.free_door(world).filter(|_| world.fetched > 0) else {
            return;
        };
        let kind = world.fetched - 1;
        let under_way = |door: &Door| matches!(door, Door::Shred(..) | Door::Confirm(_));
        if world.doors.iter().any(under_way) {
            return;
        }
        let mut after = world.clone();
        match self.rows.judge(world.row, Happening::Confirm(kind)) {
            Ok(_) | Err(Refusal::Already) => {
                let issued = self.rows.view(world.row).issued;
                let bundle = issued.map_or(0, |mark| mark.bundle);
                after.doors[door] = Door::Shred(kind, bundle);
            }
            Err(_) => after.fetched = 0,
        }
        steps.free(after, || Action::Device("confirms"));
    }

    pub(crate) fn door_steps(&mut self, world: &World, steps: &mut Steps) {
        for (slot, door) in world.doors.iter().enumerate() {
            let mut after = world.clone();
            after.doors[slot] = Door::Idle;
            let died = spend(&after, Chance::Crash);
            let what = match door {
                Door::Idle => continue,
                Door::Mark(key) => {
                    self.apply(&mut after, Happening::Apply(*key));
                    "marks the row"
                }
                Door::Send(kind) => {
                    after.mail.put(*kind, 0);
                    "sends the order"
                }
                Door::Shred(kind, bundle) => {
                    let place = &mut after.bundles[usize::from(*bundle)];
                    *place = if *place == 0 { 0 } else { TAKEN };
                    after.doors[slot] = Door::Confirm(*kind);
                    "shreds the bundle"
                }
                Door::Confirm(kind) => {
                    self.apply(&mut after, Happening::Confirm(*kind));
                    after.fetched = 0;
                    "writes the confirmation"
                }
            };
            steps.fair(after, || Action::Door(what));
            if let Some(died) = died {
                steps.free(died, || Action::Door("dies"));
            }
        }
    }

    pub(crate) fn time_steps(&mut self, world: &World, steps: &mut Steps) {
        for timer in Timer::ALL {
            let (Some(row), true) = (self.rows.age(world.row, timer), self.may_end(world, timer))
            else {
                continue;
            };
            let costs = match timer {
                Timer::Lease if self.holder_works(world) => Some(Chance::EarlyLease),
                Timer::Midnight => Some(Chance::Midnight),
                Timer::Lease | Timer::Bundle | Timer::Grace | Timer::Kept | Timer::Stuck => None,
            };
            let Some(mut after) = costs.map_or_else(|| Some(world.clone()), |c| spend(world, c))
            else {
                continue;
            };
            after.row = row;
            after.periods += u8::from(timer == Timer::Midnight);
            if costs.is_some() {
                steps.free(after, || Action::Time(timer));
            } else {
                steps.fair(after, || Action::Time(timer));
            }
        }
    }

    fn holder_works(&self, world: &World) -> bool {
        match self.rows.view(world.row).stage {
            Stage::Issuing { epoch, .. } => world.is_worked_on(epoch),
            Stage::Disabled
            | Stage::Registered
            | Stage::Requested
            | Stage::Waiting
            | Stage::Due
            | Stage::Confirmed
            | Stage::Expired
            | Stage::Failed => false,
        }
    }

    /// A sweep takes minutes and a door seconds, and what waits for days does not end in the midst of one.
    fn may_end(&self, world: &World, timer: Timer) -> bool {
        let sweeping = world.janitor.pc != Sweep::Idle;
        match timer {
            Timer::Lease | Timer::Midnight => true,
            Timer::Bundle => {
                let quiet = world.doors.iter().all(|door| *door == Door::Idle);
                self.focus.bundles_end && quiet && !sweeping
            }
            Timer::Grace => !sweeping,
            Timer::Kept => !sweeping && !self.may_wake(world),
            Timer::Stuck => allows(self.focus.stuck, world) && world.mail.is_empty(),
        }
    }

    /// Whether a worker is left that could wake up what is kept: none outlives the time for which the janitor
    /// looks after it.
    fn may_wake(&self, world: &World) -> bool {
        let view = self.rows.view(world.row);
        let kept = view.olds().any(|old| old.fate == Fate::Kept);
        kept && world.workers.iter().any(|worker| worker.pc != Pc::Idle)
    }

    pub(crate) fn outside_steps(&mut self, world: &World, steps: &mut Steps) {
        for (chance, happening, what) in [
            (
                Chance::Reset,
                Happening::Reset,
                "an operator resets the device",
            ),
            (Chance::Revoke, Happening::Revoke, "an operator revokes"),
        ] {
            if let Some(mut after) = spend(world, chance)
                && self.apply(&mut after, happening)
            {
                after.periods += 1;
                steps.free(after, || Action::Outside(what.to_owned()));
            }
        }
        mishaps(world, steps);
        losses(world, steps);
    }
}

fn mishaps(world: &World, steps: &mut Steps) {
    for (kind, receives) in world.mail.each() {
        if let Some(mut after) = spend(world, Chance::LoseMessage) {
            after.mail.take(kind, receives);
            steps.free(after, || Action::Outside("a message is lost".to_owned()));
        }
    }
    for kind in 0..KINDS as u8 {
        if world.mail.has_dead(kind)
            && let Some(mut after) = spend(world, Chance::Replay)
        {
            after.mail.exhume(kind);
            after.mail.put(kind, 0);
            steps.free(after, || {
                Action::Outside("a dead letter is sent again".to_owned())
            });
        }
    }
    for (slot, worker) in world.workers.iter().enumerate() {
        if worker.owns
            && let Some(mut after) = spend(world, Chance::ShowAgain)
        {
            after.workers[slot].owns = false;
            after.mail.put(worker.kind, worker.receives);
            let epoch = worker.epoch;
            let what = format!("the message of epoch {epoch} shows again while it is worked on");
            steps.free(after, || Action::Outside(what));
        }
    }
    deaths(world, steps);
}

fn deaths(world: &World, steps: &mut Steps) {
    for (slot, worker) in world.workers.iter().enumerate() {
        let (true, Some(mut after)) = (*worker != Worker::default(), spend(world, Chance::Crash))
        else {
            continue;
        };
        after.workers[slot] = Worker::default();
        if worker.owns {
            after.mail.put(worker.kind, worker.receives);
        }
        let epoch = worker.epoch;
        steps.free(after, || {
            Action::Outside(format!("the worker of epoch {epoch} dies"))
        });
    }
}

fn losses(world: &World, steps: &mut Steps) {
    for bundle in 0..world.bundles.len() as u8 {
        if world.bundle(bundle).is_some()
            && let Some(mut after) = spend(world, Chance::LoseBundle)
        {
            after.bundles[usize::from(bundle)] = LOST;
            steps.free(after, || {
                Action::Outside(format!("bundle {bundle} is lost"))
            });
        }
    }
    for cert in 0..world.created {
        if world.certs[usize::from(cert)].exists
            && let Some(mut after) = spend(world, Chance::LoseCert)
        {
            *after.cert(cert) = Cert {
                destroyed: true,
                ..Cert::default()
            };
            let what = format!("certificate {cert} is deleted behind our back");
            steps.free(after, || Action::Outside(what));
        }
    }
}
