//! One dead letter worked off: its row written, its copy sent, itself removed, in the order that loses nothing.

use std::collections::HashSet;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::event::Event;
use cvm_shared::failure::Failure;
use cvm_shared::ids::RequestId;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Registry;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::trail::Hand;
use cvm_shared::write::Written;
use cvm_shared::write::write;

use crate::dlq::fate::Fate;
use crate::dlq::letter::Letter;
use crate::dlq::note::Notes;
use crate::dlq::pace::Pace;
use crate::dlq::post::Post;
use crate::dlq::standing::Standing;
use crate::dlq::verdict::Obstacle;
use crate::dlq::verdict::Verdict;
use crate::dlq::verdict::replay;
use crate::store::DeviceTable;
use crate::store::Letters;
use crate::store::TrailStore;

/// How long a copy waits before a worker sees it. The row is written by then: a worker that were done with the copy
/// first, and had failed again, would have its row marked as waiting for it.
const HEAD_START: Duration = Duration::from_secs(3);

/// What an operator works with.
pub(super) struct Desk<'a, P, R, N, C> {
    /// The dead letters.
    pub(super) post: &'a P,
    /// The device table.
    pub(super) registry: &'a R,
    /// Where that is written down which no trail can tell.
    pub(super) notes: &'a N,
    /// Time.
    pub(super) clock: &'a C,
    /// In whose name.
    pub(super) hand: Hand,
}

/// A desk on the real ports.
pub(super) type RealDesk<'a> = Desk<'a, Letters, DeviceTable, TrailStore, SystemClock>;

impl<P: Post, R: Registry, N: Notes, C: Clock> Desk<'_, P, R, N, C> {
    /// Throws a letter away. The trail is written first: what is gone without a word is gone for good, and a second
    /// entry, after a crash in between, does no harm.
    pub(super) async fn discard(
        &self,
        letter: &Letter,
        row: Option<&Record>,
    ) -> Result<(), Failure> {
        let hand = self.hand();
        match row {
            Some(row) => {
                write(self.registry, &hand, row.clone(), |_| Event::Discard).await?;
            }
            None => self.notes.note_without_row(letter, &hand).await?,
        }
        self.post.remove(&letter.receipt).await
    }

    /// The operator's hand as of now.
    fn hand(&self) -> Hand {
        Hand {
            at: self.clock.now(),
            ..self.hand.clone()
        }
    }
}

/// A desk from which letters are sent again.
pub(super) struct Outgoing<'a, P, R, N, C, D> {
    /// The desk.
    pub(super) desk: Desk<'a, P, R, N, C>,
    /// The way into the work queue.
    pub(super) delivery: &'a D,
    /// How fast.
    pub(super) pace: Pace,
    /// What was sent in this run.
    pub(super) sent: HashSet<RequestId>,
}

impl<P: Post, R: Registry, N: Notes, C: Clock, D: Delivery> Outgoing<'_, P, R, N, C, D> {
    /// Works one letter off, as its device stands.
    pub(super) async fn replay(&mut self, letter: &Letter) -> Result<Fate, Failure> {
        let standing = Standing::of(self.desk.registry, letter).await?;
        match (
            self.verdict(letter, &standing),
            &letter.order,
            standing.row(),
        ) {
            (Verdict::Send, Ok(order), Some(row)) => self.send(letter, order, row).await,
            (Verdict::Drop(why), _, row) => {
                self.desk.discard(letter, row).await?;
                Ok(Fate::Moot(why))
            }
            (Verdict::Leave(why), _, _) => Ok(Fate::Left(why)),
            // Only an order whose row lets it through is to be sent.
            (Verdict::Send, _, _) => Ok(Fate::Left(Obstacle::Refused)),
        }
    }

    /// A request that was sent in this run and has failed once more comes back as a new letter. Sent again and again, it
    /// would keep the run from ending.
    fn verdict(&self, letter: &Letter, standing: &Standing) -> Verdict {
        let verdict = standing.verdict(letter, self.desk.clock.now());
        let failed = standing
            .row()
            .is_some_and(|row| matches!(row.state, State::Failed { .. }));
        let sent = |order: &Order| self.sent.contains(&order.request.id);
        if verdict == Verdict::Send && failed && letter.order.as_ref().is_ok_and(sent) {
            return Verdict::Leave(Obstacle::FailedAgain);
        }
        verdict
    }

    /// Load-bearing: sent first, then written, removed last. A crash in between leaves the letter, and with it a second
    /// copy of the order when it is replayed again, which is harmless: what is done is not done twice. The other way
    /// round, a crash would leave a row that waits for an order that nobody holds, or no letter at all.
    async fn send(
        &mut self,
        letter: &Letter,
        order: &Order,
        row: &Record,
    ) -> Result<Fate, Failure> {
        let desk = &self.desk;
        self.pace.turn(desk.clock).await;
        let device = order.serial.as_str();
        let copy = self.delivery.renew(&letter.body, Some(device), HEAD_START);
        copy.await?;
        self.sent.insert(order.request.id.clone());
        let hand = desk.hand();
        let event = |_: &Record| replay(order, hand.at);
        match write(desk.registry, &hand, row.clone(), event).await? {
            Written::Applied(_) => desk.post.remove(&letter.receipt).await?,
            // The row has moved on since it was read, and the copy will find that out like any other.
            Written::Refused(row, refusal) => match Verdict::of(&refusal) {
                Verdict::Leave(why) => return Ok(Fate::Left(why)),
                Verdict::Send | Verdict::Drop(_) => desk.discard(letter, Some(&row)).await?,
            },
        }
        Ok(Fate::Sent)
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
