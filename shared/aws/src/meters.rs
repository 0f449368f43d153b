//! Every metric of ours, by name, unit and meaning, and how they get to CloudWatch.
//!
//! What happened is counted where it is known, and told once for each invocation in one line of JSON on standard output
//! (CloudWatch's embedded metric format): that needs no right and no call. What did not happen is not told. No metric has
//! a dimension, for each one more would be a metric more to pay for: the namespace is the stack's name.
//! `infra/METRICS.md` has the same list for people, with what it costs; a test holds it to this one.

use std::io;
use std::time::Duration;

use metrics_cloudwatch_embedded::Builder;
use metrics_cloudwatch_embedded::Collector;
use serde_json::Value;
use tracing::Level;

/// What a metric's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How often something happened.
    Count,
    /// How long it took, each time: CloudWatch keeps the distribution.
    Seconds,
}

impl Unit {
    /// The unit's name at CloudWatch.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
        }
    }
}

/// A metric: its name, unit and meaning.
#[derive(Debug)]
pub struct Meter {
    /// Its name.
    pub name: &'static str,
    /// What its numbers are.
    pub unit: Unit,
    /// The functions that tell it.
    pub told_by: &'static str,
    /// What it says.
    pub says: &'static str,
}

/// A metric that counts.
#[derive(Debug)]
pub struct Counter(pub Meter);

/// A metric of how long things take.
#[derive(Debug)]
pub struct Timer(pub Meter);

impl Counter {
    const fn new(name: &'static str, told_by: &'static str, says: &'static str) -> Self {
        let unit = Unit::Count;
        Self(Meter {
            name,
            unit,
            told_by,
            says,
        })
    }

    /// Counts so many more; nothing, if nobody tells metrics in this process.
    pub fn add(&self, count: u64) {
        metrics::counter!(self.0.name).increment(count);
    }
}

impl Timer {
    const fn new(name: &'static str, told_by: &'static str, says: &'static str) -> Self {
        let unit = Unit::Seconds;
        Self(Meter {
            name,
            unit,
            told_by,
            says,
        })
    }

    /// Notes that it took so long, to the millisecond.
    pub fn took(&self, span: Duration) {
        let whole = Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        metrics::histogram!(self.0.name).record(whole.as_secs_f64());
    }
}

macro_rules! meters {
    ($($name:ident: $kind:ident = $text:literal, $told_by:literal, $says:literal;)*) => {
        $(
            #[doc = $says]
            pub static $name: $kind = $kind::new($text, $told_by, $says);
        )*

        /// All of them, in the order of the list for people.
        pub static ALL: &[&Meter] = &[$(&$name.0,)*];
    };
}

meters! {
    ACCEPTED: Counter = "Accepted", "ingest", "Requests that were put into the queue.";
    REPEATED: Counter = "Repeated", "ingest", "Requests that were open or done already: a device asked the same again.";
    UNAUTHORIZED: Counter = "Unauthorized", "ingest", "Refused logins (401): unknown, wrong or disabled.";
    TOO_MANY_REQUESTS: Counter = "TooManyRequests", "ingest", "Devices that ask far faster than they were told (429).";
    SERVER_ERRORS: Counter = "ServerErrors", "ingest", "Answers from 500 on: something behind the door is busy or down.";
    DENIED: Counter = "Denied", "ingest, worker", "Calls that AWS refused: a right is missing, or the KMS key cannot be used.";
    ISSUED: Counter = "Issued", "worker", "Certificates that were issued, bound and activated.";
    FAILED: Counter = "Failed", "worker", "Requests that were given up: each is a dead letter.";
    NOT_ACTIVATED: Counter = "NotActivated", "worker", "Of these, those whose policy, Thing type or Thing group is missing or full.";
    PUT_BACK: Counter = "PutBack", "worker", "Messages that come back later: after a throttle, a fault, or behind another worker.";
    IOT_THROTTLES: Counter = "IotThrottles", "worker, janitor", "Calls of AWS IoT that were throttled; no failures. The log line has them by API.";
    ISSUE_SECONDS: Timer = "IssueSeconds", "worker", "From the message in a worker's hand to the vended row.";
    WAIT_SECONDS: Timer = "WaitSeconds", "worker", "From the device's request to the vended row.";
    SWEEP_COMPLETE: Counter = "SweepComplete", "janitor", "Sweeps that came to their end.";
    SWEEP_FAILED: Counter = "SweepFailed", "janitor", "Things that failed in a sweep; the next one tries them again.";
    SWEEP_ORPHANS: Counter = "SweepOrphans", "janitor", "Orphaned certificates that were deleted.";
    SWEEP_UNATTRIBUTED: Counter = "SweepUnattributed", "janitor", "INACTIVE certificates in no row, not known to be ours: left alone.";
    SWEEP_RESENT: Counter = "SweepResent", "janitor", "Orders that were sent again.";
    SWEEP_ABANDONED: Counter = "SweepAbandoned", "janitor", "Requests that were given up after three orders.";
    SWEEP_EXPIRED: Counter = "SweepExpired", "janitor", "Bundles that were shredded because nobody fetched them.";
}

/// Where a process keeps its metrics until it tells them.
#[derive(Clone, Copy)]
pub struct Meters(&'static Collector);

impl Meters {
    /// Begins to keep metrics, for a namespace and a process that logs at `level`; once in a process.
    ///
    /// Lambda filters the lines of a function by their level and takes one that has none for INFO. So where it lets only
    /// worse ones through, ours has the level that passes.
    pub fn start(namespace: String, level: Level) -> Result<Self, MetersError> {
        let builder = Builder::new().cloudwatch_namespace(namespace);
        let collector = builder.init().map_err(|_| MetersError)?;
        for meter in ALL {
            match meter.unit {
                Unit::Count => {
                    metrics::describe_counter!(meter.name, metrics::Unit::Count, meter.says);
                }
                Unit::Seconds => {
                    metrics::describe_histogram!(meter.name, metrics::Unit::Seconds, meter.says);
                }
            }
        }
        if level < Level::INFO {
            collector.set_property("level", level.as_str());
        }
        Ok(Self(collector))
    }

    /// Tells what happened since the last time, if anything did.
    pub fn tell(self) {
        self.tell_to(io::stdout());
    }

    /// The same with a note in the line that is no metric; an empty one is left out.
    pub fn tell_with(self, name: &'static str, note: Option<Value>) {
        if let Some(note) = note {
            self.0.set_property(name, note);
        }
        self.tell();
        self.0.remove_property(name);
    }

    /// Tells it to somebody else.
    pub fn tell_to(self, to: impl io::Write) {
        if let Err(error) = self.0.flush(to) {
            tracing::warn!(%error, "metrics were not told");
        }
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

/// Metrics are kept in this process already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metrics are kept in this process already")]
pub struct MetersError;
