//! Faults: any call of any port can fail before its effect, after it, happen twice, or be the last
//! thing that its process ever did.

use cvm_shared::failure::Failure;
use std::future::pending;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Poll;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Before,
    /// It has its effect, and its answer is lost.
    After,
    /// It happens twice, as an SDK's silent retry would have it.
    Twice,
    /// The service throttles it; no effect.
    Throttle,
    /// The process dies before it.
    KillBefore,
    /// The process dies after its effect.
    KillAfter,
    /// The code around it panics; not among [`Fault::ALL`], for only the worker fences panics off.
    Panic,
}

impl Fault {
    /// Every fault that the outside can bring.
    pub const ALL: [Self; 6] = [
        Self::Before,
        Self::After,
        Self::Twice,
        Self::Throttle,
        Self::KillBefore,
        Self::KillAfter,
    ];
}

/// Which calls are struck.
#[derive(Clone, Copy, Debug, Default)]
enum Plan {
    #[default]
    None,
    At(usize, Fault),
    First(&'static str, usize, Fault),
    StallBefore(&'static str),
    StallInside(&'static str),
}

#[derive(Debug, Default)]
struct Inside {
    calls: Vec<&'static str>,
    plan: Plan,
    killed: bool,
    stalled: bool,
}

/// The plan of faults and the record of calls. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Inside>>);

impl Faults {
    /// Strikes the call with this number, counted from zero.
    pub fn at(number: usize, fault: Fault) -> Self {
        Self::planned(Plan::At(number, fault))
    }

    /// Strikes the first `times` calls of this name.
    pub fn first(name: &'static str, times: usize, fault: Fault) -> Self {
        Self::planned(Plan::First(name, times, fault))
    }

    /// Halts before the commit (the second write) or the first other call of this name, until [`Faults::wake`].
    pub fn stall_before(name: &'static str) -> Self {
        Self::planned(Plan::StallBefore(name))
    }

    /// The same, but the call has its effect, halts, and then is made again, as an SDK does that got
    /// no answer.
    pub fn stall_inside(name: &'static str) -> Self {
        Self::planned(Plan::StallInside(name))
    }

    fn planned(plan: Plan) -> Self {
        let inside = Inside {
            plan,
            ..Inside::default()
        };
        Self(Arc::new(Mutex::new(inside)))
    }

    /// Waits until a call is halted.
    pub async fn stalled(&self) {
        self.until(|inside| inside.stalled).await;
    }

    /// Lets a halted call go on.
    pub fn wake(&self) {
        self.0.lock().unwrap().stalled = false;
    }

    async fn until(&self, met: impl Fn(&Inside) -> bool) {
        while !met(&self.0.lock().unwrap()) {
            yield_now().await;
        }
    }

    /// The names of the calls so far.
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().calls.clone()
    }

    /// Whether the process was killed; asking brings up a new one.
    pub fn was_killed(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap().killed)
    }

    fn meet(&self, name: &'static str) -> Option<Fault> {
        let mut inside = self.0.lock().unwrap();
        let number = inside.calls.len();
        inside.calls.push(name);
        match inside.plan {
            Plan::At(planned, fault) => (planned == number).then_some(fault),
            Plan::First(struck, times, fault) => {
                let met = inside.calls.iter().filter(|call| **call == struck).count();
                (struck == name && met <= times).then_some(fault)
            }
            Plan::None | Plan::StallBefore(_) | Plan::StallInside(_) => None,
        }
    }

    /// Halts here if this is the call to halt at. The second write of a worker is its commit.
    async fn stall<T, F>(&self, name: &'static str, call: &impl Fn() -> F)
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (here, inside_it) = {
            let inside = self.0.lock().unwrap();
            let met = inside.calls.iter().filter(|call| **call == name).count();
            let wanted = if name == "registry.swap" { 2 } else { 1 };
            let is = |at: &str| at == name && met == wanted;
            match inside.plan {
                Plan::StallBefore(at) => (is(at), false),
                Plan::StallInside(at) => (is(at), true),
                Plan::None | Plan::At(..) | Plan::First(..) => (false, false),
            }
        };
        if here {
            if inside_it {
                let _ = call().await;
            }
            self.0.lock().unwrap().stalled = true;
            self.until(|inside| !inside.stalled).await;
        }
    }

    async fn die(&self) {
        self.0.lock().unwrap().killed = true;
        pending::<()>().await;
    }

    /// Makes a call with the fault that is planned for it.
    pub(crate) async fn call<T, F>(
        &self,
        name: &'static str,
        call: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let lost = || Failure::Unavailable {
            service: "test",
            detail: name.to_owned(),
        };
        let fault = self.meet(name);
        // Every call is a point at which others may run.
        yield_now().await;
        self.stall(name, &call).await;
        match fault {
            None => call().await,
            Some(Fault::Before) => Err(lost()),
            Some(Fault::Throttle) => Err(Failure::Throttled { service: "test" }),
            Some(Fault::After) => call().await.and(Err(lost())),
            Some(Fault::Twice) => {
                let _ = call().await;
                call().await
            }
            #[expect(clippy::panic, reason = "this is what is asked for")]
            Some(Fault::Panic) => panic!("a planned panic in {name}"),
            Some(Fault::KillBefore) => {
                self.die().await;
                Err(lost())
            }
            Some(Fault::KillAfter) => {
                let _ = call().await;
                self.die().await;
                Err(lost())
            }
        }
    }
}

/// Lets the other futures of the task run once.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
