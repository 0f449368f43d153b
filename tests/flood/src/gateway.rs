//! API Gateway's quota for an account and region: a bucket of tokens for all requests together.

use crate::plan::Plan;

/// The bucket, as the time at which it will be full again. All in nanoseconds.
#[derive(Debug)]
pub struct Gateway {
    full_at: u64,
    period: u64,
    all: u64,
}

impl Gateway {
    /// A gateway with a full bucket.
    pub fn new(plan: &Plan) -> Self {
        let per_second = plan.gateway_per_second.max(1);
        let period = 1_000_000_000 * u64::from(plan.parts) / per_second;
        Self {
            full_at: 0,
            period,
            // The parts cancel out: fewer tokens of more time each.
            all: (1_000_000_000 * plan.gateway_burst / per_second).max(period),
        }
    }

    /// Whether it lets a request through; otherwise it answers 429 and nobody behind it knows.
    pub fn admits(&mut self, at_millis: u64) -> bool {
        let now = at_millis * 1_000_000;
        let next = self.full_at.max(now) + self.period;
        let admits = next <= now + self.all;
        if admits {
            self.full_at = next;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(gateway: &mut Gateway, at_millis: u64) -> usize {
        (0..100_000).filter(|_| gateway.admits(at_millis)).count()
    }

    #[test]
    fn it_has_a_burst_and_a_rate_and_a_part_has_its_part_of_both() {
        for (parts, burst) in [(1, 5_000), (100, 50)] {
            let mut gateway = Gateway::new(&Plan {
                parts,
                ..Plan::default()
            });
            assert_eq!(admitted(&mut gateway, 0), burst);
            assert_eq!(admitted(&mut gateway, 100), burst / 5);
            assert_eq!(admitted(&mut gateway, 60_000), burst);
        }
    }
}
