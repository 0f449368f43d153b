//! How rows are added: a batch is repeated until each of its rows has its answer.

use backon::RetryableWithContext as _;
use cvm_shared::failure::Failure;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Roster;
use cvm_shared::record::Record;

use crate::patience::is_passing;
use crate::patience::patience;

/// Adds nothing: what an import would refuse for the file's own sake is refused, no table is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct DryRun;

/// How many rows are checked together.
const CHECKED: usize = 25;

impl Roster for DryRun {
    fn at_once(&self) -> usize {
        CHECKED
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        vec![Ok(Inserted::New); records.len()]
    }
}

/// Adds the rows, repeating those that were throttled or whose fate is unknown.
pub(crate) async fn insert<R: Roster>(
    roster: &R,
    records: Vec<Record>,
) -> Vec<Result<Inserted, Failure>> {
    let pending = Pending {
        answers: vec![Err(Failure::OutOfTime); records.len()],
        records,
    };
    let (pending, _) = (|pending| attempt(roster, pending))
        .retry(patience())
        .context(pending)
        .when(is_passing)
        .await;
    pending.answers
}

struct Pending {
    records: Vec<Record>,
    answers: Vec<Result<Inserted, Failure>>,
}

/// One attempt at the rows that are still open. It fails if one of them should be tried again.
async fn attempt<R: Roster>(roster: &R, mut pending: Pending) -> (Pending, Result<(), Failure>) {
    let is_open = |answer: &Result<Inserted, Failure>| answer.as_ref().is_err_and(is_passing);
    let open: Vec<_> = (0..pending.records.len())
        .filter(|place| is_open(&pending.answers[*place]))
        .collect();
    let batch: Vec<_> = open.iter().map(|i| pending.records[*i].clone()).collect();
    if batch.is_empty() {
        return (pending, Ok(()));
    }
    let answers = roster.insert_batch(&batch).await;
    for (place, answer) in open.into_iter().zip(answers) {
        pending.answers[place] = answer;
    }
    let again = pending.answers.iter().find(|answer| is_open(answer));
    let result = again.cloned().map_or(Ok(()), |answer| answer.map(|_| ()));
    (pending, result)
}
