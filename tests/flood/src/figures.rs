//! What a run came to, and whether the allowance held.

use crate::cost::Calls;
use crate::meter::Meter;
use crate::meter::busiest;
use crate::meter::percentile;
use crate::plan::Plan;

/// What is above the allowance by no more than this part passes: polls fall as chance will have it.
const TOLERANCE: f64 = 0.05;

/// A run in figures; those of one part of a fleet are multiplied up to the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Devices that have seen their certificate.
    pub devices: f64,
    /// Submissions, refused ones too.
    pub submissions: f64,
    /// Polls, refused ones too.
    pub polls: f64,
    /// Requests that the gateway refused.
    pub refused: f64,
    /// Requests that it let through.
    pub let_through: f64,
    /// Requests in the busiest second.
    pub busiest_second_requests: f64,
    /// Polls in the busiest second.
    pub busiest_second: f64,
    /// Polls per second in the busiest minute.
    pub busiest_minute: f64,
    /// How long the initial storm is taken to last, in seconds.
    pub storm_seconds: u64,
    /// Polls in the busiest second after it.
    pub calm_second: f64,
    /// Polls per second in the busiest minute after it.
    pub calm_minute: f64,
    /// Polls of a device, on average.
    pub polls_per_device: f64,
    /// Seconds from ready to seen that half of the devices do not exceed.
    pub late_half_seconds: f64,
    /// Seconds from ready to seen that 99 in 100 do not exceed.
    pub late_most_seconds: f64,
    /// Readings of the queue's depth.
    pub readings: f64,
    /// From the first submission until the last device knows, in seconds.
    pub total_seconds: u64,
    /// What the door cost, in dollars.
    pub dollars: f64,
}

impl Figures {
    /// The figures of a run.
    pub fn new(plan: &Plan, mut meter: Meter, readings: u64) -> Self {
        meter.late_millis.sort_unstable();
        let (polls, late) = (&meter.polls_by_second, &meter.late_millis);
        let total_seconds = polls.len() as u64;
        let storm_seconds = plan.storm_seconds().min(total_seconds);
        let calm = &polls[usize::try_from(storm_seconds).unwrap_or_default()..];
        let parts = f64::from(plan.parts);
        let whole = |count: u64| real(count) * parts;
        let by_minute = |seconds: &[u32]| whole(busiest(seconds, 60)) / 60.0;
        let submissions_through = meter.submissions - meter.submissions_refused;
        let calls = Calls {
            submissions: whole(submissions_through),
            polls: whole(meter.polls - meter.polls_refused),
            readings: real(readings),
        };
        Self {
            devices: whole(late.len() as u64),
            submissions: whole(meter.submissions),
            polls: whole(meter.polls),
            refused: whole(meter.submissions_refused + meter.polls_refused),
            let_through: calls.submissions + calls.polls,
            busiest_second_requests: whole(busiest(&meter.requests_by_second, 1)),
            busiest_second: whole(busiest(polls, 1)),
            busiest_minute: by_minute(polls),
            storm_seconds,
            calm_second: whole(busiest(calm, 1)),
            calm_minute: by_minute(calm),
            polls_per_device: real(meter.polls) / f64::from(plan.devices.max(1)),
            late_half_seconds: f64::from(percentile(late, 50)) / 1000.0,
            late_most_seconds: f64::from(percentile(late, 99)) / 1000.0,
            readings: calls.readings,
            total_seconds,
            dollars: calls.dollars(),
        }
    }

    /// Whether all devices together kept to the allowance once the storm was over.
    pub fn is_bounded(&self, plan: &Plan) -> bool {
        self.calm_minute <= f64::from(plan.terms.polls_per_second) * (1.0 + TOLERANCE)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn real(count: u64) -> f64 {
    count as f64
}
