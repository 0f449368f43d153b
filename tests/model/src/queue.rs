//! The queue: how many orders of each kind wait in it, by how often they were received, and the dead
//! letters. A message that a worker holds is hidden, and is counted with the worker.

use crate::names::KINDS;

/// After how many receives the queue moves a message to the dead letters. Two are enough for a delivery
/// that is the last one and one that is not.
pub const MAX_RECEIVES: u8 = 2;
/// How many bits count equal messages.
const BITS: u32 = 4;
/// How many equal messages are told apart.
const MOST: u64 = (1 << BITS) - 1;

/// The work queue and its dead letters: a few bits for each count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mail {
    waiting: u64,
    dead: u16,
    /// Whether more messages came together than are told apart: the focus is too large.
    pub overflown: bool,
}

impl Mail {
    fn place(kind: u8, receives: u8) -> u32 {
        BITS * (u32::from(kind) * u32::from(MAX_RECEIVES) + u32::from(receives))
    }

    /// How many such messages wait.
    pub fn waiting(self, kind: u8, receives: u8) -> u64 {
        (self.waiting >> Self::place(kind, receives)) & MOST
    }

    /// Whether nothing waits.
    pub fn is_empty(self) -> bool {
        self.waiting == 0
    }

    /// The kinds and ages of messages that wait.
    pub fn each(self) -> impl Iterator<Item = (u8, u8)> {
        let all = (0..KINDS as u8).flat_map(|kind| (0..MAX_RECEIVES).map(move |r| (kind, r)));
        all.filter(move |(kind, receives)| self.waiting(*kind, *receives) > 0)
    }

    /// Puts a message in that was received so often. One that was received too often goes to the
    /// dead letters.
    pub fn put(&mut self, kind: u8, receives: u8) {
        if receives >= MAX_RECEIVES {
            self.bury(kind);
        } else if self.waiting(kind, receives) == MOST {
            self.overflown = true;
        } else {
            self.waiting += 1 << Self::place(kind, receives);
        }
    }

    /// Takes a message out.
    pub fn take(&mut self, kind: u8, receives: u8) {
        self.waiting -= 1 << Self::place(kind, receives);
    }

    /// Whether there is a dead letter of this kind.
    pub fn has_dead(self, kind: u8) -> bool {
        (self.dead >> (2 * kind)) & 3 > 0
    }

    /// Puts a message to the dead letters; more than three equal ones are three.
    pub fn bury(&mut self, kind: u8) {
        if (self.dead >> (2 * kind)) & 3 < 3 {
            self.dead += 1 << (2 * kind);
        }
    }

    /// Leaves no dead letter.
    pub fn forget_dead(&mut self) {
        self.dead = 0;
    }

    /// Takes a dead letter out.
    pub fn exhume(&mut self, kind: u8) {
        self.dead -= 1 << (2 * kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_kind_and_age() {
        let mut mail = Mail::default();
        mail.put(0, 0);
        mail.put(0, 0);
        mail.put(7, 1);
        assert_eq!(mail.each().collect::<Vec<_>>(), [(0, 0), (7, 1)]);
        mail.take(0, 0);
        assert_eq!(mail.waiting(0, 0), 1);
        mail.take(0, 0);
        mail.take(7, 1);
        assert!(mail.is_empty());
    }

    #[test]
    fn what_was_received_too_often_is_a_dead_letter() {
        let mut mail = Mail::default();
        mail.put(3, MAX_RECEIVES);
        assert!(mail.is_empty() && mail.has_dead(3) && !mail.has_dead(2));
        mail.exhume(3);
        assert_eq!(mail, Mail::default());
    }

    #[test]
    fn more_than_can_be_counted_is_told() {
        let mut mail = Mail::default();
        for _ in 0..=MOST {
            mail.put(1, 0);
        }
        assert!(mail.overflown);
    }
}
