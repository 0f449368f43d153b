//! How a run of a worker ends: the row is given back, the queue is told.

use cvm_shared::event::Refusal;
use cvm_shared::failure::Class;
use cvm_shared::outcome::Outcome;
use cvm_worker::ending::Done;
use cvm_worker::ending::Stop;
use cvm_worker::settle::settle;

use crate::budget::Chance;
use crate::effect::Reply;
use crate::model::How;
use crate::model::Steps;
use crate::model::attempt;
use crate::model::did;
use crate::model::spend;
use crate::names::Mark;
use crate::queue::MAX_RECEIVES;
use crate::world::Answer;
use crate::world::Part;
use crate::world::Pc;
use crate::world::Trouble;
use crate::world::Why;
use crate::world::Worker;
use crate::world::World;

/// `Run::discard`, then `give_up`.
pub(crate) fn give_up(worker: &mut Worker, trouble: Trouble) {
    let (pc, target) = if worker.made > 0 {
        (Pc::Destroy(Why::Discard, Part::Delete), worker.mark())
    } else {
        (Pc::GiveUp, Mark::default())
    };
    *worker = Worker {
        pc,
        target,
        trouble,
        kind: worker.kind,
        receives: worker.receives,
        owns: worker.owns,
        epoch: worker.epoch,
        counted: worker.counted,
        tried: worker.tried,
        ..Worker::default()
    };
}

/// The row is given back or failed, or it is not ours any more.
pub(crate) fn given_up(worker: &mut Worker, reply: Reply) {
    let failure = worker.trouble.failure();
    let stop = if reply == Reply::Ok && is_final(worker) {
        Stop::Failed(failure)
    } else {
        Stop::GivenBack(failure)
    };
    answer(worker, &Err(stop));
}

/// As `Worker::ending`.
pub(crate) fn is_final(worker: &Worker) -> bool {
    match worker.trouble.failure().class() {
        Class::Wait => false,
        Class::Retry => worker.receives >= MAX_RECEIVES,
        Class::Operator | Class::Never => true,
    }
}

/// What `settle` says of the message.
pub(crate) fn answer(worker: &mut Worker, result: &Result<Done, Stop>) {
    let attempt = attempt(worker.receives);
    let answered = match settle(result.clone(), attempt) {
        Outcome::Ack(_) => Answer::Ack,
        Outcome::Park(_) => Answer::Park,
        // As `batch::renews`.
        Outcome::Retry(retry)
            if !retry.spends_attempt && attempt.receives + 1 >= attempt.max_receives =>
        {
            Answer::Renew
        }
        Outcome::Retry(_) => Answer::Postpone,
    };
    *worker = Worker {
        pc: Pc::Answer(answered),
        kind: worker.kind,
        receives: worker.receives,
        owns: worker.owns,
        ..Worker::default()
    };
}

/// The day's certificates are used up.
pub(crate) fn spent() -> Result<Done, Stop> {
    Err(Stop::Failed(Trouble::BudgetSpent.failure()))
}

/// As `Stop::of_claim`.
pub(crate) fn of_claim(refusal: &Refusal, last: bool) -> Result<Done, Stop> {
    let given_back = |trouble: Trouble| Err(Stop::GivenBack(trouble.failure()));
    match refusal {
        Refusal::Already | Refusal::Confirmed | Refusal::Expired => Ok(Done::AlreadyVended),
        Refusal::OtherRequest
        | Refusal::StaleGeneration
        | Refusal::FailedForGood { .. }
        | Refusal::TooSoon { .. } => Ok(Done::Superseded),
        Refusal::NotMarkedYet if last => Ok(Done::Superseded),
        Refusal::NotMarkedYet => given_back(Trouble::NotMarkedYet),
        Refusal::Disabled => Err(Stop::Disabled),
        Refusal::LeaseHeld { .. } => given_back(Trouble::LeaseHeld),
        Refusal::LeaseLost
        | Refusal::NotDue
        | Refusal::NotIssued
        | Refusal::NothingAsked
        | Refusal::HasCertificate
        | Refusal::ReplacementPending { .. } => given_back(Trouble::Contended),
    }
}

/// The queue is told, or cannot be told, or is told by a worker that dies at it.
pub(crate) fn answer_steps(world: &World, slot: usize, answer: Answer, steps: &mut Steps) {
    let worker = world.workers[slot];
    let mut gone = world.clone();
    gone.workers[slot] = Worker::default();
    let comes_back = |world: &mut World| {
        if worker.owns {
            world.mail.put(worker.kind, worker.receives);
        }
    };
    if let Some(mut untold) = spend(&gone, Chance::Fail) {
        comes_back(&mut untold);
        steps.free(untold, || did(0, "tells the queue", How::Failed));
    }
    match answer {
        Answer::Ack => {}
        Answer::Park => gone.mail.bury(worker.kind),
        Answer::Postpone => comes_back(&mut gone),
        Answer::Renew => gone.mail.put(worker.kind, 0),
    }
    let copied = matches!(answer, Answer::Park | Answer::Renew);
    if let Some(mut twice) = spend(&gone, Chance::LoseAnswer).filter(|_| copied) {
        comes_back(&mut twice);
        steps.free(twice, || did(0, "tells the queue", How::AnswerLost));
    }
    steps.fair(gone, || {
        did(0, &format!("tells the queue: {answer:?}"), How::Done)
    });
}
