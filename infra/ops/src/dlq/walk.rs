//! A walk through the letters that are meant: one after another, until the last or Ctrl-C.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock;

use crate::dlq::fate::Fate;
use crate::dlq::filter::Filter;
use crate::dlq::letter::Letter;
use crate::dlq::post::Post;
use crate::dlq::round::Round;

/// Where a walk goes.
pub(super) struct Walk<'a, P, C> {
    /// The dead letters.
    pub(super) post: &'a P,
    /// Which of them are meant.
    pub(super) filter: &'a Filter,
    /// Time.
    pub(super) clock: &'a C,
    /// Raised to end it.
    pub(super) stop: &'a AtomicBool,
}

/// Who is told on the way.
pub(super) trait Witness {
    /// This became of this letter.
    fn told(&mut self, letter: &Letter, fate: Fate);
    /// A page is over; so many letters were seen until now.
    fn paused(&mut self, seen: usize);
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the last letter.
    Complete,
    /// Somebody wanted it to stop.
    Stopped,
    /// A service did not do as it should.
    Failed(Failure),
}

impl<P: Post, C: Clock> Walk<'_, P, C> {
    /// Walks; and whether all letters that are still there are shown again.
    pub(super) async fn run(
        &self,
        witness: &mut impl Witness,
        handle: impl AsyncFnMut(&Letter) -> Result<Fate, Failure>,
    ) -> (End, bool) {
        let mut round = Round::new(self.post);
        let end = self.go(&mut round, witness, handle).await;
        witness.paused(round.count());
        (end.unwrap_or_else(End::Failed), round.give_back().await)
    }

    async fn go(
        &self,
        round: &mut Round<'_, P>,
        witness: &mut impl Witness,
        mut handle: impl AsyncFnMut(&Letter) -> Result<Fate, Failure>,
    ) -> Result<End, Failure> {
        while !self.is_stopped() {
            let Some(page) = round.next().await? else {
                return Ok(End::Complete);
            };
            let now = self.clock.now();
            for letter in page.iter().filter(|letter| self.filter.fits(letter, now)) {
                if self.is_stopped() {
                    return Ok(End::Stopped);
                }
                let fate = match handle(letter).await {
                    Ok(fate) => fate,
                    // The trouble of one row, and of no other.
                    Err(failure @ Failure::Contended) => Fate::Failed(failure),
                    Err(failure) => return Err(failure),
                };
                if fate.is_gone() {
                    round.gone(&letter.id);
                }
                witness.told(letter, fate);
            }
            witness.paused(round.count());
        }
        Ok(End::Stopped)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
