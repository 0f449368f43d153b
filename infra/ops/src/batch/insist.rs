//! Calls for many things at once, repeated for those that were throttled or whose fate is unknown.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use backon::BackoffBuilder as _;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Clock;

use crate::patience::is_passing;
use crate::patience::patience;

/// How often we were asked to slow down.
#[derive(Debug, Default)]
pub(crate) struct Throttles(AtomicU64);

impl Throttles {
    /// How often.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn note<A>(&self, answer: &Result<A, Failure>) {
        if matches!(answer, Err(Failure::Throttled { .. })) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Has `attempt` at these items until each has its answer or the patience is at its end. The pauses in between grow,
/// so that what is throttled meets less and less of us.
pub(crate) async fn insist<T: Copy, A>(
    clock: &impl Clock,
    throttles: &Throttles,
    items: &[T],
    attempt: impl AsyncFn(Vec<T>) -> Vec<Result<A, Failure>>,
) -> Vec<Result<A, Failure>> {
    let mut answers: Vec<_> = items.iter().map(|_| Err(Failure::OutOfTime)).collect();
    let mut pauses = patience().build();
    loop {
        let is_open = |answer: &Result<A, Failure>| answer.as_ref().err().is_some_and(is_passing);
        let open: Vec<usize> = (0..items.len()).filter(|n| is_open(&answers[*n])).collect();
        if open.is_empty() {
            return answers;
        }
        let asked = open.iter().map(|place| items[*place]).collect();
        for (place, answer) in open.into_iter().zip(attempt(asked).await) {
            throttles.note(&answer);
            answers[place] = answer;
        }
        if !answers.iter().any(is_open) {
            return answers;
        }
        let Some(pause) = pauses.next() else {
            return answers;
        };
        clock.sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use cvm_shared::time::UnixMillis;

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> UnixMillis {
            UnixMillis(0)
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[tokio::test]
    async fn only_what_is_open_is_tried_again() {
        let (asked, throttles) = (RefCell::new(Vec::new()), Throttles::default());
        let answers = insist(&Still, &throttles, &[1, 2, 3], async |items: Vec<u32>| {
            let first = asked.borrow().is_empty();
            asked.borrow_mut().push(items.clone());
            let answer = |item: u32| match item {
                2 if first => Err(Failure::Throttled { service: "x" }),
                3 => Err(Failure::PolicyMissing),
                item => Ok(item),
            };
            items.into_iter().map(answer).collect()
        });
        let expected = vec![Ok(1), Ok(2), Err(Failure::PolicyMissing)];
        assert_eq!(answers.await, expected);
        assert_eq!(*asked.borrow(), [vec![1, 2, 3], vec![2]]);
        assert_eq!(throttles.count(), 1);
    }

    #[tokio::test]
    async fn patience_ends() {
        let (tries, throttles) = (RefCell::new(0), Throttles::default());
        let answers = insist(&Still, &throttles, &[()], async |_: Vec<()>| {
            *tries.borrow_mut() += 1;
            vec![Err::<(), _>(Failure::OutOfTime)]
        });
        assert_eq!(answers.await, [Err(Failure::OutOfTime)]);
        assert_eq!(*tries.borrow(), 13);
    }
}
