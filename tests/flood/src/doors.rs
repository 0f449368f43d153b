//! The door's processes: each has the gauge that ships, and knows nothing of the others.

use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use cvm_ingest::pace::Gauge;
use cvm_ingest::pace::PollTerms;
use cvm_shared::ports::Clock;
use cvm_shared::time::UnixMillis;
use rand::Rng as _;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::backlog::Backlog;
use crate::plan::Plan;
use crate::plan::Waiting;

/// The processes, of which any may take the next request.
#[derive(Debug)]
pub struct Doors {
    gauges: Vec<Gauge>,
    waiting: Waiting,
    terms: PollTerms,
}

/// Simulated time stands still while a request is answered.
struct Moment(UnixMillis);

impl Clock for Moment {
    fn now(&self) -> UnixMillis {
        self.0
    }

    async fn sleep(&self, _span: Duration) {
        std::future::pending::<()>().await;
    }
}

impl Doors {
    /// Fresh processes.
    pub fn new(plan: &Plan) -> Self {
        let mut gauges = Vec::new();
        gauges.resize_with(plan.doors.max(1), Gauge::default);
        Self {
            gauges,
            waiting: plan.waiting,
            terms: plan.terms,
        }
    }

    /// A process takes this device's order: how many seconds it is told to wait.
    pub fn accepted(&self, backlog: &Backlog, at_millis: u64, dice: &mut StdRng) -> u64 {
        let gauge = self.any(dice);
        gauge.accepted(&self.terms, time(at_millis));
        self.wait(gauge, backlog, at_millis, dice)
    }

    /// A process sees that this device still waits: how many seconds it is told to wait.
    pub fn pending(&self, backlog: &Backlog, at_millis: u64, dice: &mut StdRng) -> u64 {
        self.wait(self.any(dice), backlog, at_millis, dice)
    }

    fn any(&self, dice: &mut StdRng) -> &Gauge {
        &self.gauges[dice.random_range(0..self.gauges.len())]
    }

    fn wait(&self, gauge: &Gauge, backlog: &Backlog, at_millis: u64, dice: &mut StdRng) -> u64 {
        match self.waiting {
            Waiting::Fixed(seconds) => seconds,
            Waiting::Paced => {
                let mut random = [0; 16];
                dice.fill_bytes(&mut random);
                let moment = Moment(time(at_millis));
                let told = at_once(gauge.wait(backlog, &self.terms, &moment, random));
                // The depth is answered at once, so there is nothing to wait for.
                told.unwrap_or(self.terms.least_seconds)
            }
        }
    }
}

fn time(at_millis: u64) -> UnixMillis {
    UnixMillis(1_700_000_000_000 + at_millis)
}

/// What a future that waits for nothing comes to; `None` if it does wait.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
