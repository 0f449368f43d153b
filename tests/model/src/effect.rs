//! What a worker's call does to the world: to the row, to AWS IoT, to the bucket.

use cvm_shared::event::Refusal;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Ending;
use cvm_shared::state::State;
use cvm_worker::plan::Progress;

use crate::ending::is_final;
use crate::focus::Lean;
use crate::happening::Happening;
use crate::iot::destroy;
use crate::model::Model;
use crate::mutant::Mutant;
use crate::names::Mark;
use crate::rows::RowId;
use crate::rows::Todo;
use crate::world::CERTS;
use crate::world::CURRENT;
use crate::world::Cert;
use crate::world::Part;
use crate::world::Rights;
use crate::world::Trouble;
use crate::world::Why;
use crate::world::World;

/// A call that a worker makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Holds(Mark),
    Create,
    Stage,
    Commit,
    Attach(Mark),
    Activate(Mark),
    Finish,
    Destroy(Why, Part),
    Forget,
    Retire,
    GiveUp,
}

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Done, or written, or it had been before.
    Ok,
    /// The certificate or bundle is not there.
    Gone,
    /// The row refuses.
    Refused,
    /// This part comes next, or none.
    Then(Option<Part>),
}

impl Model {
    /// Does what the call does.
    pub(crate) fn effect(&mut self, world: &mut World, slot: usize, call: Call) -> Reply {
        let worker = world.workers[slot];
        match call {
            Call::Holds(mark) => found(world.bundle(mark.bundle).is_some()),
            Call::Create => self.create(world, worker.kind, worker.epoch),
            Call::Stage => {
                // If none is there: a repeated call leaves what came first.
                let place = worker.mark().bundle;
                if world.bundle(place).is_none() {
                    world.bundles[usize::from(place)] = worker.made;
                }
                Reply::Ok
            }
            Call::Commit => self.commit(world, slot),
            Call::Attach(mark) => self.attach(world, mark),
            Call::Activate(mark) => {
                let cert = world.cert(mark.cert);
                cert.active = cert.exists;
                found(cert.exists)
            }
            Call::Finish => self.write(world, slot, Happening::Finish(worker.epoch)),
            Call::Destroy(why, part) => self.destroy(world, worker.target, why, part),
            Call::Forget => self.write(world, slot, Happening::Forget(worker.target.cert)),
            Call::Retire => self.write(world, slot, Happening::Retire(worker.epoch)),
            Call::GiveUp => self.give_back(world, slot),
        }
    }

    /// A Thing that the row is wrong about is made before, and put into the group that the row names.
    fn attach(&self, world: &mut World, mark: Mark) -> Reply {
        let own_policy = self.focus.lean == Lean::No;
        if self.focus.lean == Lean::Named {
            world.rights = Rights::Group;
        }
        let cert = world.cert(mark.cert);
        (cert.policy, cert.thing) = (cert.exists && own_policy, cert.exists);
        found(cert.exists)
    }

    /// What comes of attaching a Thing that is not there: one that the worker may make it makes in the
    /// next run, any other the operator has to make.
    pub(crate) fn thing_missing(&self, world: &World, slot: usize, call: Call) -> Option<Trouble> {
        let Call::Attach(mark) = call else {
            return None;
        };
        let there = world.rights != Rights::Nowhere;
        if there || !world.certs[usize::from(mark.cert)].exists {
            return None;
        }
        let trusts_the_row = world.workers[slot].progress() == Progress::Committed;
        match self.focus.lean {
            Lean::Unnamed if !self.lacks(Mutant::MakeStrayThing) => Some(Trouble::PolicyMissing),
            Lean::Named if trusts_the_row => Some(Trouble::Unavailable),
            Lean::No | Lean::Named | Lean::Unnamed => None,
        }
    }

    fn create(&self, world: &mut World, kind: u8, maker: u8) -> Reply {
        let cert = world.created;
        assert!(usize::from(cert) < CERTS, "the focus is too large");
        world.created += 1;
        *world.cert(cert) = Cert {
            exists: true,
            active: self.lacks(Mutant::CreateActive),
            kind,
            maker,
            ..Cert::default()
        };
        Reply::Ok
    }

    fn commit(&mut self, world: &mut World, slot: usize) -> Reply {
        let worker = world.workers[slot];
        let mark = worker.mark();
        let commit = Happening::Commit(worker.epoch, mark, worker.kind);
        let reply = self.write(world, slot, commit);
        if reply == Reply::Ok {
            let cert = world.cert(mark.cert);
            (cert.committed, cert.maker) = (cert.exists, 0);
        }
        reply
    }

    fn destroy(&self, world: &mut World, target: Mark, why: Why, part: Part) -> Reply {
        if self.lacks(Mutant::DeactivateOnly) && why != Why::Discard && part == Part::Delete {
            world.cert(target.cert).active = false;
            return Reply::Then(Some(Part::Shred));
        }
        Reply::Then(destroy(world, target.cert, target.bundle, part))
    }

    /// As `cvm_shared::write::write`: judged on the copy; if that is stale, on the row in the way.
    fn write(&mut self, world: &mut World, slot: usize, happening: Happening) -> Reply {
        let copy = world.workers[slot].copy;
        let blind = self.lacks(Mutant::NoFence) || self.lacks(Mutant::UnconditionalClaim);
        let own = if copy == CURRENT { world.row } else { copy };
        let on_copy = self.rows.judge(own, happening);
        let Ok(reckoned) = on_copy else {
            return reply(&on_copy);
        };
        let judged = if copy == CURRENT || blind {
            on_copy
        } else {
            self.rows.judge(world.row, happening)
        };
        let keeps = copy != CURRENT && self.lacks(Mutant::StaleRead);
        world.workers[slot].copy = if keeps { reckoned } else { CURRENT };
        if let Ok(after) = judged {
            world.set_row(after, Some(slot));
        }
        reply(&judged)
    }

    /// As `Worker::give_up`: on the row as it was claimed, which is never the row any more unless
    /// nobody has written since.
    fn give_back(&mut self, world: &mut World, slot: usize) -> Reply {
        let worker = world.workers[slot];
        let unused = worker.counted && !worker.tried;
        let happening = if is_final(&worker) {
            let code = worker.trouble.failure().code();
            Happening::Fail(worker.epoch, code, unused)
        } else {
            Happening::Release(worker.epoch, unused)
        };
        if self.apply(world, happening) {
            Reply::Ok
        } else {
            Reply::Refused
        }
    }

    /// What the plan says to this worker, or a mutant of it.
    pub(crate) fn todo(&mut self, world: &World, slot: usize) -> Todo {
        let worker = world.workers[slot];
        let row = if worker.copy == CURRENT {
            world.row
        } else {
            worker.copy
        };
        let todo = self.rows.plan(row, worker.epoch, worker.progress());
        let made = worker.mark();
        match (self.mutant, todo) {
            (Some(Mutant::NoSupplant), Todo::Supplant(_)) => {
                let spared = self.spared(row);
                self.rows.plan(spared, worker.epoch, worker.progress())
            }
            (Some(Mutant::ActivateBeforeCommit), Todo::Commit) if !worker.early => {
                Todo::Activate(made)
            }
            (Some(Mutant::AttachBeforeCommit), Todo::Commit) if !worker.early => Todo::Attach(made),
            (Some(Mutant::FinishBeforeActivate), Todo::Activate(_)) => Todo::Finish,
            (_, todo) => todo,
        }
    }

    /// The row without what an operator wants gone.
    fn spared(&mut self, row: RowId) -> RowId {
        let mut record = self.rows.record(row).clone();
        record.superseded.retain(|old| old.ending != Ending::AtOnce);
        self.rows.forge(record)
    }

    /// The copy that a worker goes on with after its claim: the row that the write gave back. The
    /// mutant goes on with what it had read before, under the lease that it has now.
    pub(crate) fn copy_after_claim(&mut self, row: RowId, loaded: RowId, epoch: u8) -> RowId {
        if !self.lacks(Mutant::StaleRead) {
            return CURRENT;
        }
        let mut claimed: Record = self.rows.record(row).clone();
        let read = self.rows.record(loaded);
        if let State::Issuing { issued, .. } = &mut claimed.state {
            *issued = read.state.issued().cloned();
        }
        claimed.superseded.clone_from(&read.superseded);
        debug_assert_eq!(claimed.epoch.0, u64::from(epoch), "its own epoch");
        let stale = self.rows.forge(claimed);
        if stale == row { CURRENT } else { stale }
    }
}

fn reply(judged: &Result<RowId, Refusal>) -> Reply {
    match judged {
        Ok(_) | Err(Refusal::Already) => Reply::Ok,
        Err(_) => Reply::Refused,
    }
}

fn found(there: bool) -> Reply {
    if there { Reply::Ok } else { Reply::Gone }
}
