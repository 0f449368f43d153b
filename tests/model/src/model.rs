//! The model: all that can happen next in a state of the world.

use std::fmt;

use cvm_worker::settle::Attempt;

use crate::budget::Chance;
use crate::check;
use crate::check::Breach;
use crate::check::Rule;
use crate::focus::Focus;
use crate::focus::Lean;
use crate::happening::Happening;
use crate::mutant::Mutant;
use crate::names::Names;
use crate::queue::MAX_RECEIVES;
use crate::rows::Rows;
use crate::timer::Timer;
use crate::world::Rights;
use crate::world::World;

/// What happened in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A worker that claimed this epoch (0: none yet) did this, with this result.
    Worker(u8, String, How),
    /// The door did this.
    Door(&'static str),
    /// The device did this.
    Device(&'static str),
    /// The janitor did this.
    Janitor(String),
    /// An operator or a fault did this.
    Outside(String),
    /// A deadline passed.
    Time(Timer),
}

/// How a step of a worker went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It had its effect, and the worker knows.
    Done,
    /// It failed before it had an effect.
    Failed,
    /// It had its effect, and the worker takes it for failed.
    AnswerLost,
    /// The worker died.
    Died,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(epoch, what, how) => {
                let how = match how {
                    How::Done => "",
                    How::Failed => ": fails before it has an effect",
                    How::AnswerLost => ": has its effect, the answer is lost",
                    How::Died => ": dies",
                };
                write!(f, "worker (epoch {epoch}): {what}{how}")
            }
            Self::Door(what) => write!(f, "door: {what}"),
            Self::Device(what) => write!(f, "device: {what}"),
            Self::Janitor(what) => write!(f, "janitor: {what}"),
            Self::Outside(what) => write!(f, "outside: {what}"),
            Self::Time(timer) => write!(f, "time: {timer:?} ends"),
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub struct Next {
    /// The state after it.
    pub world: World,
    /// What happened; only told for traces.
    pub action: Option<Action>,
    /// Whether it happens by itself sooner or later: no fault, and nobody's free choice.
    pub fair: bool,
    /// A property that the step itself broke.
    pub breach: Option<Breach>,
}

/// The steps out of one state.
#[derive(Debug, Default)]
pub struct Steps {
    /// The steps.
    pub all: Vec<Next>,
    /// Whether to tell what happens.
    pub told: bool,
}

impl Steps {
    /// A step that happens sooner or later.
    pub fn fair(&mut self, world: World, action: impl FnOnce() -> Action) {
        self.push(world, true, action);
    }

    /// A step that may happen or not.
    pub fn free(&mut self, world: World, action: impl FnOnce() -> Action) {
        self.push(world, false, action);
    }

    fn push(&mut self, world: World, fair: bool, action: impl FnOnce() -> Action) {
        self.all.push(Next {
            world,
            action: self.told.then(action),
            fair,
            breach: None,
        });
    }

    /// The last step broke a property.
    pub fn broke(&mut self, breach: Option<Breach>) {
        if let Some(last) = self.all.last_mut() {
            last.breach = breach;
        }
    }
}

/// The rules of one focus, with or without a mutant.
#[derive(Debug)]
pub struct Model {
    /// The device's rows.
    pub rows: Rows,
    /// What is looked at.
    pub focus: Focus,
    /// What is left out.
    pub mutant: Option<Mutant>,
}

impl Model {
    /// The model of this focus.
    pub fn new(focus: Focus, mutant: Option<Mutant>) -> Self {
        Self {
            rows: Rows::new(Names::new(focus.keys_mode), focus.terms),
            focus,
            mutant,
        }
    }

    /// Where it begins.
    pub fn first(&self) -> World {
        World {
            rights: match self.focus.lean {
                Lean::No => Rights::Certificate,
                Lean::Named | Lean::Unnamed => Rights::Nowhere,
            },
            ..World::new(self.focus.left)
        }
    }

    /// Everything that can happen next.
    pub fn steps(&mut self, world: &World, steps: &mut Steps) {
        self.device_steps(world, steps);
        self.door_steps(world, steps);
        self.delivery_steps(world, steps);
        for slot in 0..world.workers.len() {
            self.worker_steps(world, slot, steps);
        }
        self.janitor_steps(world, steps);
        self.time_steps(world, steps);
        self.outside_steps(world, steps);
    }

    /// The property that the state breaks, if it breaks one.
    pub fn breach(&self, world: &World) -> Option<Breach> {
        let wanted = self.mutant.map(Mutant::breaks);
        if world.mail.overflown {
            return Some(Breach::new(Rule::Bounds, "too many equal messages"));
        }
        if let Some(broken) = self.rows.broken.as_ref().filter(|_| wanted.is_none()) {
            return Some(Breach::new(Rule::Fences, broken.clone()));
        }
        let view = self.rows.view(world.row);
        check::in_state(world, &view, self.focus.terms.creates, wanted)
    }

    /// The property that a state at rest breaks, if it breaks one.
    pub fn breach_at_rest(&self, world: &World) -> Option<Breach> {
        let wanted = self.mutant.map(Mutant::breaks);
        check::at_rest(world, &self.rows.view(world.row), wanted)
    }

    /// Whether the rule is left out.
    pub(crate) fn lacks(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// An event on the row as it is, by anyone but a worker. Whether it was applied.
    pub(crate) fn apply(&mut self, world: &mut World, happening: Happening) -> bool {
        let judged = self.rows.judge(world.row, happening);
        if let Ok(after) = judged {
            world.set_row(after, None);
        }
        judged.is_ok()
    }
}

/// The world with one chance less, if there is one.
pub(crate) fn spend(world: &World, chance: Chance) -> Option<World> {
    (world.left.left(chance) > 0).then(|| {
        let mut world = world.clone();
        world.left.spend(chance);
        world
    })
}

/// What the queue says of a delivery.
pub(crate) fn attempt(receives: u8) -> Attempt {
    Attempt {
        receives: receives.into(),
        max_receives: MAX_RECEIVES.into(),
        jitter: 0,
    }
}

/// A worker did this.
pub(crate) fn did(epoch: u8, what: &str, how: How) -> Action {
    Action::Worker(epoch, what.to_owned(), how)
}
