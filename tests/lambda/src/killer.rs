//! Kills a busy process of a function again and again.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::function::Function;
use crate::serve::Task;

/// A killer at work. Dropping it ends it.
#[derive(Debug)]
pub struct Killer {
    kills: Arc<AtomicUsize>,
    _task: Task,
}

impl Killer {
    /// Kills a process of this function every so often, half as long to half as long again, if one is busy at that
    /// moment. It does not lie in wait: the few events of a quiet time would never be finished. Nor does it keep
    /// time: messages come back after a fixed time, and would meet it at the same point again and again. After `most`
    /// kills, if that is given, it is done.
    pub fn start(function: Function, every: Duration, most: Option<usize>, seed: u64) -> Self {
        let kills = Arc::new(AtomicUsize::new(0));
        let counted = kills.clone();
        let mut random = StdRng::seed_from_u64(seed);
        let task = Task::spawn(async move {
            while most.is_none_or(|most| counted.load(Ordering::SeqCst) < most) {
                SystemClock
                    .sleep(every.mul_f64(random.random_range(0.5..1.5)))
                    .await;
                if function.busy() > 0 {
                    counted.fetch_add(function.kill_one().await, Ordering::SeqCst);
                }
            }
        });
        Self { kills, _task: task }
    }

    /// How many busy processes it has killed.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::SeqCst)
    }
}
