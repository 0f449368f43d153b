//! What a worker remembers of its calls, and what it does about those that failed.

use cvm_worker::ending::Stop;
use cvm_worker::plan::Progress;

use crate::effect::Call;
use crate::effect::Reply;
use crate::ending::answer;
use crate::ending::give_up;
use crate::ending::given_up;
use crate::model::Model;
use crate::mutant::Mutant;
use crate::names::Mark;
use crate::world::Part;
use crate::world::Pc;
use crate::world::Trouble;
use crate::world::Why;
use crate::world::Worker;
use crate::world::World;

impl Model {
    /// What the worker remembers of the call.
    pub(crate) fn note(&mut self, world: &mut World, slot: usize, call: Call, reply: Reply) {
        let worker = &mut world.workers[slot];
        match (call, reply) {
            (Call::Holds(_), Reply::Ok) => worker.reach(Progress::Adopted),
            (Call::Holds(mark) | Call::Attach(mark) | Call::Activate(mark), Reply::Gone) => {
                self.condemn(worker, mark);
            }
            (Call::Create, _) => {
                (worker.made, worker.thing, worker.tried) = (world.created, true, true);
                worker.reach(Progress::Created);
                if self.lacks(Mutant::OneKeyForARun) && worker.place == 0 {
                    worker.place = worker.made;
                }
            }
            (Call::Stage, _) => worker.reach(Progress::Staged),
            (Call::Commit, Reply::Ok) => committed(worker),
            (Call::Attach(_) | Call::Activate(_), _) if worker.made > 0 => worker.early = true,
            (Call::Attach(_), _) => worker.reach(Progress::Bound),
            (Call::Activate(_), _) => worker.reach(Progress::Active),
            (Call::Destroy(why, _), Reply::Then(part)) => self.destroyed(worker, why, part),
            (Call::Forget, Reply::Ok) => self.forgotten(worker),
            (Call::Retire, Reply::Ok) => retired(worker),
            (Call::Finish, Reply::Ok)
            | (
                Call::Holds(_) | Call::Destroy(..),
                Reply::Ok | Reply::Refused | Reply::Then(_) | Reply::Gone,
            ) => {}
            (Call::Commit, _) => {
                // The answer of our write was lost, and a rival went on from it.
                let named = self.rows.view(world.row).names(worker.made - 1);
                if named || self.lacks(Mutant::KeepLoser) {
                    worker.made = 0;
                }
                give_up(&mut world.workers[slot], Trouble::LeaseLost);
            }
            (Call::Finish | Call::Forget | Call::Retire, _) => {
                give_up(&mut world.workers[slot], Trouble::LeaseLost);
            }
            (Call::GiveUp, reply) => given_up(worker, reply),
        }
        self.ready(world, slot);
    }

    /// `Run::retire` begins; its write comes next.
    fn condemn(&self, worker: &mut Worker, mark: Mark) {
        worker.pc = Pc::Retire;
        if self.lacks(Mutant::RefundUntried) {
            (worker.counted, worker.tried) = (true, false);
        }
        if self.lacks(Mutant::DestroyFirst) {
            (worker.pc, worker.target) = (Pc::Destroy(Why::Retire, Part::Delete), mark);
        }
    }

    fn forgotten(&self, worker: &mut Worker) {
        if self.lacks(Mutant::ForgetFirst) {
            worker.pc = Pc::Destroy(Why::Supplant, Part::Delete);
        } else {
            (worker.pc, worker.target) = (Pc::Planned, Mark::default());
        }
    }

    fn destroyed(&self, worker: &mut Worker, why: Why, part: Option<Part>) {
        worker.pc = match (part, why) {
            (Some(part), _) => Pc::Destroy(why, part),
            (None, Why::Discard) => Pc::GiveUp,
            (None, Why::Retire) => Pc::Retire,
            (None, Why::Supplant) if self.lacks(Mutant::ForgetFirst) => Pc::Planned,
            (None, Why::Supplant) => Pc::Forget,
        };
    }

    pub(crate) fn fail(&mut self, world: &mut World, slot: usize, call: Call, trouble: Trouble) {
        let worker = &mut world.workers[slot];
        match call {
            // What cannot be discarded is left to the sweep.
            Call::Destroy(Why::Discard, Part::Shred) => return worker.pc = Pc::GiveUp,
            Call::Destroy(Why::Discard, _) => {
                return worker.pc = Pc::Destroy(Why::Discard, Part::Shred);
            }
            Call::GiveUp => {
                let failure = worker.trouble.failure();
                return answer(&mut world.workers[slot], &Err(Stop::GivenBack(failure)));
            }
            Call::Commit if !self.lacks(Mutant::DiscardUnknown) => worker.made = 0,
            Call::Create => worker.tried = trouble.failure().may_have_happened(),
            Call::Commit
            | Call::Holds(_)
            | Call::Stage
            | Call::Attach(_)
            | Call::Activate(_)
            | Call::Finish
            | Call::Destroy(..)
            | Call::Forget
            | Call::Retire => {}
        }
        give_up(&mut world.workers[slot], trouble);
    }
}

fn committed(worker: &mut Worker) {
    worker.made = 0;
    worker.early = false;
    let progress = if worker.thing {
        Progress::Committed
    } else {
        Progress::Adopted
    };
    worker.thing = false;
    worker.reach(progress);
}

/// As the end of `Run::retire`.
fn retired(worker: &mut Worker) {
    (worker.progress, worker.counted, worker.tried) = (0, true, false);
    (worker.pc, worker.target) = (Pc::Planned, Mark::default());
}
