//! The device's row: every version of it that occurs, each with a number, and the shipped functions
//! that judge it. They are pure, so what one says of a row is asked once and remembered.

use std::collections::HashMap;
use std::rc::Rc;

use cvm_shared::care::Group;
use cvm_shared::care::waiting;
use cvm_shared::event::Refusal;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::State;
use cvm_shared::transition::next;
use cvm_worker::chores::CareTerms;
use cvm_worker::chores::Chore;
use cvm_worker::chores::chores;
use cvm_worker::plan::Progress;
use cvm_worker::plan::Step;
use cvm_worker::plan::plan;

use crate::happening::Happening;
use crate::happening::fence;
use crate::hash::Quick;
use crate::names;
use crate::names::A_WHILE;
use crate::names::Mark;
use crate::names::NOW;
use crate::names::Names;
use crate::timer::Timer;
use crate::timer::pass;
use crate::view::View;

/// A version of the row.
pub type RowId = u32;

/// A [`Step`], by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Todo {
    /// See [`Step::Supplant`].
    Supplant(Mark),
    /// See [`Step::Inspect`].
    Inspect(Mark),
    /// See [`Step::Create`].
    Create,
    /// See [`Step::Stage`].
    Stage,
    /// See [`Step::Commit`].
    Commit,
    /// See [`Step::Attach`].
    Attach(Mark),
    /// See [`Step::Activate`].
    Activate(Mark),
    /// See [`Step::Finish`].
    Finish,
    /// See [`Step::Done`].
    Done,
    /// See [`Step::Spent`].
    Spent,
    /// See [`Step::Lost`].
    Lost,
}

/// A [`Chore`], by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errand {
    /// See [`Chore::Resend`].
    Resend(u8),
    /// See [`Chore::Abandon`].
    Abandon,
    /// See [`Chore::Expire`].
    Expire(u8),
    /// See [`Chore::Deactivate`].
    Deactivate(u8),
    /// See [`Chore::Keep`]; whether it settles.
    Keep(Mark, bool),
    /// See [`Chore::Remove`].
    Remove(Mark),
}

/// What the deployment says.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What a device that was served may have.
    pub policy: Reprovision,
    /// How many certificates a day may be created for it.
    pub creates: u32,
    /// How often an order is sent again.
    pub resends: u32,
    /// As what a revoked certificate is kept.
    pub keep: Option<Disuse>,
}

/// All versions of the row.
#[derive(Debug)]
pub struct Rows {
    /// The names that the rows use.
    pub names: Names,
    pub(crate) terms: Terms,
    records: Vec<Record>,
    views: Vec<View>,
    numbers: HashMap<String, RowId>,
    judged: HashMap<(RowId, Happening), Result<RowId, Refusal>, Quick>,
    planned: HashMap<(RowId, u8, Progress), Todo, Quick>,
    aged: HashMap<(RowId, Timer), Option<RowId>, Quick>,
    errands: HashMap<RowId, Rc<[Errand]>, Quick>,
    /// What a shipped function did that it must never do (I10).
    pub broken: Option<String>,
}

impl Rows {
    /// The rows of one device; the first one, number 0, is as imported.
    pub fn new(names: Names, terms: Terms) -> Self {
        let mut rows = Self {
            terms,
            records: Vec::new(),
            views: Vec::new(),
            numbers: HashMap::new(),
            judged: HashMap::default(),
            planned: HashMap::default(),
            aged: HashMap::default(),
            errands: HashMap::default(),
            broken: None,
            names,
        };
        let device = rows.names.device().clone();
        rows.number(device);
        rows
    }

    /// The row itself.
    pub fn record(&self, row: RowId) -> &Record {
        &self.records[row as usize]
    }

    /// What of the row the model looks at.
    pub fn view(&self, row: RowId) -> View {
        self.views[row as usize]
    }

    /// How many versions have occurred.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// The number of this version. The revision only tells copies from the row itself, and the world
    /// knows which copies are stale: it is left out.
    fn number(&mut self, mut record: Record) -> RowId {
        record.revision = 1;
        let text = format!("{record:?}");
        if let Some(row) = self.numbers.get(&text) {
            return *row;
        }
        let row = self.records.len() as RowId;
        self.views.push(View::of(&record, &self.names));
        self.records.push(record);
        self.numbers.insert(text, row);
        row
    }

    /// Puts a made-up row among them: only for mutants.
    pub fn forge(&mut self, record: Record) -> RowId {
        self.number(record)
    }

    /// What `next` says.
    pub fn judge(&mut self, row: RowId, happening: Happening) -> Result<RowId, Refusal> {
        if let Some(known) = self.judged.get(&(row, happening)) {
            return known.clone();
        }
        let before = self.record(row).clone();
        let verdict = next(&before, &self.event(&before, happening));
        let verdict = verdict.map(|after| {
            self.watch(&before, &after, happening);
            self.number(after)
        });
        self.judged.insert((row, happening), verdict.clone());
        verdict
    }

    /// I10: nothing that counts writes goes back, and only the holder passes the fence.
    fn watch(&mut self, before: &Record, after: &Record, happening: Happening) {
        let fenced_out = happening.fence().is_some_and(|epoch| match &before.state {
            State::Issuing { lease, .. } => !lease.is_held_by(&fence(epoch)),
            State::Disabled
            | State::Registered
            | State::Requested { .. }
            | State::Vended { .. }
            | State::Failed { .. } => true,
        });
        let back = after.epoch < before.epoch || after.generation < before.generation;
        if fenced_out || back || after.revision != before.revision + 1 {
            self.broken = Some(format!("{happening:?} made {after:?} of {before:?}"));
        }
    }

    /// What `plan` says to the holder of the epoch.
    pub fn plan(&mut self, row: RowId, epoch: u8, progress: Progress) -> Todo {
        if let Some(known) = self.planned.get(&(row, epoch, progress)) {
            return *known;
        }
        let todo = match plan(self.record(row), &fence(epoch), progress) {
            Step::Supplant(old) => Todo::Supplant(names::mark_of(&old.issued)),
            Step::Inspect(issued) => Todo::Inspect(names::mark_of(&issued)),
            Step::Create(_) => Todo::Create,
            Step::Stage => Todo::Stage,
            Step::Commit => Todo::Commit,
            Step::Attach { issued, .. } => Todo::Attach(names::mark_of(&issued)),
            Step::Activate(issued) => Todo::Activate(names::mark_of(&issued)),
            Step::Finish => Todo::Finish,
            Step::Done => Todo::Done,
            Step::Spent => Todo::Spent,
            Step::Lost => Todo::Lost,
        };
        self.planned.insert((row, epoch, progress), todo);
        todo
    }

    /// What the janitor would do: nothing unless `waiting` lists the row, else what `chores` says.
    pub fn errands(&mut self, row: RowId) -> Rc<[Errand]> {
        if let Some(known) = self.errands.get(&row) {
            return Rc::clone(known);
        }
        let record = self.record(row);
        let terms = CareTerms {
            stuck_after: A_WHILE,
            resends: self.terms.resends,
            keep_inactive: A_WHILE,
        };
        // As `Janitor::rows` asks the index.
        let listed = waiting(record).is_some_and(|waiting| match waiting.group {
            Group::Work => waiting.since < NOW.minus(A_WHILE),
            Group::Care => waiting.since <= NOW,
        });
        let due = if listed {
            chores(record, NOW, &terms)
        } else {
            Vec::new()
        };
        let errands: Rc<[Errand]> = due.iter().map(|chore| self.errand(chore)).collect();
        self.errands.insert(row, Rc::clone(&errands));
        errands
    }

    fn errand(&self, chore: &Chore) -> Errand {
        match chore {
            Chore::Resend(order) => Errand::Resend(self.names.kind(&order.request.id)),
            Chore::Abandon => Errand::Abandon,
            Chore::Expire(key) => Errand::Expire(names::bundle_of(key)),
            Chore::Deactivate(id) => Errand::Deactivate(names::cert_of(id)),
            Chore::Keep { issued, settle, .. } => Errand::Keep(names::mark_of(issued), *settle),
            Chore::Remove(issued) => Errand::Remove(names::mark_of(issued)),
        }
    }

    /// The row once this deadline has passed; `None` if it waits for no such deadline.
    pub fn age(&mut self, row: RowId, timer: Timer) -> Option<RowId> {
        if let Some(known) = self.aged.get(&(row, timer)) {
            return *known;
        }
        let before = self.record(row);
        let mut after = before.clone();
        pass(&mut after, timer);
        let aged = (after != *before).then_some(after);
        let aged = aged.map(|after| self.number(after));
        self.aged.insert((row, timer), aged);
        aged
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::lease::Epoch;

    use super::*;
    use crate::focus::Focus;

    fn rows() -> Rows {
        Rows::new(Names::new(false), Focus::small("test").terms)
    }

    #[test]
    fn the_same_row_has_the_same_number_whatever_its_revision() {
        let mut rows = rows();
        let mut device = rows.record(0).clone();
        device.revision += 5;
        assert_eq!(rows.number(device.clone()), 0);
        device.epoch = Epoch(1);
        assert_eq!(rows.number(device), 1);
    }

    #[test]
    fn an_epoch_that_goes_back_and_a_fence_that_does_not_hold_are_noticed() {
        let after = |epoch: u64, revision: u64| {
            let mut record = rows().record(0).clone();
            (record.epoch, record.revision) = (Epoch(epoch), revision);
            record
        };
        let noticed = |before: Record, after: Record, happening| {
            let mut rows = rows();
            rows.watch(&before, &after, happening);
            rows.broken.is_some()
        };
        let (one, two) = (after(1, 1), after(2, 2));
        assert!(!noticed(one.clone(), two.clone(), Happening::Claim(0)));
        assert!(noticed(two.clone(), after(1, 3), Happening::Claim(0)));
        assert!(noticed(one.clone(), after(1, 1), Happening::Claim(0)));
        assert!(noticed(one, two, Happening::Finish(1)));
    }

    #[test]
    fn a_life_goes_through_the_shipped_functions() {
        let mut rows = rows();
        let asked = rows.judge(0, Happening::Apply(0)).unwrap();
        let claimed = rows.judge(asked, Happening::Claim(0)).unwrap();
        assert_eq!(rows.plan(claimed, 1, Progress::Fresh), Todo::Create);
        let mark = Mark { cert: 0, bundle: 0 };
        let committed = rows.judge(claimed, Happening::Commit(1, mark, 0)).unwrap();
        assert_eq!(
            rows.plan(committed, 1, Progress::Bound),
            Todo::Activate(mark)
        );
        let old = rows.judge(committed, Happening::Commit(2, mark, 0));
        assert_eq!(old, Err(Refusal::LeaseLost));
        assert!(rows.errands(committed).is_empty());
        let stuck = rows.age(committed, Timer::Stuck).unwrap();
        let stuck = rows.age(stuck, Timer::Lease).unwrap();
        assert_eq!(*rows.errands(stuck), [Errand::Resend(0)]);
    }
}
