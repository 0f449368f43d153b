//! The work queue and its dead letters in the database, for a host without SQS. The rules are SQS's: at least once, hidden
//! for a while after each delivery, counted, and given up to the dead letters in the end.
//!
//! Rows that somebody else is taking are skipped and not waited for (`SKIP LOCKED`: MySQL 8.0, MariaDB 10.6). Devices that
//! ask by themselves come before batches.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::hex;
use cvm_shared::message::Order;
use cvm_shared::operate::work::Levels;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Intake;
use cvm_shared::ports::Message;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Random;
use cvm_shared::time::UnixMillis;
use futures_util::future::Either;
use futures_util::future::select;
use sqlx::AssertSqlSafe;
use sqlx::MySql;
use sqlx::Transaction;
use tokio::sync::Notify;

use crate::database::Database;
use crate::database::signed;
use crate::database::told;

/// How long an empty queue is left alone before it is looked at again.
const PAUSE: Duration = Duration::from_millis(500);

/// Which of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Orders,
    DeadLetters,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "cvm_orders",
            Self::DeadLetters => "cvm_dead_letters",
        }
    }
}

/// A queue in the database.
#[derive(Clone, Debug)]
pub struct MySqlQueue<C, N> {
    database: Database,
    table: Table,
    /// After how many deliveries a message goes to the dead letters: its workers die.
    most_receives: u32,
    clock: C,
    random: N,
    /// Rung when this process sends: its own messages need not wait for the next look.
    bell: Arc<Notify>,
}

/// A message that is put in.
struct Sent<'a> {
    body: &'a str,
    tenant: Option<&'a str>,
    turn: i8,
    visible_at: UnixMillis,
    reason: Option<&'a str>,
}

/// A device that asks by itself.
const FIRST: i8 = 0;
/// A batch.
pub(crate) const SECOND: i8 = 1;

/// Whose turn it is: a message of the device's own, or one among many of a batch.
fn turn(tenant: Option<&str>, body: &str) -> i8 {
    let serial = Order::decode(body).map(|order| order.serial);
    let is_own = match (&serial, tenant) {
        (Ok(serial), Some(tenant)) => serial.as_str() == tenant,
        (_, None) | (Err(_), Some(_)) => true,
    };
    if is_own { FIRST } else { SECOND }
}

impl<C: Clock, N: Random> MySqlQueue<C, N> {
    /// The work queue.
    pub fn orders(database: Database, most_receives: u32, clock: C, random: N) -> Self {
        Self {
            database,
            table: Table::Orders,
            most_receives,
            clock,
            random,
            bell: Arc::new(Notify::new()),
        }
    }

    /// The dead letters. Looking at one often does not make it worse.
    pub fn dead_letters(database: Database, clock: C, random: N) -> Self {
        Self {
            table: Table::DeadLetters,
            ..Self::orders(database, u32::MAX, clock, random)
        }
    }

    /// How full the queue is.
    pub async fn levels(&self) -> Result<Levels, Failure> {
        // What a receipt names was handed out, and hidden for as long as its holder may take; what has none waits for
        // its delay.
        let text = format!(
            "SELECT CAST(COALESCE(SUM(`visibleAt` <= ?), 0) AS SIGNED), \
             CAST(COALESCE(SUM(`visibleAt` > ? AND `receipt` IS NOT NULL), 0) AS SIGNED), \
             CAST(COALESCE(SUM(`visibleAt` > ? AND `receipt` IS NULL), 0) AS SIGNED) FROM {}",
            self.table.name()
        );
        let now = signed(self.clock.now().0)?;
        let counts = sqlx::query_as::<_, (i64, i64, i64)>(AssertSqlSafe(text));
        let counts = counts.bind(now).bind(now).bind(now);
        let (ready, in_flight, delayed) =
            counts.fetch_one(self.database.pool()).await.map_err(told)?;
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(Levels {
            ready: number(ready),
            in_flight: number(in_flight),
            delayed: number(delayed),
        })
    }

    /// Sends an order for a batch, which is one tenant.
    pub async fn send_for(&self, order: &Order, tenant: &str) -> Result<(), Failure> {
        let body = order.encode();
        let sent = Sent {
            body: &body,
            tenant: Some(tenant),
            turn: SECOND,
            visible_at: self.clock.now(),
            reason: None,
        };
        self.put(self.table, &sent).await
    }

    async fn put(&self, table: Table, message: &Sent<'_>) -> Result<(), Failure> {
        let text = format!(
            "INSERT INTO {} (`body`, `tenant`, `turn`, `sentAt`, `visibleAt`, `reason`) VALUES (?, ?, ?, ?, ?, ?)",
            table.name()
        );
        let (now, visible_at) = (signed(self.clock.now().0)?, signed(message.visible_at.0)?);
        let done = self.database.settled(|| async {
            let query = sqlx::query(AssertSqlSafe(text.clone()))
                .bind(message.body)
                .bind(message.tenant)
                .bind(message.turn)
                .bind(now)
                .bind(visible_at)
                .bind(message.reason);
            query.execute(self.database.pool()).await
        });
        done.await.map_err(told)?;
        self.bell.notify_one();
        Ok(())
    }

    /// Takes what is visible, those first whose turn is first.
    async fn take(&self, most: u32, hidden: Duration) -> Result<Vec<Message>, sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        let now = self.clock.now();
        let mut found = Vec::new();
        for turn in [FIRST, SECOND] {
            let left = most - u32::try_from(found.len()).unwrap_or(most);
            if left > 0 {
                found.extend(self.visible(&mut transaction, turn, now, left).await?);
            }
        }
        let worn: Vec<u64> = found
            .iter()
            .filter(|row| self.is_worn(row))
            .map(|row| row.0)
            .collect();
        self.give_up(&mut transaction, &worn).await?;
        found.retain(|row| !self.is_worn(row));
        let taken = self
            .hide(&mut transaction, &found, now.plus(hidden))
            .await?;
        transaction.commit().await?;
        Ok(taken)
    }

    fn is_worn(&self, row: &Found) -> bool {
        row.3 >= self.most_receives
    }

    async fn visible(
        &self,
        transaction: &mut Transaction<'_, MySql>,
        turn: i8,
        now: UnixMillis,
        most: u32,
    ) -> Result<Vec<Found>, sqlx::Error> {
        let text = format!(
            "SELECT `id`, `body`, `tenant`, CAST(`receives` AS UNSIGNED), `sentAt`, `reason` FROM {} \
             WHERE `turn` = ? AND `visibleAt` <= ? ORDER BY `visibleAt`, `id` LIMIT ? FOR UPDATE SKIP LOCKED",
            self.table.name()
        );
        let query = sqlx::query_as::<_, Found>(AssertSqlSafe(text))
            .bind(turn)
            .bind(i64::try_from(now.0).unwrap_or(i64::MAX))
            .bind(most);
        query.fetch_all(&mut **transaction).await
    }

    /// Hides what was found, under a receipt each.
    async fn hide(
        &self,
        transaction: &mut Transaction<'_, MySql>,
        found: &[Found],
        until: UnixMillis,
    ) -> Result<Vec<Message>, sqlx::Error> {
        let text = format!(
            "UPDATE {} SET `receipt` = ?, `visibleAt` = ?, `receives` = `receives` + 1 WHERE `id` = ?",
            self.table.name()
        );
        let mut taken = Vec::with_capacity(found.len());
        for (id, body, tenant, receives, sent_at, reason) in found {
            let receipt = hex(&self.random.bytes());
            let query = sqlx::query(AssertSqlSafe(text.clone()))
                .bind(&receipt)
                .bind(i64::try_from(until.0).unwrap_or(i64::MAX))
                .bind(id);
            query.execute(&mut **transaction).await?;
            taken.push(Message {
                id: id.to_string(),
                receipt: format!("{id}:{receipt}"),
                body: body.clone(),
                tenant: tenant.clone(),
                receives: receives + 1,
                sent_at: UnixMillis(u64::try_from(*sent_at).unwrap_or_default()),
                reason: reason.clone(),
            });
        }
        Ok(taken)
    }

    /// To the dead letters, as the queue itself does with what is handed out again and again.
    async fn give_up(
        &self,
        transaction: &mut Transaction<'_, MySql>,
        ids: &[u64],
    ) -> Result<(), sqlx::Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().fold(String::new(), |mut text, id| {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}{id}");
            text
        });
        for text in [
            format!(
                "INSERT INTO cvm_dead_letters (`body`, `tenant`, `turn`, `sentAt`, `visibleAt`, `receives`) \
                 SELECT `body`, `tenant`, `turn`, `sentAt`, `visibleAt`, `receives` FROM cvm_orders WHERE `id` IN ({ids})"
            ),
            format!("DELETE FROM cvm_orders WHERE `id` IN ({ids})"),
        ] {
            sqlx::query(AssertSqlSafe(text))
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Until this process sends something, or for a moment.
    async fn lull(&self, most: Duration) {
        let bell = std::pin::pin!(self.bell.notified());
        let pause = std::pin::pin!(self.clock.sleep(PAUSE.min(most)));
        match select(bell, pause).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}

/// Id, body, tenant, deliveries so far, when it was sent, why it was parked.
type Found = (u64, String, Option<String>, u32, i64, Option<String>);

/// A receipt's parts: the message, and the delivery.
fn parts(receipt: &str) -> Option<(u64, &str)> {
    let (id, delivery) = receipt.split_once(':')?;
    Some((id.parse().ok()?, delivery))
}

impl<C: Clock, N: Random> Queue for MySqlQueue<C, N> {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        let body = order.encode();
        let sent = Sent {
            body: &body,
            tenant: Some(order.serial.as_str()),
            turn: FIRST,
            visible_at: self.clock.now(),
            reason: None,
        };
        self.put(self.table, &sent).await
    }
}

impl<C: Clock, N: Random> Depth for MySqlQueue<C, N> {
    async fn depth(&self) -> Result<u64, Failure> {
        let text = format!("SELECT COUNT(*) FROM {}", self.table.name());
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(text));
        let count = count.fetch_one(self.database.pool()).await.map_err(told)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

impl<C: Clock, N: Random> Intake for MySqlQueue<C, N> {
    async fn receive(
        &self,
        most: u32,
        hidden: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, Failure> {
        let end = self.clock.now().plus(wait);
        loop {
            let taken = self.database.settled(|| self.take(most, hidden)).await;
            let taken = taken.map_err(told)?;
            let left = end.since(self.clock.now());
            if !taken.is_empty() || left.is_zero() {
                return Ok(taken);
            }
            self.lull(left).await;
        }
    }

    /// A receipt of an earlier delivery removes nothing: somebody else holds the message.
    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        let Some((id, delivery)) = parts(receipt) else {
            return Ok(());
        };
        let table = self.table.name();
        let text = format!("DELETE FROM {table} WHERE `id` = ? AND `receipt` = ?");
        let done = self.database.settled(|| async {
            let query = sqlx::query(AssertSqlSafe(text.clone()));
            let query = query.bind(id).bind(delivery);
            query.execute(self.database.pool()).await
        });
        done.await.map(|_| ()).map_err(told)
    }
}

impl<C: Clock, N: Random> Delivery for MySqlQueue<C, N> {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        let Some((id, delivery)) = parts(receipt) else {
            return Ok(());
        };
        let table = self.table.name();
        let text = format!("UPDATE {table} SET `visibleAt` = ? WHERE `id` = ? AND `receipt` = ?");
        let until = signed(self.clock.now().plus(after).0)?;
        let done = self.database.settled(|| async {
            let query = sqlx::query(AssertSqlSafe(text.clone()));
            let query = query.bind(until).bind(id).bind(delivery);
            query.execute(self.database.pool()).await
        });
        done.await.map(|_| ()).map_err(told)
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        let sent = Sent {
            body,
            tenant,
            turn: turn(tenant, body),
            visible_at: self.clock.now().plus(after),
            reason: None,
        };
        self.put(self.table, &sent).await
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        let sent = Sent {
            body,
            tenant: None,
            turn: FIRST,
            visible_at: self.clock.now(),
            reason: Some(reason),
        };
        self.put(Table::DeadLetters, &sent).await
    }
}
