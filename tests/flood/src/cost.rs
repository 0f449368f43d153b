//! What the door costs, at the list prices of us-east-1 without the free tier (June 2026).

/// Dollars for a million of each.
const GATEWAY: f64 = 1.00;
const LAMBDA: f64 = 0.20;
/// 8 ms of 256 MB on arm64, at 0.0000133334 dollars for a GB second.
const LAMBDA_TIME: f64 = 0.0267;
/// A strongly consistent read of a row.
const ROW_READ: f64 = 0.125;
const ROW_WRITE: f64 = 0.625;
const QUEUE_CALL: f64 = 0.40;

/// Calls that are paid for. What the gateway refuses is not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calls {
    /// Submissions that came through.
    pub submissions: f64,
    /// Polls that came through.
    pub polls: f64,
    /// Readings of the queue's depth.
    pub readings: f64,
}

impl Calls {
    /// What they cost together, in dollars.
    pub fn dollars(&self) -> f64 {
        let request = GATEWAY + LAMBDA + LAMBDA_TIME + ROW_READ;
        let millions = self.submissions * (request + QUEUE_CALL + ROW_WRITE)
            + self.polls * request
            + self.readings * QUEUE_CALL;
        millions / 1_000_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_polls_cost_what_the_price_list_says() {
        let calls = Calls {
            polls: 1_000_000.0,
            ..Calls::default()
        };
        assert!((calls.dollars() - 1.35).abs() < 0.01);
    }
}
