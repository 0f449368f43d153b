//! Rows on their way into the queue, as at the door: look, bind the key, **send the order, then mark the row**.
//!
//! A crash between the last two leaves an order that the worker can carry out by itself, and a row that the next run
//! sends again: a harmless duplicate. The other way round it would leave a row that nobody works on.

use cvm_shared::failure::Failure;
use cvm_shared::message::Order;
use cvm_shared::operate::rows::Rows;
use cvm_shared::operate::work::Orders;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Registry;
use cvm_shared::request::KeySource;
use cvm_shared::trail::Hand;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::batch::insist::Throttles;
use crate::batch::insist::insist;
use crate::batch::judge::Opening;
use crate::batch::judge::Verdict;
use crate::batch::judge::Why;
use crate::batch::judge::after_mark;
use crate::batch::judge::judge;
use crate::batch::row::Wanted;

/// How many rows are written at once.
const WRITES: usize = 32;

/// What a batch is submitted with.
#[derive(Debug)]
pub struct Submitter<W, R, Q, G, C> {
    /// The device table, for reading.
    pub rows: W,
    /// The device table, for writing.
    pub registry: R,
    /// The way into the work queue.
    pub orders: Q,
    /// What may happen only once.
    pub guard: G,
    /// Time.
    pub clock: C,
    /// How often we were asked to slow down.
    throttles: Throttles,
}

/// A row that was looked at.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The row.
    pub wanted: Wanted,
    /// What is to be done for it.
    pub verdict: Result<Verdict, Failure>,
}

impl Looked {
    /// Whether it is to be sent.
    pub fn is_sent(&self) -> bool {
        matches!(self.verdict, Ok(Verdict::Send(_)))
    }
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its order is in the queue, and its row says so.
    Sent,
    /// It was asked for before, and is on its way.
    Already,
    /// It has its certificate.
    Vended,
    /// It may not have it.
    Refused(Why),
    /// Nobody knows: submitting it again settles it.
    Unsettled(Failure),
}

/// What is left to do for rows, by their places.
type Left<'a> = Vec<(usize, &'a Opening)>;

impl<W, R, Q, G, C> Submitter<W, R, Q, G, C>
where
    W: Rows,
    R: Registry,
    Q: Orders,
    G: Guard,
    C: Clock,
{
    /// A submitter on these ports.
    pub fn new(rows: W, registry: R, orders: Q, guard: G, clock: C) -> Self {
        Self {
            rows,
            registry,
            orders,
            guard,
            clock,
            throttles: Throttles::default(),
        }
    }

    /// How often we were asked to slow down.
    pub fn throttles(&self) -> u64 {
        self.throttles.count()
    }

    /// Looks at these rows, a hundred at most, and changes nothing.
    pub async fn look(&self, wanted: Vec<Wanted>) -> Vec<Looked> {
        let asked: Vec<&Wanted> = wanted.iter().collect();
        let found = insist(&self.clock, &self.throttles, &asked, async |open| {
            let serials: Vec<_> = open.iter().map(|wanted| wanted.serial.clone()).collect();
            self.rows.load_many(&serials).await
        });
        let found = found.await;
        let now = self.clock.now();
        let looked = |(wanted, found): (Wanted, _)| {
            let verdict = match found {
                Ok(Some(row)) => Ok(judge(row, &wanted.key, now)),
                Ok(None) => Ok(Verdict::Refused(Why::Unknown)),
                Err(Failure::CorruptRow { field }) => Ok(Verdict::Refused(Why::Unreadable(field))),
                Err(failure) => Err(failure),
            };
            Looked { wanted, verdict }
        };
        wanted.into_iter().zip(found).map(looked).collect()
    }

    /// Sends what is to be sent and marks it, in the name of `hand`; the fates are in the order of the rows.
    pub async fn carry_out(&self, hand: &Hand, looked: &[Looked]) -> Vec<Fate> {
        let mut fates: Vec<Fate> = looked.iter().map(first_fate).collect();
        let left = looked.iter().enumerate().filter_map(opening).collect();
        let left = self.bind(left, &mut fates).await;
        let left = self.send(left, &mut fates).await;
        self.mark(hand, left, &mut fates).await;
        fates
    }

    /// One key, one device: a key that two devices have is one that somebody copied.
    async fn bind<'a>(&self, left: Left<'a>, fates: &mut [Fate]) -> Left<'a> {
        let bound = insist(&self.clock, &self.throttles, &left, async |open| {
            at_once(open, |(_, opening)| self.bind_key(&opening.order)).await
        });
        let bound = bound.await;
        let refused = |is_ours: bool| (!is_ours).then_some(Why::OtherKey);
        go_on(left, bound, fates, refused)
    }

    async fn bind_key(&self, order: &Order) -> Result<bool, Failure> {
        match &order.request.key {
            KeySource::Device(csr) => self.guard.bind_key(csr.public_key(), &order.serial).await,
            KeySource::Service => Ok(true),
        }
    }

    async fn send<'a>(&self, left: Left<'a>, fates: &mut [Fate]) -> Left<'a> {
        let sent = insist(
            &self.clock,
            &self.throttles,
            &left,
            async |open: Left<'_>| {
                let orders: Vec<_> = open.iter().map(|(_, o)| o.order.clone()).collect();
                self.orders.send_many(&orders).await
            },
        );
        let sent = sent.await;
        go_on(left, sent, fates, |()| None)
    }

    async fn mark(&self, hand: &Hand, left: Left<'_>, fates: &mut [Fate]) {
        let marked = insist(&self.clock, &self.throttles, &left, async |open| {
            at_once(open, |(_, opening)| self.mark_row(hand, opening)).await
        });
        let marked = marked.await;
        for (place, _) in go_on(left, marked, fates, |why| why) {
            fates[place] = Fate::Sent;
        }
    }

    /// Why the row would not have the request that was sent, if it would not: the worker then finds the order moot.
    async fn mark_row(&self, hand: &Hand, opening: &Opening) -> Result<Option<Why>, Failure> {
        let hand = Hand {
            at: self.clock.now(),
            ..hand.clone()
        };
        let (row, event) = (opening.row.clone(), &opening.event);
        Ok(
            match write(&self.registry, &hand, row, |_| event.clone()).await? {
                Written::Applied(_) => None,
                Written::Refused(row, refusal) => after_mark(&row, &opening.order, &refusal),
            },
        )
    }
}

/// The fate of a row for which nothing is done; one that is to be sent is unsettled until it is.
fn first_fate(looked: &Looked) -> Fate {
    match &looked.verdict {
        Ok(Verdict::Send(_)) => Fate::Unsettled(Failure::OutOfTime),
        Ok(Verdict::Already) => Fate::Already,
        Ok(Verdict::Vended) => Fate::Vended,
        Ok(Verdict::Refused(why)) => Fate::Refused(why.clone()),
        Err(failure) => Fate::Unsettled(failure.clone()),
    }
}

fn opening((place, looked): (usize, &Looked)) -> Option<(usize, &Opening)> {
    match &looked.verdict {
        Ok(Verdict::Send(opening)) => Some((place, opening)),
        Ok(Verdict::Already | Verdict::Vended | Verdict::Refused(_)) | Err(_) => None,
    }
}

/// The rows that go on to the next step; the fate of the others is sealed by its answer.
fn go_on<'a, A>(
    left: Left<'a>,
    answers: Vec<Result<A, Failure>>,
    fates: &mut [Fate],
    refused: impl Fn(A) -> Option<Why>,
) -> Left<'a> {
    let mut on = Vec::with_capacity(left.len());
    for ((place, opening), answer) in left.into_iter().zip(answers) {
        match answer.map(&refused) {
            Ok(None) => on.push((place, opening)),
            Ok(Some(why)) => fates[place] = Fate::Refused(why),
            Err(failure) => fates[place] = Fate::Unsettled(failure),
        }
    }
    on
}

/// The answers to one call for each, a bounded number of them at once.
async fn at_once<T, A, F: Future<Output = A>>(items: Vec<T>, call: impl Fn(T) -> F) -> Vec<A> {
    let calls: Vec<F> = items.into_iter().map(call).collect();
    stream::iter(calls).buffered(WRITES).collect().await
}
