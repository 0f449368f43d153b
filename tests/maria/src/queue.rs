//! The work queue on MariaDB, with what a suite looks at beside the ports.

use std::time::Duration;

use cvm_mysql::database::Database;
use cvm_mysql::queue::MySqlQueue;
use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::ports::Delivery as _;
use cvm_shared::ports::Depth as _;
use cvm_shared::ports::Intake as _;
use cvm_shared::ports::Queue as _;
use cvm_testkit::queue::DeadLetter;
use cvm_testkit::queue::Line;
use cvm_testkit::queue::Message;
use cvm_testkit::time::CountedRandom;
use cvm_testkit::time::HandClock;

use crate::blocking::wait;

type Orders = MySqlQueue<HandClock, CountedRandom>;

/// The work queue and its dead letters.
#[derive(Clone, Debug)]
pub struct MariaQueue {
    database: Database,
    clock: HandClock,
    random: CountedRandom,
}

impl MariaQueue {
    /// The queue in this database, on this clock.
    pub fn new(database: Database, clock: HandClock) -> Self {
        Self {
            database,
            clock,
            random: CountedRandom::default(),
        }
    }

    /// The adapter that gives up on what was received so often.
    fn orders(&self, worn: u32) -> Orders {
        let (database, random) = (self.database.clone(), self.random.clone());
        MySqlQueue::orders(database, worn, self.clock.clone(), random)
    }
}

impl Line for MariaQueue {
    fn push(&self, body: &str, tenant: Option<&str>, delay: Duration) {
        self.renew(body, tenant, delay).unwrap();
    }

    fn send(&self, order: &Order) -> Result<(), Failure> {
        let (queue, order) = (self.orders(u32::MAX), order.clone());
        wait(async move { queue.send(&order).await })
    }

    fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        let (queue, receipt) = (self.orders(u32::MAX), receipt.to_owned());
        wait(async move { queue.postpone(&receipt, after).await })
    }

    fn renew(&self, body: &str, tenant: Option<&str>, after: Duration) -> Result<(), Failure> {
        let (body, tenant) = (body.to_owned(), tenant.map(str::to_owned));
        let queue = self.orders(u32::MAX);
        wait(async move { queue.renew(&body, tenant.as_deref(), after).await })
    }

    fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        let (queue, body) = (self.orders(u32::MAX), body.to_owned());
        wait(async move { queue.park(&body, reason).await })
    }

    fn receive(&self, most: usize, hidden: Duration, worn: u32) -> Vec<Message> {
        let (queue, most) = (self.orders(worn), u32::try_from(most).unwrap());
        let held = wait(async move { queue.receive(most, hidden, Duration::ZERO).await });
        let message = |held: cvm_shared::ports::Message| Message {
            id: held.id,
            receipt: held.receipt,
            body: held.body,
            tenant: held.tenant,
            receives: held.receives,
        };
        held.unwrap().into_iter().map(message).collect()
    }

    fn remove(&self, receipt: &str) {
        let (queue, receipt) = (self.orders(u32::MAX), receipt.to_owned());
        wait(async move { queue.remove(&receipt).await }).unwrap();
    }

    fn count(&self) -> usize {
        let queue = self.orders(u32::MAX);
        let depth = wait(async move { queue.depth().await });
        usize::try_from(depth.unwrap()).unwrap()
    }

    fn messages(&self) -> Vec<Message> {
        type Row = (u64, Option<String>, String, Option<String>, i32);
        let database = self.database.clone();
        let found = wait(async move {
            let text = "SELECT `id`, `receipt`, `body`, `tenant`, `receives` FROM cvm_orders ORDER BY `id`";
            let query = sqlx::query_as::<_, Row>(text);
            query.fetch_all(database.pool()).await.unwrap()
        });
        let message = |(id, receipt, body, tenant, receives): Row| Message {
            id: id.to_string(),
            receipt: format!("{id}:{}", receipt.unwrap_or_default()),
            body,
            tenant,
            receives: u32::try_from(receives).unwrap(),
        };
        found.into_iter().map(message).collect()
    }

    /// A reason is one of a few words of the worker's; those of a run are kept.
    fn dead_letters(&self) -> Vec<DeadLetter> {
        let database = self.database.clone();
        let found = wait(async move {
            let text = "SELECT `body`, `reason` FROM cvm_dead_letters ORDER BY `id`";
            let query = sqlx::query_as::<_, (String, Option<String>)>(text);
            query.fetch_all(database.pool()).await.unwrap()
        });
        let letter = |(body, reason): (String, Option<String>)| DeadLetter {
            body,
            reason: reason.map(|reason| &*reason.leak()),
        };
        found.into_iter().map(letter).collect()
    }
}
