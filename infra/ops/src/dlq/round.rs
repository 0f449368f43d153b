//! A round through the dead letters: each is handed out once, and what was only looked at is given back.

use std::collections::BTreeMap;
use std::collections::HashSet;

use cvm_shared::failure::Failure;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::dlq::letter::Letter;
use crate::dlq::post::PAGE;
use crate::dlq::post::Post;

/// After so many looks in a row that bring nothing new the round is over. One is not enough: a queue lies on many
/// machines, and a look may miss some of them.
const IDLE_MOST: u32 = 2;

/// How many calls give letters back at a time.
const IN_FLIGHT: usize = 8;

/// A round. However it ends, [`Round::give_back`] ends it.
pub(super) struct Round<'a, P> {
    post: &'a P,
    known: HashSet<String>,
    /// The receipts of the letters in hand, by their ids.
    held: BTreeMap<String, String>,
    idle: u32,
}

impl<'a, P: Post> Round<'a, P> {
    /// A round that has not begun.
    pub(super) fn new(post: &'a P) -> Self {
        Self {
            post,
            known: HashSet::new(),
            held: BTreeMap::new(),
            idle: 0,
        }
    }

    /// The next letters, perhaps none; `None` after the last. One that comes a second time, because it was shown again
    /// meanwhile, is not handed out again: so a round ends, whatever is left in the queue.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Letter>>, Failure> {
        if self.idle == IDLE_MOST {
            return Ok(None);
        }
        let mut new = Vec::new();
        for letter in self.post.take().await? {
            self.held.insert(letter.id.clone(), letter.receipt.clone());
            if self.known.insert(letter.id.clone()) {
                new.push(letter);
            }
        }
        self.idle = if new.is_empty() { self.idle + 1 } else { 0 };
        Ok(Some(new))
    }

    /// How many letters were handed out.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// The letter is gone: it cannot be given back.
    pub(super) fn gone(&mut self, id: &str) {
        self.held.remove(id);
    }

    /// Shows all letters in hand again. Whether all are shown; the others come back by themselves.
    pub(super) async fn give_back(self) -> bool {
        let receipts: Vec<String> = self.held.into_values().collect();
        let post = self.post;
        let calls = receipts.chunks(PAGE).map(|page| post.give_back(page));
        let answers = stream::iter(calls).buffer_unordered(IN_FLIGHT);
        answers.all(|answer| async move { answer.is_ok() }).await
    }
}
