//! Counts what is asked, second by second, and how late each device learns of its certificate.

/// What a device asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// To be served.
    Submit,
    /// How it stands.
    Poll,
}

/// The counts of one run.
#[derive(Debug, Default)]
pub struct Meter {
    /// Submissions, those that were refused too.
    pub submissions: u64,
    /// Polls, those that were refused too.
    pub polls: u64,
    /// Submissions that the gateway sent away.
    pub submissions_refused: u64,
    /// Polls that the gateway sent away.
    pub polls_refused: u64,
    /// Polls in each second.
    pub polls_by_second: Vec<u32>,
    /// All requests in each second.
    pub requests_by_second: Vec<u32>,
    /// Milliseconds from ready to seen, of each device.
    pub late_millis: Vec<u32>,
}

impl Meter {
    /// A second begins.
    pub fn tick(&mut self) {
        self.polls_by_second.push(0);
        self.requests_by_second.push(0);
    }

    /// A request comes to the gateway in the second that began last.
    pub fn asked(&mut self, call: Call, is_admitted: bool) {
        let refused = u64::from(!is_admitted);
        add_one(&mut self.requests_by_second);
        match call {
            Call::Submit => {
                self.submissions += 1;
                self.submissions_refused += refused;
            }
            Call::Poll => {
                self.polls += 1;
                self.polls_refused += refused;
                add_one(&mut self.polls_by_second);
            }
        }
    }

    /// A device has learnt of its certificate so long after it was ready.
    pub fn seen(&mut self, late_millis: u64) {
        self.late_millis
            .push(u32::try_from(late_millis).unwrap_or(u32::MAX));
    }
}

fn add_one(seconds: &mut [u32]) {
    if let Some(last) = seconds.last_mut() {
        *last += 1;
    }
}

/// The most in so many seconds on end.
pub fn busiest(by_second: &[u32], seconds: usize) -> u64 {
    let mut sum: u64 = 0;
    let mut most = 0;
    for (index, count) in by_second.iter().enumerate() {
        sum += u64::from(*count);
        if let Some(left) = index.checked_sub(seconds) {
            sum -= u64::from(by_second[left]);
        }
        most = most.max(sum);
    }
    most
}

/// The value that this many of a hundred do not exceed; zero if there is none.
pub fn percentile(rising: &[u32], percent: usize) -> u32 {
    let rank = (rising.len() * percent).div_ceil(100).max(1);
    rising.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_time_is_found_wherever_it_begins() {
        let counts = [1, 0, 5, 6, 0, 2];
        assert_eq!(busiest(&counts, 1), 6);
        assert_eq!(busiest(&counts, 2), 11);
        assert_eq!(busiest(&counts, 60), 14);
        assert_eq!(busiest(&[], 60), 0);
    }

    #[test]
    fn percentiles_are_of_the_values_themselves() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&values, 50), 100);
        assert_eq!(percentile(&values, 99), 198);
        assert_eq!(percentile(&[7], 1), 7);
        assert_eq!(percentile(&[], 50), 0);
    }
}
