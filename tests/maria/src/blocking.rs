//! Calls of the database that are waited for without a runtime of one's own.

use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;

/// Does the work on a runtime of its own threads and blocks until it is done, whether the caller is in a runtime or not.
pub fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    });
    let (answer, answered) = mpsc::channel();
    runtime.spawn(async move {
        // Who asked has panicked.
        let _ = answer.send(work.await);
    });
    answered.recv().unwrap()
}
