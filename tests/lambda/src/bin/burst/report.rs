//! The tables of `cargo burst`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use cvm_lambda::burst::Outcome;
use cvm_lambda::burst::Plan;
use cvm_lambda::burst::SHARE_LEAST;
use cvm_lambda::gauge::Look;
use cvm_lambda::procs::Cost;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::args::Form;

/// What was planned and what came of it.
pub(crate) struct Report {
    pub(crate) form: Form,
    pub(crate) costs: BTreeMap<String, Cost>,
    pub(crate) plan: Plan,
    pub(crate) outcome: Outcome,
}

impl Report {
    /// Whether the machine keeps its promise.
    pub(crate) fn is_good(&self) -> bool {
        self.outcome.is_sound() && self.outcome.is_fast()
    }

    fn created_each(&self) -> f64 {
        ratio(self.outcome.created, self.outcome.devices)
    }

    fn per_second(&self) -> f64 {
        ratio(self.outcome.vended, 1) / self.outcome.took.as_secs_f64()
    }

    /// The figures.
    pub(crate) fn json(&self) -> Value {
        let (plan, outcome) = (&self.plan, &self.outcome);
        let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs_f64());
        json!({
            "ok": self.is_good(),
            "plan": {
                "devices": plan.devices,
                "keys": plan.keys,
                "bucket": plan.bucket,
                "throttle": plan.throttle,
                "killEverySeconds": seconds(plan.kill_every),
                "duplicate": plan.duplicate,
                "visibilitySeconds": plan.visibility_seconds,
                "workers": plan.workers,
                "batch": plan.batch,
                "pollSeconds": plan.poll_seconds,
                "seed": plan.seed,
            },
            "vended": outcome.vended,
            "lost": outcome.lost,
            "deadLetters": outcome.dead_letters,
            "messagesLeft": outcome.left,
            "mostActive": outcome.most_active,
            "created": outcome.created,
            "createdPerDevice": self.created_each(),
            "orphansBefore": outcome.orphans,
            "orphansAfter": outcome.orphans_left,
            "apis": self.apis(),
            "bottleneckShare": outcome.bottleneck().map(|(_, share)| share),
            "timeline": self.timeline(),
            "seconds": outcome.took.as_secs_f64(),
            "devicesPerSecond": self.per_second(),
            "submitToReadySeconds": { "p50": seconds(outcome.wait(0.5)), "p99": seconds(outcome.wait(0.99)) },
            "busyWorkersKilled": outcome.kills,
            "batches": outcome.tally.batches,
            "messages": outcome.tally.messages,
            "duplicates": outcome.tally.duplicates,
            "invocationsDied": outcome.tally.died,
            "invocationsTimedOut": outcome.tally.timed_out,
            "form": self.form.name(),
            "processes": self.costs.iter().map(|(name, cost)| (name.clone(), cost.json())).collect::<Map<_, _>>(),
        })
    }

    /// Seconds, messages that wait, tokens of the bottleneck so far.
    fn timeline(&self) -> Vec<Value> {
        let Some((api, _)) = self.outcome.bottleneck() else {
            return Vec::new();
        };
        let first = self.outcome.timeline.first().map(|look| look.at);
        let point = |look: &Look| {
            let seconds = first.map(|first| look.at.since(first).as_secs_f64());
            json!([seconds, look.waiting, look.tokens.get(&api)])
        };
        self.outcome.timeline.iter().map(point).collect()
    }

    fn apis(&self) -> Map<String, Value> {
        let apis = self
            .outcome
            .usage
            .iter()
            .filter(|(_, usage)| usage.calls > 0);
        let told = apis.map(|(api, usage)| {
            let share = self.outcome.shares.get(api);
            let told =
                json!({ "calls": usage.calls, "throttled": usage.throttled, "share": share });
            (api.name().to_owned(), told)
        });
        told.collect()
    }

    fn figures(&self) -> Table {
        let outcome = &self.outcome;
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let seconds = |wait: Option<Duration>| {
            wait.map_or("-".to_owned(), |wait| {
                format!("{:.1} s", wait.as_secs_f64())
            })
        };
        let dead: Vec<String> = outcome
            .dead_letters
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let dead = if dead.is_empty() {
            "0".to_owned()
        } else {
            dead.join(", ")
        };
        let left = outcome
            .orphans_left
            .map_or("not swept".to_owned(), |left| left.to_string());
        let tally = outcome.tally;
        for (name, value) in [
            ("devices", outcome.devices.to_string()),
            ("vended and confirmed", outcome.vended.to_string()),
            ("lost", (outcome.devices - outcome.vended).to_string()),
            ("dead letters", dead),
            ("messages left in the queue", outcome.left.to_string()),
            (
                "most ACTIVE certificates of a device",
                outcome.most_active.to_string(),
            ),
            (
                "certificates created per device",
                format!("{:.3}", self.created_each()),
            ),
            (
                "orphans, and after a sweep",
                format!("{}, {left}", outcome.orphans),
            ),
            ("busy workers killed", outcome.kills.to_string()),
            (
                "messages delivered, twice on purpose",
                format!("{}, {}", tally.messages, tally.duplicates),
            ),
            (
                "invocations, died, timed out",
                format!("{}, {}, {}", tally.batches, tally.died, tally.timed_out),
            ),
            ("from accepted to ready, p50", seconds(outcome.wait(0.5))),
            ("from accepted to ready, p99", seconds(outcome.wait(0.99))),
            ("wall time", format!("{:.1} s", outcome.took.as_secs_f64())),
            ("devices per second", format!("{:.2}", self.per_second())),
        ] {
            table.add_row([name.to_owned(), value]);
        }
        table
    }

    fn calls(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "AWS IoT",
            "quota",
            "calls",
            "throttled",
            "quota used while there was a backlog",
        ]);
        let quotas = self.plan.quotas();
        for (api, usage) in self
            .outcome
            .usage
            .iter()
            .filter(|(_, usage)| usage.calls > 0)
        {
            let quota = quotas
                .limit(*api)
                .map_or("-".to_owned(), |limit| format!("{}/s", limit.per_second));
            let share = self.outcome.shares.get(api);
            let share = share.map_or(String::new(), |share| format!("{:.1} %", share * 100.0));
            table.add_row([
                api.name().to_owned(),
                quota,
                usage.calls.to_string(),
                usage.throttled.to_string(),
                share,
            ]);
        }
        table
    }
}

/// The two forms in one table.
pub(crate) fn side_by_side(one: &Report, other: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["", one.form.name(), other.form.name()]);
    let both = |name: &str, of: &dyn Fn(&Report) -> String| [name.to_owned(), of(one), of(other)];
    let seconds = |wait: Option<Duration>| {
        wait.map_or("-".to_owned(), |wait| {
            format!("{:.1} s", wait.as_secs_f64())
        })
    };
    for row in [
        both("vended and confirmed", &|it| {
            format!("{} of {}", it.outcome.vended, it.outcome.devices)
        }),
        both("dead letters", &|it| {
            it.outcome.dead_letters.values().sum::<usize>().to_string()
        }),
        both("most ACTIVE of a device", &|it| {
            it.outcome.most_active.to_string()
        }),
        both("created per device", &|it| {
            format!("{:.3}", it.created_each())
        }),
        both("killed -9", &|it| it.outcome.kills.to_string()),
        both("devices per second", &|it| {
            format!("{:.2}", it.per_second())
        }),
        both("quota used under backlog", &|it| {
            let share = it.outcome.bottleneck().map_or(0.0, |(_, share)| share);
            format!("{:.1} %", share * 100.0)
        }),
        both("accepted to ready, p50", &|it| {
            seconds(it.outcome.wait(0.5))
        }),
        both("accepted to ready, p99", &|it| {
            seconds(it.outcome.wait(0.99))
        }),
        both("CPU per certificate", &|it| {
            let (own, database) = it.cpu_millis();
            if database > 0.0 {
                format!("{own:.2} ms, and MariaDB {database:.2} ms")
            } else {
                format!("{own:.2} ms")
            }
        }),
        both("memory of a process at most", &|it| it.peaks()),
    ] {
        table.add_row(row);
    }
    table
}

impl Report {
    /// Processor time for each certificate, in milliseconds: of our own processes, and of the database.
    fn cpu_millis(&self) -> (f64, f64) {
        let each = |seconds: f64| seconds * 1000.0 / ratio(self.outcome.vended.max(1), 1);
        let of = |database: bool| {
            let costs = self
                .costs
                .iter()
                .filter(|(name, _)| (*name == "mariadbd") == database);
            costs.map(|(_, cost)| cost.cpu_seconds).sum::<f64>()
        };
        (each(of(false)), each(of(true)))
    }

    fn peaks(&self) -> String {
        let told = self
            .costs
            .iter()
            .map(|(name, cost)| format!("{name} {} MB", cost.peak_kb / 1000));
        told.collect::<Vec<_>>().join(", ")
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.figures())?;
        if !self.outcome.usage.is_empty() {
            writeln!(f, "{}", self.calls())?;
        }
        for (serial, cause) in self.outcome.lost.iter().take(10) {
            writeln!(f, "lost: {serial}: {cause}")?;
        }
        if let Some((api, share)) = self.outcome.bottleneck() {
            let (name, share, least) = (api.name(), share * 100.0, SHARE_LEAST * 100.0);
            writeln!(
                f,
                "the bottleneck was {name}: {share:.1} % of its quota used while there was a backlog (at least {least} % wanted)"
            )?;
        }
        f.write_str(if self.is_good() {
            "all of it holds"
        } else {
            "NOT all of it holds"
        })
    }
}
