//! What a queue must do whose messages are fetched. Fakes and real adapters face the same function.

use std::time::Duration;

use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Intake;
use cvm_shared::ports::Message;
use cvm_shared::ports::Queue;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use futures_util::future::join_all;

use crate::sample;

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_mins(1);

/// A work queue and its dead letters, both empty. `pass` lets time pass.
pub async fn queue<Q, D>(queue: &Q, dead: &D, pass: impl AsyncFn(Duration))
where
    Q: Queue + Depth + Intake + Delivery,
    D: Depth + Intake,
{
    what_is_sent_comes_once_and_whole(queue).await;
    what_is_not_removed_comes_back(queue, &pass).await;
    what_is_postponed_comes_later(queue, &pass).await;
    a_fresh_copy_is_counted_anew(queue, &pass).await;
    what_is_parked_has_its_reason(queue, dead).await;
    no_two_hold_the_same(queue).await;
    assert_eq!(queue.depth().await, Ok(0));
}

/// The order of a device.
pub fn order(serial: &str) -> Order {
    let serial: SerialNumber = sample::serial(serial);
    let key = KeySource::Device(sample::csr());
    Order {
        request: Request::new(&serial, Generation::FIRST, key),
        generation: Generation::FIRST,
        serial,
    }
}

async fn one<I: Intake>(queue: &I, hidden: Duration) -> Message {
    let mut found = queue.receive(10, hidden, Duration::ZERO).await.unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

async fn none<I: Intake>(queue: &I) {
    assert_eq!(queue.receive(10, LONG, Duration::ZERO).await, Ok(vec![]));
}

async fn what_is_sent_comes_once_and_whole<Q: Queue + Depth + Intake>(queue: &Q) {
    none(queue).await;
    let order = order("queue-1");
    queue.send(&order).await.unwrap();
    assert_eq!(queue.depth().await, Ok(1));
    let message = one(queue, LONG).await;
    assert_eq!(Order::decode(&message.body).unwrap(), order);
    assert_eq!(message.tenant.as_deref(), Some("queue-1"));
    assert_eq!(message.receives, 1);
    none(queue).await;
    assert_eq!(queue.depth().await, Ok(1), "hidden ones count");
    for _ in 0..2 {
        queue.remove(&message.receipt).await.unwrap();
    }
    assert_eq!(queue.depth().await, Ok(0));
}

async fn what_is_not_removed_comes_back<Q: Queue + Intake>(
    queue: &Q,
    pass: impl AsyncFn(Duration),
) {
    queue.send(&order("queue-2")).await.unwrap();
    let first = one(queue, SECOND).await;
    none(queue).await;
    pass(2 * SECOND).await;
    let second = one(queue, LONG).await;
    assert_eq!((second.id, second.receives), (first.id, 2));
    assert_ne!(second.receipt, first.receipt);
    queue.remove(&second.receipt).await.unwrap();
}

async fn what_is_postponed_comes_later<Q: Queue + Intake + Delivery>(
    queue: &Q,
    pass: impl AsyncFn(Duration),
) {
    queue.send(&order("queue-3")).await.unwrap();
    let held = one(queue, SECOND).await;
    queue.postpone(&held.receipt, 4 * SECOND).await.unwrap();
    pass(2 * SECOND).await;
    none(queue).await;
    pass(3 * SECOND).await;
    let again = one(queue, LONG).await;
    assert_eq!(again.receives, 2);
    queue
        .postpone(&again.receipt, Duration::ZERO)
        .await
        .unwrap();
    let at_once = one(queue, LONG).await;
    queue.remove(&at_once.receipt).await.unwrap();
}

async fn a_fresh_copy_is_counted_anew<Q: Queue + Intake + Delivery>(
    queue: &Q,
    pass: impl AsyncFn(Duration),
) {
    let body = order("queue-4").encode();
    queue
        .renew(&body, Some("batch-1"), 2 * SECOND)
        .await
        .unwrap();
    none(queue).await;
    pass(3 * SECOND).await;
    let copy = one(queue, LONG).await;
    assert_eq!((copy.receives, copy.body), (1, body));
    assert_eq!(copy.tenant.as_deref(), Some("batch-1"));
    queue.remove(&copy.receipt).await.unwrap();
}

async fn what_is_parked_has_its_reason<Q: Delivery, D: Depth + Intake>(queue: &Q, dead: &D) {
    queue
        .park("{\"not\": \"an order\"}", "unreadable")
        .await
        .unwrap();
    assert_eq!(dead.depth().await, Ok(1));
    let letter = one(dead, LONG).await;
    assert_eq!(letter.body, "{\"not\": \"an order\"}");
    assert_eq!(letter.reason.as_deref(), Some("unreadable"));
    dead.remove(&letter.receipt).await.unwrap();
    assert_eq!(dead.depth().await, Ok(0));
}

/// Many take at once: each message goes to one of them, and none is left out.
async fn no_two_hold_the_same<Q: Queue + Intake>(queue: &Q) {
    for n in 0..30 {
        queue
            .send(&order(&format!("queue-many-{n}")))
            .await
            .unwrap();
    }
    let mut held = Vec::new();
    while held.len() < 30 {
        let takers = (0..6).map(|_| queue.receive(3, LONG, Duration::ZERO));
        let taken = join_all(takers).await.into_iter().flat_map(Result::unwrap);
        let before = held.len();
        held.extend(taken);
        assert!(held.len() > before, "{before} of 30");
    }
    let mut ids: Vec<_> = held.iter().map(|message| &message.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
    for message in &held {
        queue.remove(&message.receipt).await.unwrap();
    }
}
