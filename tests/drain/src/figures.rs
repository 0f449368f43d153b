//! What a run came to.

use serde_json::Value;
use serde_json::json;

use crate::account::Call;
use crate::account::Usage;
use crate::account::span_seconds;
use crate::fluid::Bound;
use crate::fluid::Fluid;
use crate::gauge::Gauge;
use crate::plan::Plan;
use crate::source::Site;
use crate::waits::Waits;

/// Memory of the worker's function in the template, in GB.
const WORKER_GB: f64 = 0.5;
/// Workers that give back more than this part of what they are handed are in each other's way.
const TOO_MANY_BACK: f64 = 0.05;

/// Where figures are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The real worker served each device.
    Simulated,
    /// The fluid alone: as fast as it can be.
    Reckoned,
}

/// What a drain was held up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The quota of this call.
    Quota(Call),
    /// The time of the workers.
    Workers,
    /// Patience: so many messages wait for a turn at once that some wait for longer than a call may, and come back.
    Patience,
}

/// How long devices waited, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// What half of them do not exceed.
    pub half: f64,
    /// What 99 in 100 do not exceed.
    pub most: f64,
    /// The longest.
    pub longest: f64,
}

impl Spread {
    fn of(waits: &Waits) -> Self {
        Self {
            half: waits.percentile_seconds(50),
            most: waits.percentile_seconds(99),
            longest: waits.most_seconds(),
        }
    }

    fn even(seconds: f64) -> Self {
        Self {
            half: seconds / 2.0,
            most: seconds * 0.99,
            longest: seconds,
        }
    }
}

/// A run in figures. A plan always gives the same ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Where they are from.
    pub method: Method,
    /// Devices that waited, those of the line too.
    pub devices: u64,
    /// Devices that have their certificate.
    pub vended: u64,
    /// Messages that were parked and rows that failed; each is somebody who will never be served.
    pub lost: u64,
    /// From the beginning until the last certificate, in seconds.
    pub seconds: f64,
    /// Devices per second while there was a full batch for each worker.
    pub per_second: f64,
    /// Devices per second that the quotas allow.
    pub quota_per_second: f64,
    /// Devices per second that the workers could serve without a quota.
    pub workers_per_second: f64,
    /// What held it up.
    pub limit: Limit,
    /// The part of each call's quota that was used while there was a backlog.
    pub shares: Vec<(Call, f64)>,
    /// Calls to AWS IoT, throttled ones too.
    pub calls: u64,
    /// Those that were throttled.
    pub throttled: u64,
    /// Runs of workers.
    pub runs: u64,
    /// How long they took together, in seconds.
    pub worker_seconds: f64,
    /// Runs that were cut off at their limit.
    pub killed: u64,
    /// Deliveries after which the message came back.
    pub given_back: u64,
    /// How long the devices of the batch waited.
    pub batch_wait: Spread,
    /// How long those waited that asked by themselves meanwhile.
    pub line_wait: Spread,
}

impl Figures {
    /// The figures of a run that began at this moment and has ended.
    pub fn simulated(site: &Site, begin_millis: u64, fluid: &Fluid) -> Self {
        let (plan, outcome) = (&site.plan, site.table.outcome());
        let (gauge, tally) = (site.gauge.borrow(), site.tally.borrow());
        let (usage, returns) = (site.account.usage(), site.queue.returns());
        let sum = |count: fn(&Usage) -> u64| usage.iter().map(count).sum();
        let seconds = span_seconds(begin_millis, outcome.last_millis);
        let vended = outcome.batch.count() + outcome.line.count();
        let on_average = real(vended) / seconds.max(0.001);
        Self {
            method: Method::Simulated,
            devices: plan.all().into(),
            vended,
            lost: returns.parked.values().sum::<u64>() + outcome.failed,
            seconds,
            per_second: gauge.drained_per_second(begin_millis).unwrap_or(on_average),
            quota_per_second: fluid.quota_per_second,
            workers_per_second: fluid.workers_per_second,
            limit: limit(fluid, tally.given_back, vended),
            shares: shares(&gauge, plan),
            calls: sum(|usage| usage.calls),
            throttled: sum(|usage| usage.throttled),
            runs: tally.runs,
            worker_seconds: tally.run_seconds,
            killed: tally.killed,
            given_back: tally.given_back,
            batch_wait: Spread::of(&outcome.batch),
            line_wait: Spread::of(&outcome.line),
        }
    }

    /// What the fluid says of a plan that is too large to be simulated: nothing is ever in anybody's way.
    pub fn reckoned(plan: &Plan, fluid: &Fluid) -> Self {
        let seconds = fluid.seconds(plan.all().into());
        let share = |call: Call| {
            let used = fluid.per_second() * call.per_device(plan.keys);
            (call, used / call.quota(plan))
        };
        let shares = Call::ALL.into_iter().map(share);
        let made: f64 = Call::ALL
            .iter()
            .map(|call| call.per_device(plan.keys))
            .sum();
        Self {
            method: Method::Reckoned,
            devices: plan.all().into(),
            vended: plan.all().into(),
            lost: 0,
            seconds,
            per_second: fluid.per_second(),
            quota_per_second: fluid.quota_per_second,
            workers_per_second: fluid.workers_per_second,
            limit: limit(fluid, 0, 1),
            shares: shares.filter(|(_, share)| *share > 0.0).collect(),
            calls: whole(made * f64::from(plan.all())),
            throttled: 0,
            runs: u64::from(plan.all().div_ceil(plan.batch.max(1))),
            worker_seconds: seconds * f64::from(plan.workers),
            killed: 0,
            given_back: 0,
            batch_wait: Spread::even(seconds),
            line_wait: Spread::even(fluid.batch_seconds),
        }
    }

    /// The part of the scarcest quota that was used while there was a backlog; `None` if there never was one.
    pub fn share(&self) -> Option<f64> {
        let all = self.shares.iter().map(|(_, share)| *share);
        all.max_by(f64::total_cmp)
    }

    /// The part of the calls that was throttled.
    pub fn throttled_part(&self) -> f64 {
        real(self.throttled) / real(self.calls.max(1))
    }

    /// What a device costs of the workers' time, in seconds.
    pub fn worker_seconds_per_device(&self) -> f64 {
        self.worker_seconds / real(self.vended.max(1))
    }

    /// The same in GB-seconds, as Lambda charges them.
    pub fn gb_seconds_per_device(&self) -> f64 {
        self.worker_seconds_per_device() * WORKER_GB
    }

    /// Deliveries that came back, for each device.
    pub fn given_back_part(&self) -> f64 {
        real(self.given_back) / real(self.vended.max(1))
    }

    /// The same for programs. Times are in seconds.
    pub fn json(&self) -> Value {
        let shares = self.shares.iter();
        let shares = shares.map(|(call, share)| (call.name(), json!(share)));
        json!({
            "method": format!("{:?}", self.method),
            "devices": self.devices,
            "vended": self.vended,
            "lost": self.lost,
            "seconds": self.seconds,
            "devicesPerSecond": self.per_second,
            "quotaDevicesPerSecond": self.quota_per_second,
            "workersDevicesPerSecond": self.workers_per_second,
            "limit": limit_name(self.limit),
            "quotaShare": self.share(),
            "quotaShares": shares.collect::<serde_json::Map<_, _>>(),
            "iotCalls": self.calls,
            "throttled": self.throttled,
            "throttledPart": self.throttled_part(),
            "runs": self.runs,
            "killed": self.killed,
            "givenBack": self.given_back,
            "workerSeconds": self.worker_seconds,
            "workerSecondsPerDevice": self.worker_seconds_per_device(),
            "workerGbSecondsPerDevice": self.gb_seconds_per_device(),
            "batchWait": spread(&self.batch_wait),
            "lineWait": spread(&self.line_wait),
        })
    }
}

fn spread(spread: &Spread) -> Value {
    json!({ "p50": spread.half, "p99": spread.most, "max": spread.longest })
}

fn shares(gauge: &Gauge, plan: &Plan) -> Vec<(Call, f64)> {
    let share = |call: Call| Some((call, gauge.share(call, plan)?));
    Call::ALL.into_iter().filter_map(share).collect()
}

fn limit(fluid: &Fluid, given_back: u64, vended: u64) -> Limit {
    if real(given_back) > real(vended) * TOO_MANY_BACK {
        return Limit::Patience;
    }
    match fluid.bound() {
        Bound::Quota(call) => Limit::Quota(call),
        Bound::Workers => Limit::Workers,
    }
}

/// What held a run up, for people.
pub fn limit_name(limit: Limit) -> String {
    match limit {
        Limit::Quota(call) => format!("quota of {}", call.name()),
        Limit::Workers => "workers' time".to_owned(),
        Limit::Patience => "patience".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of calls are positive and far below 2^52"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
