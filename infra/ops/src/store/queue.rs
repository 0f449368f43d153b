//! The work queue and its dead letters, wherever they are.

use std::time::Duration;

use cvm_aws::orders::SqsOrders;
use cvm_aws::queue::SqsDelivery;
use cvm_aws::queue::SqsQueue;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_mysql::orders::MySqlOrders;
use cvm_mysql::queue::MySqlQueue;
use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::operate::work::Levels;
use cvm_shared::operate::work::Orders;
use cvm_shared::ports::Delivery;

use crate::aws::Aws;
use crate::aws::Part;
use crate::dlq::letter::Letter;
use crate::dlq::post::Post;
use crate::dlq::post::SqsPost;
use crate::dlq::shelf::Shelf;
use crate::host::Host;
use crate::site::Place;
use crate::site::Site;
use crate::trouble::Trouble;

/// Nobody takes an order here, so nothing is ever given up for how often it was taken.
const RECEIVES: u32 = u32::MAX;

/// A queue in the database.
pub(crate) type OwnQueue = MySqlQueue<SystemClock, SystemRandom>;

/// The way into the work queue for a batch.
#[derive(Clone, Debug)]
pub(crate) enum OrderQueue {
    Sqs(SqsOrders),
    MySql(MySqlOrders<SystemClock>),
}

/// The way into the work queue for what is sent once more.
#[derive(Clone, Debug)]
pub(crate) enum Deliveries {
    Sqs(SqsDelivery),
    MySql(OwnQueue),
}

/// The dead letters.
#[derive(Clone, Debug)]
pub(crate) enum Letters {
    Sqs(SqsPost),
    MySql(Shelf<OwnQueue>),
}

/// A queue that is only looked at.
#[derive(Clone, Debug)]
pub(crate) enum Gauge {
    Sqs(SqsQueue),
    MySql(OwnQueue),
}

/// Whose queues they are.
enum Queues<'a> {
    Sqs(&'a Aws),
    MySql(&'a Host),
}

impl Site {
    fn queues(&self) -> Queues<'_> {
        match &self.place {
            Place::Stack(aws) => Queues::Sqs(aws),
            Place::Host(host) => match &host.beside {
                Some(aws) if aws.has(Part::Queue) => Queues::Sqs(aws),
                Some(_) | None => Queues::MySql(host),
            },
        }
    }

    /// The way into the work queue for this tenant.
    pub(crate) async fn orders(&self, tenant: String) -> Result<OrderQueue, Trouble> {
        Ok(match self.queues() {
            Queues::Sqs(aws) => {
                let url = aws.name(Part::Queue).await?;
                OrderQueue::Sqs(SqsOrders::new(aws.sqs(), url, tenant))
            }
            Queues::MySql(host) => {
                let database = host.database.clone();
                OrderQueue::MySql(MySqlOrders::new(database, tenant, SystemClock))
            }
        })
    }

    /// The way into the work queue for dead letters.
    pub(crate) async fn deliveries(&self) -> Result<Deliveries, Trouble> {
        Ok(match self.queues() {
            Queues::Sqs(aws) => {
                let url = aws.name(Part::Queue).await?;
                let dead_letters = aws.name(Part::DeadLetters).await?;
                Deliveries::Sqs(SqsDelivery::new(aws.sqs(), url, dead_letters))
            }
            Queues::MySql(host) => Deliveries::MySql(orders(host)),
        })
    }

    /// The dead letters.
    pub(crate) async fn letters(&self) -> Result<Letters, Trouble> {
        Ok(match self.queues() {
            Queues::Sqs(aws) => {
                let url = aws.name(Part::DeadLetters).await?;
                Letters::Sqs(SqsPost::new(aws.sqs(), url))
            }
            Queues::MySql(host) => Letters::MySql(Shelf(dead_letters(host))),
        })
    }

    /// SQS, if the queues are there.
    pub(crate) fn sqs(&self) -> Option<&Aws> {
        match self.queues() {
            Queues::Sqs(aws) => Some(aws),
            Queues::MySql(_) => None,
        }
    }

    /// What tells how full the work queue is.
    pub(crate) async fn work_gauge(&self) -> Result<Gauge, Trouble> {
        Ok(match self.queues() {
            Queues::Sqs(aws) => gauge(aws, Part::Queue).await?,
            Queues::MySql(host) => Gauge::MySql(orders(host)),
        })
    }

    /// What tells how many dead letters there are.
    pub(crate) async fn letter_gauge(&self) -> Result<Gauge, Trouble> {
        Ok(match self.queues() {
            Queues::Sqs(aws) => gauge(aws, Part::DeadLetters).await?,
            Queues::MySql(host) => Gauge::MySql(dead_letters(host)),
        })
    }
}

async fn gauge(aws: &Aws, part: Part) -> Result<Gauge, Trouble> {
    let url = aws.name(part).await?;
    Ok(Gauge::Sqs(SqsQueue::new(aws.sqs(), url)))
}

impl Gauge {
    /// About how full the queue is.
    pub(crate) async fn levels(&self) -> Result<Levels, Failure> {
        match self {
            Self::Sqs(queue) => queue.levels().await,
            Self::MySql(queue) => queue.levels().await,
        }
    }
}

fn orders(host: &Host) -> OwnQueue {
    MySqlQueue::orders(host.database.clone(), RECEIVES, SystemClock, SystemRandom)
}

fn dead_letters(host: &Host) -> OwnQueue {
    MySqlQueue::dead_letters(host.database.clone(), SystemClock, SystemRandom)
}

impl Orders for OrderQueue {
    async fn send_many(&self, orders: &[Order]) -> Vec<Result<(), Failure>> {
        match self {
            Self::Sqs(queue) => queue.send_many(orders).await,
            Self::MySql(queue) => queue.send_many(orders).await,
        }
    }
}

impl Delivery for Deliveries {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        match self {
            Self::Sqs(queue) => queue.postpone(receipt, after).await,
            Self::MySql(queue) => queue.postpone(receipt, after).await,
        }
    }

    async fn renew(
        &self,
        body: &str,
        tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        match self {
            Self::Sqs(queue) => queue.renew(body, tenant, after).await,
            Self::MySql(queue) => queue.renew(body, tenant, after).await,
        }
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        match self {
            Self::Sqs(queue) => queue.park(body, reason).await,
            Self::MySql(queue) => queue.park(body, reason).await,
        }
    }
}

impl Post for Letters {
    async fn take(&self) -> Result<Vec<Letter>, Failure> {
        match self {
            Self::Sqs(post) => post.take().await,
            Self::MySql(post) => post.take().await,
        }
    }

    async fn give_back(&self, receipts: &[String]) -> Result<(), Failure> {
        match self {
            Self::Sqs(post) => post.give_back(receipts).await,
            Self::MySql(post) => post.give_back(receipts).await,
        }
    }

    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        match self {
            Self::Sqs(post) => post.remove(receipt).await,
            Self::MySql(post) => post.remove(receipt).await,
        }
    }
}
