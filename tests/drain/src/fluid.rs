//! A backlog as a fluid: what quotas and workers let through at most, without a single device.
//!
//! It knows of no turns, no patience and no chance, so it says how fast a drain can be; `cargo drain` shows how far the
//! simulation is from it. For more devices than can be simulated it is all there is.

use std::time::Duration;

use cvm_sim::dice::Dice;

use crate::account::Call;
use crate::figures::real;
use crate::latency::Service;
use crate::latency::drawn;
use crate::plan::Plan;

/// Batches that are drawn for the average one.
const SAMPLE: u32 = 400;
/// Fewer for large batches: devices that are drawn at least.
const SAMPLE_DEVICES: u32 = 4_000;

/// What bounds a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The quota of this call.
    Quota(Call),
    /// The time of the workers.
    Workers,
}

/// The speeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fluid {
    /// Devices per second that the quotas allow.
    pub quota_per_second: f64,
    /// The call whose quota is the least.
    pub scarcest: Call,
    /// Devices per second that the workers could serve if no quota bound them.
    pub workers_per_second: f64,
    /// How long an average batch takes that never waits, with its receive and its delete, in seconds.
    pub batch_seconds: f64,
}

impl Fluid {
    /// The speeds under this plan.
    pub fn of(plan: &Plan) -> Self {
        let (scarcest, quota_per_second) = scarcest(plan);
        let batch_seconds = batch_seconds(plan);
        Self {
            quota_per_second,
            scarcest,
            workers_per_second: f64::from(plan.hands()) / batch_seconds,
            batch_seconds,
        }
    }

    /// What bounds it.
    pub fn bound(&self) -> Bound {
        if self.quota_per_second <= self.workers_per_second {
            Bound::Quota(self.scarcest)
        } else {
            Bound::Workers
        }
    }

    /// Devices per second.
    pub fn per_second(&self) -> f64 {
        self.quota_per_second.min(self.workers_per_second)
    }

    /// How long so many devices take, in seconds.
    pub fn seconds(&self, devices: u64) -> f64 {
        real(devices) / self.per_second() + self.batch_seconds
    }
}

/// The call that allows the fewest devices per second, and how many. What a neighbour takes is not ours.
fn scarcest(plan: &Plan) -> (Call, f64) {
    let allowed = |call: Call| {
        let per_device = call.per_device(plan.keys);
        let ours = call.quota(plan) * (1.0 - plan.throttle);
        (per_device > 0.0).then(|| (call, ours / per_device))
    };
    let all = Call::ALL.into_iter().filter_map(allowed);
    let least = all.min_by(|(_, one), (_, other)| one.total_cmp(other));
    least.unwrap_or((Call::UpdateCertificate, 0.0))
}

fn batch_seconds(plan: &Plan) -> f64 {
    let dice = Dice::new(plan.seed);
    let count = SAMPLE.min(SAMPLE_DEVICES / plan.batch.max(1)).max(20);
    let all = (0..count).map(|_| one_batch(plan, &dice));
    all.sum::<Duration>().as_secs_f64() / f64::from(count)
}

/// A batch takes as long as its slowest device.
fn one_batch(plan: &Plan, dice: &Dice) -> Duration {
    let of = |service| drawn(dice, &plan.latencies, service);
    let slowest = (0..plan.batch).map(|_| one_device(&of)).max();
    of(Service::Queue) + slowest.unwrap_or_default() + of(Service::Queue)
}

/// Load and claim; create beside the Thing; stage and commit; attach policy beside Thing; activate; finish.
fn one_device(of: &impl Fn(Service) -> Duration) -> Duration {
    let beside = || of(Service::Iot).max(of(Service::Iot));
    let table = (0..4).map(|_| of(Service::Table)).sum::<Duration>();
    table + of(Service::Vault) + beside() + beside() + of(Service::Iot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_quota_bounds_the_default() {
        let fluid = Fluid::of(&Plan::default());
        assert_eq!(fluid.bound(), Bound::Quota(Call::UpdateCertificate));
        assert!((fluid.per_second() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn one_worker_with_one_message_is_bound_by_its_time() {
        let plan = Plan {
            workers: 1,
            batch: 1,
            ..Plan::default()
        };
        let fluid = Fluid::of(&plan);
        assert_eq!(fluid.bound(), Bound::Workers);
        assert!((3.0..5.0).contains(&fluid.per_second()), "{fluid:?}");
    }
}
