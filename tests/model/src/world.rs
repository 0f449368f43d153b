//! One state of the world: the row, AWS IoT, the bucket, the queue, and everybody who is at work, with
//! what each has in memory.

use cvm_shared::failure::Failure;
use cvm_worker::plan::Progress;

use crate::budget::Budget;
use crate::budget::Chance;
use crate::names::Mark;
use crate::queue::Mail;
use crate::rows::RowId;

/// How many certificates have a number.
pub const CERTS: usize = 6;
/// A copy of the row that still is the row.
pub const CURRENT: RowId = RowId::MAX;
/// A bundle that was there and was lost by a fault.
pub const LOST: u8 = u8::MAX;
/// A bundle that was shredded because its device says that it has it.
pub const TAKEN: u8 = LOST - 1;

/// A certificate at AWS IoT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are what it is")]
pub struct Cert {
    /// Whether it is there.
    pub exists: bool,
    /// Whether it is ACTIVE.
    pub active: bool,
    /// Whether the policy is attached.
    pub policy: bool,
    /// Whether its device's Thing is attached.
    pub thing: bool,
    /// Whether a row ever named it.
    pub committed: bool,
    /// The kind of order that it was made for.
    pub kind: u8,
    /// The epoch whose holder made it, while no row names it.
    pub maker: u8,
    /// Whether somebody destroyed it behind our back.
    pub destroyed: bool,
}

impl Cert {
    /// Whether anything hangs on it.
    pub fn attached(self) -> bool {
        self.policy || self.thing
    }
}

/// Where the device's rights come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rights {
    /// From a policy that is attached to its certificate.
    #[default]
    Certificate,
    /// From the group that its Thing is in.
    Group,
    /// From the group that its Thing would be in: the row says that the Thing is there, and it is not.
    Nowhere,
}

/// Why a certificate is being destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The row says that it has to go.
    Supplant,
    /// The row names it, and it or its bundle is missing (only a mutant destroys it then).
    Retire,
    /// It is in no row, and its run has failed.
    Discard,
}

/// How far the destruction of a certificate has come. Deleting is refused while it is ACTIVE or
/// attached; then it is deactivated and detached, and deleted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Delete it, if AWS IoT lets it go.
    Delete,
    /// Set it INACTIVE.
    Deactivate,
    /// Detach what hangs on it.
    Detach,
    /// Shred its bundle.
    Shred,
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pc {
    /// Waits for a message.
    #[default]
    Idle,
    /// Has loaded the row and not claimed it (only told apart for a mutant).
    Loaded,
    /// What the plan says.
    Planned,
    /// Destroys the target.
    Destroy(Why, Part),
    /// Writes that the target is destroyed.
    Forget,
    /// Writes that what the row names has to go.
    Retire,
    /// Gives the row back or fails it.
    GiveUp,
    /// Tells the queue.
    Answer(Answer),
}

/// What becomes of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// It may go.
    Ack,
    /// To the dead letters.
    Park,
    /// It comes back, one receive older.
    Postpone,
    /// A fresh copy takes its place.
    Renew,
}

/// Why a run fails. The real [`Failure`] decides what comes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// None.
    #[default]
    None,
    /// A throttle, or too little time left: nothing happened.
    Throttled,
    /// No answer; it happened or not.
    Unavailable,
    /// The row is another's.
    LeaseLost,
    /// Something that an operator has to mend.
    PolicyMissing,
    /// Something that can never succeed.
    CsrRefused,
    /// Today's certificates are used up.
    BudgetSpent,
    /// The order is ahead of its row.
    NotMarkedYet,
    /// Another one's lease lasts.
    LeaseHeld,
    /// The row kept changing.
    Contended,
}

impl Trouble {
    /// The failure itself.
    pub fn failure(self) -> Failure {
        let service = "model";
        match self {
            Self::Throttled => Failure::Throttled { service },
            Self::None | Self::Unavailable => Failure::Unavailable {
                service,
                detail: String::new(),
            },
            Self::LeaseLost => Failure::LeaseLost,
            Self::PolicyMissing => Failure::PolicyMissing,
            Self::CsrRefused => Failure::CsrRefused,
            Self::BudgetSpent => Failure::BudgetSpent,
            Self::NotMarkedYet => Failure::NotMarkedYet,
            Self::LeaseHeld => Failure::LeaseHeld {
                remaining: std::time::Duration::ZERO,
            },
            Self::Contended => Failure::Contended,
        }
    }
}

/// A worker and what it has in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are what it is")]
pub struct Worker {
    /// What it does next.
    pub pc: Pc,
    /// The kind of its order.
    pub kind: u8,
    /// How often its message was received.
    pub receives: u8,
    /// Whether the message is hidden for it alone.
    pub owns: bool,
    /// The epoch that it claimed; 0 for none.
    pub epoch: u8,
    /// How far it has come: an index into [`PROGRESS`].
    pub progress: u8,
    /// Its copy of the row; [`CURRENT`] while nobody else has written.
    pub copy: RowId,
    /// The certificate that it made and that is in no row, plus one; 0 for none.
    pub made: u8,
    /// Whether the Thing is known to be there.
    pub thing: bool,
    /// Whether a create was counted for it.
    pub counted: bool,
    /// Whether a create was tried that may have had its effect.
    pub tried: bool,
    /// What it destroys.
    pub target: Mark,
    /// Why it gives up.
    pub trouble: Trouble,
    /// The place of its bundles plus one, for a mutant that has one for all; else 0.
    pub place: u8,
    /// Whether it has done too early what a mutant does too early.
    pub early: bool,
}

/// The stages of progress, so that a number can stand for one.
pub const PROGRESS: [Progress; 7] = [
    Progress::Fresh,
    Progress::Created,
    Progress::Staged,
    Progress::Adopted,
    Progress::Committed,
    Progress::Bound,
    Progress::Active,
];

impl Worker {
    /// How far it has come.
    pub fn progress(&self) -> Progress {
        PROGRESS[usize::from(self.progress)]
    }

    /// Notes how far it has come.
    pub fn reach(&mut self, progress: Progress) {
        let found = PROGRESS.iter().position(|known| *known == progress);
        self.progress = found.unwrap_or_default() as u8;
    }

    /// The certificate that it made, and where its bundle lies or would.
    pub fn mark(&self) -> Mark {
        let cert = self.made.saturating_sub(1);
        let bundle = if self.place > 0 { self.place - 1 } else { cert };
        Mark { cert, bundle }
    }

    /// Whether it is in the middle of a run that holds, or held, the row.
    pub fn is_running(&self) -> bool {
        !matches!(self.pc, Pc::Idle | Pc::Answer(_))
    }

    /// Whether its copy of the row still matters.
    pub fn reads_its_copy(&self) -> bool {
        match self.pc {
            Pc::Loaded | Pc::Planned | Pc::Forget | Pc::Retire => true,
            Pc::Destroy(why, _) => why != Why::Discard,
            Pc::Idle | Pc::GiveUp | Pc::Answer(_) => false,
        }
    }
}

/// The door at work on one call of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Nothing to do.
    #[default]
    Idle,
    /// The order for this key is sent; the row is not marked.
    Mark(u8),
    /// The row is marked; the order of this kind is not sent (only a mutant's).
    Send(u8),
    /// The device says that it has what it asked for in this kind of request; this bundle is not
    /// shredded yet.
    Shred(u8, u8),
    /// The bundle is shredded; the row is not confirmed.
    Confirm(u8),
}

/// What the janitor does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sweep {
    /// Nothing.
    #[default]
    Idle,
    /// The effect of its errand.
    Effect,
    /// Destroys a superseded certificate.
    Destroy(Part),
    /// Writes that it is done.
    Write,
    /// Deletes the orphan that it has judged.
    Orphan,
}

/// The janitor and what it has in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Janitor {
    /// What it does next.
    pub pc: Sweep,
    /// The row as it was loaded.
    pub row: RowId,
    /// Which of that row's errands it is at.
    pub errand: u8,
    /// The certificate that it takes for an orphan.
    pub suspect: u8,
}

/// One state of the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The device's row.
    pub row: RowId,
    /// The two workers, in no order.
    pub workers: [Worker; 2],
    /// The doors.
    pub doors: [Door; 2],
    /// The janitor.
    pub janitor: Janitor,
    /// The certificates.
    pub certs: [Cert; CERTS],
    /// How many were ever created.
    pub created: u8,
    /// The bundles by their places: 0 for none, a certificate plus one, [`LOST`] or [`TAKEN`].
    pub bundles: [u8; CERTS],
    /// The queue and the dead letters.
    pub mail: Mail,
    /// The kind of the request whose bundle the device has fetched and not confirmed, plus one.
    pub fetched: u8,
    /// Where its rights come from.
    pub rights: Rights,
    /// How many days and resets each gave the device another budget of certificates.
    pub periods: u8,
    /// What may still go wrong, and what may still be asked.
    pub left: Budget,
}

impl World {
    /// The device as imported, nothing done yet.
    pub fn new(left: Budget) -> Self {
        Self {
            row: 0,
            workers: [Worker::default(); 2],
            doors: [Door::default(); 2],
            janitor: Janitor::default(),
            certs: [Cert::default(); CERTS],
            created: 0,
            bundles: [0; CERTS],
            mail: Mail::default(),
            fetched: 0,
            rights: Rights::default(),
            periods: 1,
            left,
        }
    }

    /// Changes the row. Whoever holds a copy besides the writer has a stale one from now on.
    pub fn set_row(&mut self, after: RowId, writer: Option<usize>) {
        let before = self.row;
        for (slot, worker) in self.workers.iter_mut().enumerate() {
            let others = Some(slot) != writer;
            if others && worker.reads_its_copy() && worker.copy == CURRENT {
                worker.copy = before;
            }
        }
        self.row = after;
    }

    /// The certificate.
    pub fn cert(&mut self, cert: u8) -> &mut Cert {
        &mut self.certs[usize::from(cert)]
    }

    /// What lies in the bucket at this place: a certificate's number.
    pub fn bundle(&self, place: u8) -> Option<u8> {
        match self.bundles[usize::from(place)] {
            0 | LOST | TAKEN => None,
            content => Some(content - 1),
        }
    }

    /// Whether a worker runs that claimed this epoch.
    pub fn is_worked_on(&self, epoch: u8) -> bool {
        let of = |worker: &Worker| worker.is_running() && worker.epoch == epoch;
        self.workers.iter().any(of)
    }

    /// The same state, whichever worker or door is which, and without dead letters that nobody will send
    /// again.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        if self.left.left(Chance::Replay) == 0 {
            self.mail.forget_dead();
        }
        self.workers.sort_unstable();
        self.doors.sort_unstable();
        self
    }
}
