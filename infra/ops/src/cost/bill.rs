//! The bill: what devices cost once, what is kept of them by the month, and what a stack costs that does nothing. Pure.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::measures::Needs;
use super::measures::Phase;
use super::meter::BUNDLE_BYTE;
use super::meter::ENTRY;
use super::meter::GB;
use super::meter::GUARD_BYTE;
use super::meter::HTTP_REQUEST;
use super::meter::INDEX_BYTE;
use super::meter::LOG_BYTE;
use super::meter::METRIC;
use super::meter::MILLISECOND;
use super::meter::Part;
use super::meter::ROW_BYTE;
use super::meter::TRAIL_BYTE;
use super::price::Price;
use super::price::Prices;
use super::settings::Settings;
use super::shape::Shape;

/// Hours of a month, as AWS counts them.
const MONTH_HOURS: i64 = 730;
/// Days of a month, for what is kept for days.
const MONTH_DAYS: i64 = 30;
const LOG_LINES: &str = "log lines, GB";
const METRICS: &str = "metrics of our own, for a month";

/// Which bill a line is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bill {
    /// The devices, once.
    Once,
    /// What is kept of them, each month.
    Kept,
    /// The stack, each month in which nothing happens.
    Idle,
}

impl Bill {
    /// All, in the order of a page.
    pub const ALL: [Self; 3] = [Self::Once, Self::Kept, Self::Idle];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Kept => "kept/month",
            Self::Idle => "idle/month",
        }
    }
}

/// What is charged for.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// How many devices.
    pub devices: Decimal,
    /// How often each of them polls.
    pub polls: Decimal,
    /// What a device of their kind needs.
    pub needs: &'a Needs,
    /// The parameters that count.
    pub settings: &'a Settings,
    /// The template's side.
    pub shape: &'a Shape,
    /// What AWS asks.
    pub prices: &'a Prices,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The bill.
    pub bill: Bill,
    /// The part of the machine.
    pub part: Part,
    /// What is charged.
    pub what: &'static str,
    /// How much of it.
    pub quantity: Decimal,
    /// What that costs.
    pub dollars: Decimal,
}

/// All lines, by bill and part.
pub fn lines(plan: &Plan<'_>) -> Vec<Line> {
    let mut sheets = Bill::ALL.map(|bill| Sheet::new(plan, bill));
    let [once, kept, idle] = &mut sheets;
    once.vending();
    kept.keeping();
    idle.idling();
    sheets.into_iter().flat_map(Sheet::lines).collect()
}

/// A bill that is being written.
struct Sheet<'a> {
    plan: &'a Plan<'a>,
    bill: Bill,
    lines: BTreeMap<(Part, &'static str), (Decimal, Decimal)>,
}

impl<'a> Sheet<'a> {
    fn new(plan: &'a Plan<'a>, bill: Bill) -> Self {
        Self {
            plan,
            bill,
            lines: BTreeMap::new(),
        }
    }

    fn lines(self) -> impl Iterator<Item = Line> {
        let bill = self.bill;
        let charged = self.lines.into_iter();
        let charged = charged.filter(|(_, (quantity, _))| !quantity.is_zero());
        charged.map(move |((part, what), (quantity, dollars))| Line {
            bill,
            part,
            what,
            quantity,
            dollars,
        })
    }

    fn vending(&mut self) {
        let Plan { devices, polls, .. } = *self.plan;
        let often = |phase: Phase| {
            if phase == Phase::Poll {
                devices * polls
            } else {
                devices
            }
        };
        for phase in [Phase::Import, Phase::Work, Phase::Fetch, Phase::Trail] {
            self.phase(phase, often(phase));
        }
        let (mut requests, mut millis) = (Decimal::ZERO, Decimal::ZERO);
        for phase in [Phase::Submit, Phase::Poll, Phase::Trust, Phase::Confirm] {
            self.phase(phase, often(phase));
            requests += self.need(phase, HTTP_REQUEST) * often(phase);
            millis += self.need(phase, MILLISECOND) * often(phase);
        }
        self.phase(Phase::Request, requests);
        self.function(Part::Ingest, requests, millis, self.plan.shape.ingest_mb);
        self.issuing();
        self.recording();
        let metrics = [Phase::Submit, Phase::Work, Phase::Poll, Phase::Confirm];
        let metrics = metrics.map(|phase| self.need(phase, METRIC));
        let metrics = metrics.into_iter().sum();
        self.add(Part::Watch, METRICS, Price::MetricMonth, metrics);
        let bundles =
            self.need(Phase::Kept, BUNDLE_BYTE) * devices / Decimal::from(GB * MONTH_DAYS);
        self.add(
            Part::Bucket,
            "bundles for a day, GB months",
            Price::S3GbMonth,
            bundles,
        );
        self.kept_logs();
    }

    /// While the quota binds, all workers are busy: what one certificate costs of them is their share of a second.
    fn issuing(&mut self) {
        let Plan {
            devices,
            shape,
            settings,
            ..
        } = *self.plan;
        let seconds = devices / settings.rate;
        let batches = devices / Decimal::from(shape.batch);
        let millis = seconds * Decimal::from(shape.workers * 1000);
        self.function(Part::Worker, batches, millis, shape.worker_mb);
        for what in ["receives", "deletes"] {
            self.add(Part::Queue, what, Price::SqsRequest, batches);
        }
        self.phase(Phase::Drain, seconds);
    }

    /// The ledger's batches hold what comes within its window, and no more than they may.
    fn recording(&mut self) {
        let Plan {
            devices,
            shape,
            settings,
            ..
        } = *self.plan;
        let entries = self.need(Phase::Trail, ENTRY);
        let window = settings.rate * entries * Decimal::from(shape.trail_window_seconds);
        let full = window.min(shape.trail_batch.into()).max(Decimal::ONE);
        let batches = devices * entries / full;
        self.phase(Phase::Batch, batches);
        let millis = self.need(Phase::Batch, MILLISECOND) * batches;
        self.function(Part::Ledger, batches, millis, shape.ledger_mb);
    }

    fn keeping(&mut self) {
        let devices = self.plan.devices;
        let gigabytes = |meters: &[&str]| {
            let bytes: Decimal = meters
                .iter()
                .map(|meter| self.need(Phase::Kept, meter))
                .sum();
            bytes * devices / Decimal::from(GB)
        };
        let (tables, indexes) = (
            gigabytes(&[ROW_BYTE, GUARD_BYTE, TRAIL_BYTE]),
            gigabytes(&[INDEX_BYTE]),
        );
        self.add(
            Part::Table,
            "storage, GB",
            Price::DynamoGbMonth,
            tables + indexes,
        );
        self.add(
            Part::Table,
            "point-in-time recovery, GB",
            Price::DynamoBackupGbMonth,
            tables,
        );
    }

    fn idling(&mut self) {
        let Plan {
            shape, settings, ..
        } = *self.plan;
        let rounds = Decimal::from(MONTH_HOURS * 60) / settings.sweep_minutes;
        self.phase(Phase::Round, rounds);
        let millis = self.need(Phase::Round, MILLISECOND) * rounds;
        self.function(Part::Janitor, rounds, millis, shape.janitor_mb);
        self.phase(Phase::Idle, Decimal::from(MONTH_HOURS * 3600));
        for (part, what, price, count) in [
            (Part::Keys, "keys", Price::KmsKeyMonth, shape.keys.into()),
            (
                Part::Watch,
                METRICS,
                Price::MetricMonth,
                self.need(Phase::Round, METRIC),
            ),
            (
                Part::Watch,
                "metrics of alarms",
                Price::AlarmMonth,
                shape.alarms.into(),
            ),
            (
                Part::Watch,
                "alarms on alarms",
                Price::CompositeAlarmMonth,
                shape.composite_alarms.into(),
            ),
            (
                Part::Watch,
                "dashboards",
                Price::DashboardMonth,
                shape.dashboards.into(),
            ),
        ] {
            self.add(part, what, price, count);
        }
        self.kept_logs();
    }

    /// What was logged is kept for its days, as if it were not compressed.
    fn kept_logs(&mut self) {
        let logged = self.lines.get(&(Part::Watch, LOG_LINES));
        let logged = logged.map_or(Decimal::ZERO, |(quantity, _)| *quantity);
        let months = logged * self.plan.settings.log_days / Decimal::from(MONTH_DAYS);
        self.add(
            Part::Watch,
            "log lines kept, GB months",
            Price::LogGbMonth,
            months,
        );
    }

    /// Invocations of a function and its time, and the lines that Lambda writes about them.
    fn function(&mut self, part: Part, invocations: Decimal, millis: Decimal, megabytes: i64) {
        self.add(part, "invocations", Price::LambdaRequest, invocations);
        let gb_seconds = millis * Decimal::from(megabytes) / Decimal::from(1000 * 1024);
        self.add(part, "time, GB s", self.plan.settings.gb_second, gb_seconds);
        self.phase(Phase::Invocation, invocations);
    }

    /// All that a phase is charged for, so many times.
    fn phase(&mut self, phase: Phase, times: Decimal) {
        for (meter, amount) in self.plan.needs.phase(phase) {
            let is_left_out = meter.name == LOG_BYTE && !self.is_logged(phase);
            let Some(charge) = meter.charge.filter(|_| !is_left_out) else {
                continue;
            };
            let quantity = *amount * times / Decimal::from(charge.per);
            self.add(charge.part, charge.what, charge.price, quantity);
        }
    }

    /// The functions' own lines are left out by `LogLevel`; Lambda's and the API's never.
    fn is_logged(&self, phase: Phase) -> bool {
        let always = [Phase::Request, Phase::Invocation];
        self.plan.settings.is_logging || always.contains(&phase)
    }

    fn add(&mut self, part: Part, what: &'static str, price: Price, quantity: Decimal) {
        let (sum, dollars) = self.lines.entry((part, what)).or_default();
        *sum += quantity;
        *dollars += quantity * self.plan.prices.of(price);
    }

    fn need(&self, phase: Phase, meter: &str) -> Decimal {
        self.plan.needs.one(phase, meter)
    }
}

#[cfg(test)]
#[path = "bill_tests.rs"]
mod tests;
