//! Runs the actors, one at a time, in virtual time: when nobody can go on, time does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;

use crate::time::Time;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Ready = Arc<Mutex<VecDeque<usize>>>;

/// Wakes one task.
struct Alarm {
    task: usize,
    queued: AtomicBool,
    ready: Ready,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap().push_back(self.task);
        }
    }
}

struct Slot {
    task: Task,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// Starts tasks. Clones start them in the same executor.
#[derive(Clone, Default)]
pub struct Spawner(Rc<RefCell<Vec<Task>>>);

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawner")
    }
}

impl Spawner {
    /// Starts a task; it runs when its turn comes.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(task));
    }
}

/// Runs tasks in the order in which they were woken.
pub struct Executor {
    time: Time,
    spawner: Spawner,
    slots: Vec<Option<Slot>>,
    ready: Ready,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executor({:?}, {} tasks)", self.time, self.slots.len())
    }
}

impl Executor {
    /// An executor without tasks.
    pub fn new(time: Time, spawner: Spawner) -> Self {
        Self {
            time,
            spawner,
            slots: Vec::new(),
            ready: Ready::default(),
        }
    }

    /// Runs until `over` says so; `false` if everybody waits for ever before that.
    pub fn run(&mut self, over: impl Fn() -> bool) -> bool {
        loop {
            self.take_in();
            let next = self.ready.lock().unwrap().pop_front();
            if let Some(task) = next {
                self.poll(task);
            } else if !self.time.advance() {
                return over();
            }
            if over() {
                return true;
            }
        }
    }

    fn take_in(&mut self) {
        for task in self.spawner.0.borrow_mut().drain(..) {
            let number = self.slots.len();
            let alarm = Arc::new(Alarm {
                task: number,
                queued: AtomicBool::new(true),
                ready: self.ready.clone(),
            });
            let waker = Waker::from(alarm.clone());
            self.slots.push(Some(Slot { task, alarm, waker }));
            self.ready.lock().unwrap().push_back(number);
        }
    }

    fn poll(&mut self, number: usize) {
        let Some(slot) = &mut self.slots[number] else {
            return;
        };
        slot.alarm.queued.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&slot.waker);
        if slot.task.as_mut().poll(&mut context).is_ready() {
            self.slots[number] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cvm_testkit::time::HandClock;

    use super::*;

    #[test]
    fn days_pass_in_no_time_and_in_order() {
        let time = Time::new(HandClock::new());
        let spawner = Spawner::default();
        let seen = Rc::new(RefCell::new(Vec::new()));
        for hours in [48, 1, 24] {
            let (time, seen) = (time.clone(), seen.clone());
            spawner.spawn(async move {
                time.sleep(Duration::from_hours(hours)).await;
                seen.borrow_mut().push(hours);
            });
        }
        let start = time.now();
        assert!(!Executor::new(time.clone(), spawner).run(|| false));
        assert_eq!(*seen.borrow(), [1, 24, 48]);
        assert_eq!(time.now() - start, 48 * 3_600_000);
    }
}
