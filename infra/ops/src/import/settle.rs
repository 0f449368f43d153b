//! A chunk's way into the table: verifiers are made, rows added, answers weighed.
//!
//! Stretching takes 25 to 50 ms and 19 MiB a row, so it is done aside, one thread per chunk: as many rows
//! are stretched at once as chunks are on their way, and no call waits for them.

use cvm_shared::failure::Failure;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::record::Record;
use cvm_shared::trail::Hand;
use cvm_shared::trail::begun;

use crate::import::offer::Draft;
use crate::import::offer::Offer;
use crate::import::refusal::Reason;
use crate::import::roster::insert;
use crate::import::source::Chunk;
use crate::import::source::Entered;
use cvm_shared::operate::rows::Roster;

/// What became of one row.
pub(crate) enum Fate {
    Imported,
    AlreadyThere,
    Refused(Reason),
    Unsettled(Failure),
}

/// What became of a chunk.
pub(crate) struct Settled {
    /// Lines and fates, in the order of the file.
    pub(crate) fates: Vec<(u64, Fate)>,
    /// How many bytes of the file are done with.
    pub(crate) bytes: u64,
}

type Answer = Result<Inserted, Failure>;

/// A row that may have been offered.
type Offered = (u64, Result<Offer, Reason>);

/// Adds the sound rows of a chunk.
pub(crate) async fn settle<R: Roster>(roster: &R, hand: Option<&Hand>, chunk: Chunk) -> Settled {
    let rows = offer(chunk.rows).await;
    let sound = rows.iter().filter_map(|(_, offer)| offer.as_ref().ok());
    let records: Vec<Record> = sound.map(|offer| signed(offer, hand)).collect();
    let answers = insert(roster, records).await;
    Settled {
        fates: weigh(rows, answers).await,
        bytes: chunk.bytes,
    }
}

/// The record with the beginning of its trail.
fn signed(offer: &Offer, hand: Option<&Hand>) -> Record {
    let record = offer.record.clone();
    match hand {
        Some(hand) => begun(record, hand.clone()),
        None => record,
    }
}

async fn offer(rows: Vec<Entered>) -> Vec<Offered> {
    let slow = rows
        .iter()
        .any(|row| row.draft.as_ref().is_ok_and(Draft::is_slow));
    let offered = |row: Entered| (row.line, row.draft.map(Draft::offer));
    aside(slow, move || rows.into_iter().map(offered).collect()).await
}

async fn weigh(rows: Vec<Offered>, answers: Vec<Answer>) -> Vec<(u64, Fate)> {
    let is_slow = |answer: &Answer| match answer {
        Ok(Inserted::Conflict(stored)) => stored.verifier.is_stretched(),
        Ok(Inserted::New | Inserted::Same) | Err(_) => false,
    };
    let slow = answers.iter().any(is_slow);
    let mut answers = answers.into_iter();
    let fate = move |(line, offer): Offered| match offer {
        // One answer each; a roster that gives fewer leaves rows unsettled.
        Ok(offer) => {
            let answer = answers.next().unwrap_or(Err(Failure::OutOfTime));
            (line, fate(&offer, answer))
        }
        Err(reason) => (line, Fate::Refused(reason)),
    };
    aside(slow, move || rows.into_iter().map(fate).collect()).await
}

fn fate(offer: &Offer, answer: Answer) -> Fate {
    match answer {
        Ok(Inserted::New) => Fate::Imported,
        Ok(Inserted::Same) => Fate::AlreadyThere,
        Ok(Inserted::Conflict(stored)) => match offer.differs(&stored) {
            same if same.is_empty() => Fate::AlreadyThere,
            differs => Fate::Refused(Reason::Conflict { differs }),
        },
        Err(Failure::CorruptRow { field }) => Fate::Refused(Reason::Unreadable { field }),
        Err(failure) => Fate::Unsettled(failure),
    }
}

/// Does slow work where it holds nobody up, and quick work at once.
#[expect(
    clippy::expect_used,
    reason = "the work itself panicked, or the program ends and nobody waits for it"
)]
async fn aside<T: Send + 'static>(slow: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if slow {
        let done = tokio::task::spawn_blocking(work).await;
        done.expect("slow work is done")
    } else {
        work()
    }
}
