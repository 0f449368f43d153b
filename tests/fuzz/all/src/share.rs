//! Shares work out to a few threads.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Does this for each, so many at once; what came of them, in their order.
pub(crate) fn out<T: Copy + Send + Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(T) -> io::Result<R> + Sync,
) -> io::Result<Vec<R>> {
    let waiting = Mutex::new(items.iter().copied().enumerate());
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let share = || std::iter::from_fn(next).map(|(place, item)| (place, work(item)));
    let mut done = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| share().collect::<Vec<_>>()))
            .collect();
        let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(Result::unwrap_or_default)
            .collect::<Vec<_>>()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
