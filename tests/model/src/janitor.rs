//! The janitor, step by step: load a row, have the effect of each errand, write that it is done; and
//! the sweep for orphans. It may die between any two of these.

use crate::budget::Chance;
use crate::focus::Care;
use crate::happening::Happening;
use crate::iot::destroy;
use crate::iot::gone;
use crate::model::Action;
use crate::model::Model;
use crate::model::Steps;
use crate::model::spend;
use crate::mutant::Mutant;
use crate::names::Mark;
use crate::rows::Errand;
use crate::view::Stage;
use crate::view::View;
use crate::world::Cert;
use crate::world::Door;
use crate::world::Janitor;
use crate::world::Part;
use crate::world::Pc;
use crate::world::Sweep;
use crate::world::World;

impl Model {
    pub(crate) fn janitor_steps(&mut self, world: &World, steps: &mut Steps) {
        if world.janitor.pc == Sweep::Idle {
            if allows(self.focus.care, world) {
                self.visit(world, steps);
            }
            if allows(self.focus.orphans, world) {
                self.suspect(world, steps);
            }
            return;
        }
        let mut after = world.clone();
        let what = self.go_on(&mut after);
        steps.fair(after, || Action::Janitor(what));
        if let Some(mut died) = spend(world, Chance::Crash) {
            died.janitor = Janitor::default();
            steps.free(died, || Action::Janitor("dies".to_owned()));
        }
    }

    /// What is to be done for a row, without what a mutant leaves out.
    fn errands_of(&mut self, row: crate::rows::RowId) -> Vec<Errand> {
        let stuck = |errand: &&Errand| matches!(errand, Errand::Resend(_) | Errand::Abandon);
        let left_out = self.lacks(Mutant::NoResend);
        let errands = self.rows.errands(row);
        let kept = errands.iter().filter(|errand| !(left_out && stuck(errand)));
        kept.copied().collect()
    }

    fn visit(&mut self, world: &World, steps: &mut Steps) {
        let errands = self.errands_of(world.row);
        let Some(first) = errands.first() else {
            return;
        };
        let mut after = world.clone();
        after.janitor = Janitor {
            pc: first_step(*first),
            row: world.row,
            ..Janitor::default()
        };
        steps.fair(after, || {
            Action::Janitor(format!("loads the row; to do: {errands:?}"))
        });
    }

    /// `judge`: an INACTIVE certificate that no row names, older than any lease of its maker.
    fn suspect(&mut self, world: &World, steps: &mut Steps) {
        let view = self.rows.view(world.row);
        for cert in 0..world.created {
            let known = world.certs[usize::from(cert)];
            let young = is_young(known, &view);
            if !known.exists || known.active || young || view.names(cert) {
                continue;
            }
            let mut after = world.clone();
            after.janitor = Janitor {
                pc: Sweep::Orphan,
                suspect: cert,
                ..Janitor::default()
            };
            steps.fair(after, || {
                Action::Janitor(format!("takes certificate {cert} for an orphan"))
            });
        }
    }

    fn go_on(&mut self, world: &mut World) -> String {
        match world.janitor.pc {
            Sweep::Idle => String::new(),
            Sweep::Orphan => self.remove_unused(world),
            Sweep::Effect => self.errand_effect(world),
            Sweep::Destroy(part) => {
                let Errand::Remove(mark) = self.errand(world) else {
                    unreachable!("only a removal destroys");
                };
                let (cert, bundle) = (mark.cert, mark.bundle);
                world.janitor.pc = match destroy(world, cert, bundle, part) {
                    Some(part) => Sweep::Destroy(part),
                    None => Sweep::Write,
                };
                format!("{part:?} of superseded certificate {cert}")
            }
            Sweep::Write => self.write_errand(world),
        }
    }

    fn errand(&mut self, world: &World) -> Errand {
        self.errands_of(world.janitor.row)[usize::from(world.janitor.errand)]
    }

    fn errand_effect(&mut self, world: &mut World) -> String {
        let errand = self.errand(world);
        match errand {
            Errand::Resend(kind) => world.mail.put(kind, 0),
            Errand::Expire(bundle) => world.bundles[usize::from(bundle)] = 0,
            Errand::Deactivate(cert) => world.cert(cert).active = false,
            Errand::Keep(mark, _) => {
                world.cert(mark.cert).active = false;
                world.bundles[usize::from(mark.bundle)] = 0;
            }
            Errand::Abandon | Errand::Remove(_) => {}
        }
        world.janitor.pc = Sweep::Write;
        format!("effect of {errand:?}")
    }

    fn write_errand(&mut self, world: &mut World) -> String {
        let errand = self.errand(world);
        let happening = match errand {
            Errand::Resend(_) => Happening::Resend,
            Errand::Abandon => Happening::Abandon,
            Errand::Expire(_) => Happening::Expire,
            Errand::Keep(mark, true) => Happening::Settle(mark.cert),
            Errand::Keep(mark, false) if self.lacks(Mutant::SettleAtOnce) => {
                self.apply(world, Happening::Deactivate(mark.cert));
                Happening::Settle(mark.cert)
            }
            Errand::Deactivate(cert) | Errand::Keep(Mark { cert, .. }, _) => {
                Happening::Deactivate(cert)
            }
            Errand::Remove(mark) => Happening::Forget(mark.cert),
        };
        let applied = !self.lacks(Mutant::NoNote) && self.apply(world, happening);
        let errands = self.errands_of(world.janitor.row);
        let next = world.janitor.errand + 1;
        world.janitor = match errands.get(usize::from(next)) {
            Some(errand) => Janitor {
                pc: first_step(*errand),
                errand: next,
                ..world.janitor
            },
            None => Janitor::default(),
        };
        let how = if applied { "written" } else { "refused" };
        format!("note of {errand:?} is {how}")
    }

    fn remove_unused(&mut self, world: &mut World) -> String {
        let suspect = world.janitor.suspect;
        world.janitor = Janitor::default();
        let cert = world.cert(suspect);
        if (cert.active || cert.attached()) && !self.lacks(Mutant::SweepBlindly) {
            return format!("leaves certificate {suspect}: it is in use");
        }
        gone(cert);
        format!("deletes the orphan {suspect}")
    }
}

/// Whether this is the moment.
pub(crate) fn allows(care: Care, world: &World) -> bool {
    match care {
        Care::None => false,
        Care::Keen => true,
        Care::Quiet => {
            let idle = world.workers.iter().all(|worker| worker.pc == Pc::Idle);
            idle && world.doors.iter().all(|door| *door == Door::Idle)
        }
    }
}

fn first_step(errand: Errand) -> Sweep {
    match errand {
        Errand::Abandon => Sweep::Write,
        Errand::Remove(_) => Sweep::Destroy(Part::Delete),
        Errand::Resend(_) | Errand::Expire(_) | Errand::Deactivate(_) | Errand::Keep(..) => {
            Sweep::Effect
        }
    }
}

/// Whether the certificate's maker still may hold its lease: then it is not an hour old.
fn is_young(known: Cert, view: &View) -> bool {
    matches!(view.stage, Stage::Issuing { epoch, live: true } if epoch == known.maker)
}
