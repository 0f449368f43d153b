//! Logs: our own lines at the level asked for, everybody else's only from WARN on.
//!
//! The SDK and the Lambda runtime print whole requests and answers at DEBUG and TRACE: tokens and
//! private keys. No setting turns that on here; the level is ours alone.

use std::io;

use tracing::Level;
use tracing::Subscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::fmt::format::Json;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::Layered;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable with the level, as Lambda's own log settings set it.
const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Our crates and programs.
const OURS: [&str; 12] = [
    "cvm_shared",
    "cvm_aws",
    "cvm_host",
    "cvm_ingest",
    "cvm_ledger",
    "cvm_mysql",
    "cvm_server",
    "cvm_worker",
    "ingest",
    "worker",
    "janitor",
    "ledger",
];

/// Starts logging to standard output as JSON, one object a line; pass `std::env::vars()`. Returns the least severe level
/// that is logged.
///
/// Only the first call in a process has an effect.
pub fn init(vars: impl IntoIterator<Item = (String, String)>) -> Level {
    let level = vars.into_iter().find(|(name, _)| name == LEVEL);
    let level = level
        .and_then(|(_, level)| level.parse().ok())
        .unwrap_or(Level::INFO);
    // A second subscriber is refused: the first one goes on. CloudWatch stamps each line.
    let _ = subscriber(level, lines(io::stdout).without_time()).try_init();
    level
}

/// The same for a host, where nobody else stamps a line.
pub fn start(level: Level) {
    let _ = subscriber(level, lines(io::stdout)).try_init();
}

fn lines<S, W: for<'a> MakeWriter<'a> + 'static>(
    writer: W,
) -> Layer<S, JsonFields, Format<Json>, W> {
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        // Its fields say whose line it is: `span.request`.
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
}

type Filtered = Layered<Targets, Registry>;

fn subscriber<T, W>(
    level: Level,
    lines: Layer<Filtered, JsonFields, Format<Json, T>, W>,
) -> impl Subscriber
where
    T: FormatTime + Send + Sync + 'static,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = OURS.map(|target| (target, level));
    let filter = Targets::new().with_default(Level::WARN).with_targets(ours);
    tracing_subscriber::registry().with(filter).with(lines)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_says_whose_it_is_at_any_level() {
        let page = Page::default();
        let writer = page.clone();
        let logs = subscriber(Level::ERROR, lines(move || writer.clone()));
        tracing::subscriber::with_default(logs, || {
            let span = tracing::error_span!("order", request = tracing::field::Empty);
            let _within = span.enter();
            span.record("request", "r-1");
            tracing::warn!("not vended");
            tracing::error!("parked");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["span"]["request"], "r-1");
        assert_eq!(line["message"], "parked");
    }

    #[test]
    fn even_at_trace_nobody_elses_bodies_are_printed() {
        let page = Page::default();
        let writer = page.clone();
        let logs = subscriber(Level::TRACE, lines(move || writer.clone()));
        tracing::subscriber::with_default(logs, || {
            tracing::trace!(target: "aws_smithy_runtime::client", body = "hunter2", "request");
            tracing::debug!(target: "lambda_runtime::layers", body = "hunter2", "event");
            tracing::debug!(target: "hyper_util", "hunter2");
            tracing::trace!(target: "cvm_worker::run", serial = "SN-1", "ours");
            tracing::warn!(target: "lambda_runtime", "theirs");
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            text.contains("\"serial\":\"SN-1\"") && text.contains("theirs"),
            "{text}"
        );
    }
}
