//! A worker, step by step, in the order of `Worker::run`: claim, then call after call as `plan` says,
//! then the queue is told.
//!
//! A call's effect and the worker's note of its answer are one step, and the loss of the answer is
//! another step beside it. Between effect and note nobody else can tell whether the note is made, so
//! a crash there is a crash after the note.

use cvm_shared::event::Refusal;
use cvm_worker::ending::Done;
use cvm_worker::ending::Stop;

use crate::budget::Chance;
use crate::check::Breach;
use crate::check::Rule;
use crate::effect::Call;
use crate::ending::answer;
use crate::ending::answer_steps;
use crate::ending::give_up;
use crate::ending::of_claim;
use crate::ending::spent;
use crate::focus::Lean;
use crate::happening::Happening;
use crate::model::How;
use crate::model::Model;
use crate::model::Steps;
use crate::model::did;
use crate::model::spend;
use crate::mutant::Mutant;
use crate::names::Mark;
use crate::queue::MAX_RECEIVES;
use crate::rows::Todo;
use crate::view::Stage;
use crate::world::Answer;
use crate::world::CURRENT;
use crate::world::Part;
use crate::world::Pc;
use crate::world::Trouble;
use crate::world::Why;
use crate::world::Worker;
use crate::world::World;

impl Model {
    /// A message reaches an idle worker, which claims the row.
    pub(crate) fn delivery_steps(&mut self, world: &World, steps: &mut Steps) {
        let Some(slot) = world.workers.iter().position(|w| w.pc == Pc::Idle) else {
            return;
        };
        for (kind, receives) in world.mail.each() {
            let mut held = world.clone();
            held.mail.take(kind, receives);
            held.workers[slot] = Worker {
                pc: Pc::Loaded,
                kind,
                receives: receives + 1,
                owns: true,
                copy: CURRENT,
                ..Worker::default()
            };
            if self.lacks(Mutant::StaleRead) {
                steps.fair(held, || did(0, "loads the row", How::Done));
            } else {
                self.claim_steps(&held, slot, steps);
            }
        }
    }

    fn claim_steps(&mut self, world: &World, slot: usize, steps: &mut Steps) {
        let before = self.rows.view(world.row);
        let mut after = world.clone();
        self.claim(&mut after, slot);
        let breach = || Breach::new(Rule::Replays, "an order that was done is done again");
        let idle = after.row == world.row && after.workers[slot].pc == Pc::Answer(Answer::Ack);
        let done = before.stage.is_vended() && before.kind == world.workers[slot].kind;
        let mut lost = after.clone();
        steps.fair(after, || did(before.epoch + 1, "claims", How::Done));
        steps.broke((done && !idle && self.mutant.is_none()).then(breach));
        for (chance, trouble) in TROUBLES {
            if let Some(mut failed) = spend(world, chance) {
                answer(
                    &mut failed.workers[slot],
                    &Err(Stop::GivenBack(trouble.failure())),
                );
                steps.free(failed, || did(0, "claims", How::Failed));
            }
        }
        if lost.row != world.row && lost.left.left(Chance::LoseAnswer) > 0 {
            lost.left.spend(Chance::LoseAnswer);
            let trouble = Trouble::Unavailable.failure();
            answer(&mut lost.workers[slot], &Err(Stop::GivenBack(trouble)));
            steps.free(lost, || did(before.epoch + 1, "claims", How::AnswerLost));
        }
    }

    fn claim(&mut self, world: &mut World, slot: usize) {
        let worker = world.workers[slot];
        let loaded = if worker.copy == CURRENT {
            world.row
        } else {
            worker.copy
        };
        let mut judged = self.rows.judge(world.row, Happening::Claim(worker.kind));
        if self.lacks(Mutant::UnconditionalClaim)
            && matches!(judged, Err(Refusal::LeaseHeld { .. }))
            && let Some(free) = self.rows.age(world.row, crate::timer::Timer::Lease)
        {
            judged = self.rows.judge(free, Happening::Claim(worker.kind));
        }
        let row = match judged {
            Ok(row) => row,
            Err(refusal) => {
                let last = worker.receives >= MAX_RECEIVES;
                return answer(&mut world.workers[slot], &of_claim(&refusal, last));
            }
        };
        world.set_row(row, Some(slot));
        let view = self.rows.view(row);
        if view.stage == Stage::Failed {
            return answer(&mut world.workers[slot], &spent());
        }
        world.workers[slot] = Worker {
            pc: Pc::Planned,
            epoch: view.epoch,
            copy: self.copy_after_claim(row, loaded, view.epoch),
            counted: view.issued.is_none(),
            ..worker
        };
        self.ready(world, slot);
    }

    /// Settles what the plan says before any call is made.
    pub(crate) fn ready(&mut self, world: &mut World, slot: usize) {
        if world.workers[slot].pc != Pc::Planned {
            return;
        }
        match self.todo(world, slot) {
            Todo::Done => answer(
                &mut world.workers[slot],
                &Ok(Done::Vended { asked_at: None }),
            ),
            Todo::Spent => answer(&mut world.workers[slot], &spent()),
            Todo::Lost => give_up(&mut world.workers[slot], Trouble::LeaseLost),
            Todo::Supplant(mark) => self.begin(&mut world.workers[slot], mark),
            Todo::Inspect(_)
            | Todo::Create
            | Todo::Stage
            | Todo::Commit
            | Todo::Attach(_)
            | Todo::Activate(_)
            | Todo::Finish => {}
        }
    }

    fn begin(&self, worker: &mut Worker, target: Mark) {
        worker.target = target;
        let forgets = self.lacks(Mutant::ForgetFirst) || self.lacks(Mutant::ForgetUnretired);
        worker.pc = if forgets {
            Pc::Forget
        } else {
            Pc::Destroy(Why::Supplant, Part::Delete)
        };
    }

    pub(crate) fn worker_steps(&mut self, world: &World, slot: usize, steps: &mut Steps) {
        match world.workers[slot].pc {
            Pc::Idle => {}
            Pc::Loaded => self.claim_steps(world, slot, steps),
            Pc::Answer(answer) => answer_steps(world, slot, answer, steps),
            Pc::Planned | Pc::Destroy(..) | Pc::Forget | Pc::Retire | Pc::GiveUp => {
                self.call_steps(world, slot, steps);
            }
        }
    }

    /// The call, and all the ways in which it can go.
    fn call_steps(&mut self, world: &World, slot: usize, steps: &mut Steps) {
        let call = self.call(world, slot);
        let epoch = world.workers[slot].epoch;
        let told = |how| move || did(epoch, &format!("{call:?}"), how);
        for (chance, trouble) in TROUBLES.into_iter().chain(refusals(call)) {
            if let Some(mut failed) = spend(world, chance) {
                self.fail(&mut failed, slot, call, trouble);
                steps.free(failed, told(How::Failed));
            }
        }
        if let Some(trouble) = self.thing_missing(world, slot, call) {
            let mut failed = world.clone();
            self.fail(&mut failed, slot, call, trouble);
            steps.fair(failed, told(How::Failed));
            return;
        }
        let mut after = world.clone();
        let reply = self.effect(&mut after, slot, call);
        if let Some(mut lost) = spend(&after, Chance::LoseAnswer) {
            self.fail(&mut lost, slot, call, Trouble::Unavailable);
            steps.free(lost, told(How::AnswerLost));
        }
        self.half_steps(world, slot, call, steps);
        self.note(&mut after, slot, call, reply);
        steps.fair(after, told(How::Done));
    }

    /// Calls that are made side by side, one of which fails.
    fn half_steps(&mut self, world: &World, slot: usize, call: Call, steps: &mut Steps) {
        let epoch = world.workers[slot].epoch;
        // A lean row's Thing is not made beside its certificate, and no policy attached beside its Thing.
        let lean = self.focus.lean != Lean::No;
        let Some(mut after) = spend(world, Chance::Fail).filter(|_| !lean) else {
            return;
        };
        match call {
            Call::Create => {
                let reply = self.effect(&mut after, slot, call);
                self.note(&mut after, slot, call, reply);
                after.workers[slot].thing = false;
                steps.free(after, || did(epoch, "Create, but not the Thing", How::Done));
            }
            Call::Attach(mark) if world.certs[usize::from(mark.cert)].exists => {
                after.cert(mark.cert).policy = true;
                self.fail(&mut after, slot, call, Trouble::Unavailable);
                steps.free(after, || {
                    did(epoch, "Attach of the policy alone", How::Done)
                });
            }
            Call::Holds(_)
            | Call::Stage
            | Call::Commit
            | Call::Attach(_)
            | Call::Activate(_)
            | Call::Finish
            | Call::Destroy(..)
            | Call::Forget
            | Call::Retire
            | Call::GiveUp => {}
        }
    }

    fn call(&mut self, world: &World, slot: usize) -> Call {
        match world.workers[slot].pc {
            Pc::Destroy(why, part) => Call::Destroy(why, part),
            Pc::Forget => Call::Forget,
            Pc::Retire => Call::Retire,
            Pc::Planned => match self.todo(world, slot) {
                Todo::Inspect(mark) => Call::Holds(mark),
                Todo::Create => Call::Create,
                Todo::Stage => Call::Stage,
                Todo::Commit => Call::Commit,
                Todo::Attach(mark) => Call::Attach(mark),
                Todo::Activate(mark) => Call::Activate(mark),
                Todo::Finish => Call::Finish,
                // Settled in `ready`; nothing is left but to go.
                Todo::Supplant(_) | Todo::Done | Todo::Spent | Todo::Lost => Call::GiveUp,
            },
            Pc::GiveUp | Pc::Idle | Pc::Loaded | Pc::Answer(_) => Call::GiveUp,
        }
    }
}

/// How any call can fail before it has an effect.
const TROUBLES: [(Chance, Trouble); 2] = [
    (Chance::Fail, Trouble::Unavailable),
    (Chance::Throttle, Trouble::Throttled),
];

/// How this call can be refused for good.
fn refusals(call: Call) -> Option<(Chance, Trouble)> {
    match call {
        Call::Create | Call::Stage => Some((Chance::Refuse, Trouble::CsrRefused)),
        Call::Attach(_) => Some((Chance::Refuse, Trouble::PolicyMissing)),
        Call::Holds(_)
        | Call::Commit
        | Call::Activate(_)
        | Call::Finish
        | Call::Destroy(..)
        | Call::Forget
        | Call::Retire
        | Call::GiveUp => None,
    }
}
