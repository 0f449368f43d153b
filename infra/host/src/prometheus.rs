//! The same metrics as on Lambda, as Prometheus asks for them: `IssueSeconds` is `cvm_issue_seconds`.

use cvm_aws::meters::ALL;
use cvm_aws::meters::Unit;
use metrics::Counter;
use metrics::Gauge;
use metrics::Histogram;
use metrics::Key;
use metrics::KeyName;
use metrics::Metadata;
use metrics::Recorder;
use metrics::SharedString;
use metrics_exporter_prometheus::BuildError;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_exporter_prometheus::PrometheusRecorder;

/// The bounds of what is timed, in seconds: from a fast certificate to a burst of a hundred thousand.
const BUCKETS: [f64; 15] = [
    0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 43_200.0,
];

/// What must not be zero or grow, as of now; asked for when metrics are.
pub const GAUGES: [(&str, &str); 4] = [
    (
        "cvm_queue_depth",
        "Requests in the queue, hidden and delayed ones included.",
    ),
    (
        "cvm_dead_letters",
        "Requests that were given up and wait for an operator.",
    ),
    (
        "cvm_oldest_request_seconds",
        "How long the device has waited that has waited longest.",
    ),
    (
        "cvm_database_connections",
        "Open connections to the database.",
    ),
];

/// Begins to keep metrics; once in a process. The handle tells them.
pub fn start() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(Renamed(recorder))
        .map_err(|_| BuildError::FailedToCreateRuntime("metrics are kept already".to_owned()))?;
    for meter in ALL {
        // A counter that nobody has counted yet is shown as zero: its first event is an increase then.
        match meter.unit {
            Unit::Count => {
                metrics::describe_counter!(meter.name, meter.says);
                metrics::counter!(meter.name).increment(0);
            }
            Unit::Seconds => metrics::describe_histogram!(meter.name, meter.says),
        }
    }
    for (name, says) in GAUGES {
        metrics::describe_gauge!(name, says);
    }
    Ok(handle)
}

/// A recorder that takes our names and keeps Prometheus's.
struct Renamed(PrometheusRecorder);

/// `IssueSeconds` in lower case with underscores; a counter ends in `_total`.
fn renamed(name: &str, unit: Unit) -> String {
    let mut text = String::from("cvm");
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    match unit {
        Unit::Count => text + "_total",
        Unit::Seconds => text,
    }
}

fn key(key: &Key, unit: Unit) -> Key {
    let labels: Vec<_> = key.labels().cloned().collect();
    Key::from_parts(renamed(key.name(), unit), labels)
}

fn name(name: &KeyName, unit: Unit) -> KeyName {
    renamed(name.as_str(), unit).into()
}

impl Recorder for Renamed {
    fn describe_counter(&self, told: KeyName, unit: Option<metrics::Unit>, says: SharedString) {
        self.0
            .describe_counter(name(&told, Unit::Count), unit, says);
    }

    fn describe_gauge(&self, told: KeyName, unit: Option<metrics::Unit>, says: SharedString) {
        self.0.describe_gauge(told, unit, says);
    }

    fn describe_histogram(&self, told: KeyName, unit: Option<metrics::Unit>, says: SharedString) {
        self.0
            .describe_histogram(name(&told, Unit::Seconds), unit, says);
    }

    fn register_counter(&self, told: &Key, about: &Metadata<'_>) -> Counter {
        self.0.register_counter(&key(told, Unit::Count), about)
    }

    fn register_gauge(&self, told: &Key, about: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(told, about)
    }

    fn register_histogram(&self, told: &Key, about: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(&key(told, Unit::Seconds), about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_prometheus_own() {
        assert_eq!(
            renamed("TooManyRequests", Unit::Count),
            "cvm_too_many_requests_total"
        );
        assert_eq!(renamed("IssueSeconds", Unit::Seconds), "cvm_issue_seconds");
    }
}
