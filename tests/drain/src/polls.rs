//! What the waiting devices ask meanwhile: the flood's fleet, by the pace that ships, on a backlog that drains as fast as
//! was measured.

use cvm_ingest::pace::PollTerms;
use serde_json::Value;
use serde_json::json;

use crate::figures::Figures;

/// Larger fleets are played as a part of one, with as large a part of every rate, and multiplied up.
const WHOLE_MOST: u32 = 1_000_000;

/// The polls of a drain.
#[derive(Clone, Debug, PartialEq)]
pub struct Polls {
    /// Of how many such parts one was played.
    pub parts: u32,
    /// What was played.
    pub plan: cvm_flood::plan::Plan,
    /// What it came to, for the whole fleet.
    pub figures: cvm_flood::figures::Figures,
}

/// Plays the polls of so many devices whose certificates come as fast as these figures say.
pub fn play(devices: u32, figures: &Figures, seed: u64) -> Polls {
    let parts = devices.div_ceil(WHOLE_MOST).max(1);
    let plan = part_of(devices, parts, figures.per_second, seed);
    let mut played = cvm_flood::run::play(&plan, |_| ());
    multiply(&mut played, f64::from(parts));
    Polls {
        parts,
        plan,
        figures: played,
    }
}

/// The flood divides its rates by its own `parts`, but not the allowance; here all of them are divided.
fn part_of(devices: u32, parts: u32, per_second: f64, seed: u64) -> cvm_flood::plan::Plan {
    let whole = cvm_flood::plan::Plan::default();
    let of = f64::from(parts);
    cvm_flood::plan::Plan {
        devices: devices / parts,
        terms: PollTerms {
            polls_per_second: whole.terms.polls_per_second / parts,
            issues_per_second: rounded(per_second / of).max(1),
            ..whole.terms
        },
        gateway_per_second: whole.gateway_per_second / u64::from(parts),
        gateway_burst: whole.gateway_burst / u64::from(parts),
        seed,
        ..whole
    }
}

fn multiply(figures: &mut cvm_flood::figures::Figures, times: f64) {
    for count in [
        &mut figures.devices,
        &mut figures.submissions,
        &mut figures.polls,
        &mut figures.refused,
        &mut figures.let_through,
        &mut figures.busiest_second_requests,
        &mut figures.busiest_second,
        &mut figures.busiest_minute,
        &mut figures.calm_second,
        &mut figures.calm_minute,
        &mut figures.dollars,
    ] {
        *count *= times;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are between 0 and some thousands"
)]
fn rounded(rate: f64) -> u32 {
    rate.round() as u32
}

impl Polls {
    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "parts": self.parts,
            "allowancePerSecond": self.plan.terms.polls_per_second * self.parts,
            "issuesPerSecond": self.plan.terms.issues_per_second * self.parts,
            "polls": self.figures.polls,
            "pollsPerDevice": self.figures.polls_per_device,
            "busiestSecond": self.figures.busiest_second,
            "busiestMinutePerSecond": self.figures.busiest_minute,
            "busiestMinutePerSecondAfterStorm": self.figures.calm_minute,
            "readyToSeenP50Seconds": self.figures.late_half_seconds,
            "readyToSeenP99Seconds": self.figures.late_most_seconds,
        })
    }
}
