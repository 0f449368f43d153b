//! Many orders into the work queue in one statement.

use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::operate::work::Orders;
use cvm_shared::ports::Clock;
use sqlx::AssertSqlSafe;

use crate::database::Database;
use crate::database::signed;
use crate::database::told;
use crate::queue::SECOND;

/// How many orders one statement takes: 500 kB of the longest.
const ORDERS: usize = 100;

/// The way into the work queue for a batch: it is one tenant, and waits behind devices that ask by themselves.
#[derive(Clone, Debug)]
pub struct MySqlOrders<C> {
    database: Database,
    tenant: String,
    clock: C,
}

impl<C: Clock> MySqlOrders<C> {
    /// The queue in this database, for this tenant.
    pub fn new(database: Database, tenant: String, clock: C) -> Self {
        Self {
            database,
            tenant,
            clock,
        }
    }

    async fn send(&self, orders: &[Order]) -> Result<(), Failure> {
        let marks = vec!["(?, ?, ?, ?, ?)"; orders.len()].join(", ");
        let text = format!(
            "INSERT INTO cvm_orders (`body`, `tenant`, `turn`, `sentAt`, `visibleAt`) VALUES {marks}"
        );
        let now = signed(self.clock.now().0)?;
        let sent = self.database.settled(|| async {
            let mut query = sqlx::query(AssertSqlSafe(text.clone()));
            for order in orders {
                query = query.bind(order.encode()).bind(&self.tenant);
                query = query.bind(SECOND).bind(now).bind(now);
            }
            query.execute(self.database.pool()).await
        });
        sent.await.map(|_| ()).map_err(told)
    }
}

impl<C: Clock> Orders for MySqlOrders<C> {
    async fn send_many(&self, orders: &[Order]) -> Vec<Result<(), Failure>> {
        let mut answers = Vec::with_capacity(orders.len());
        for part in orders.chunks(ORDERS) {
            answers.extend(vec![self.send(part).await; part.len()]);
        }
        answers
    }
}
