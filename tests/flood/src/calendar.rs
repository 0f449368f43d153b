//! What is due when: one bucket for each second, sorted only once it has come.

/// Events of devices. None may be due in the second that has come already, nor too far ahead.
#[derive(Debug)]
pub struct Calendar {
    /// Each event is the millisecond within its second above the device: sorting is by time.
    buckets: Vec<Vec<u64>>,
    next_second: u64,
    due: usize,
}

/// A moment of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since the start.
    pub at_millis: u64,
    /// The device's number.
    pub device: u32,
}

impl Calendar {
    /// An empty calendar for events that are due within so many seconds.
    pub fn new(reach_seconds: u64) -> Self {
        let reach = usize::try_from(reach_seconds).unwrap_or(usize::MAX);
        let mut buckets = Vec::new();
        buckets.resize_with(reach.saturating_add(2).next_power_of_two(), Vec::new);
        Self {
            buckets,
            next_second: 0,
            due: 0,
        }
    }

    /// Notes an event. One that is out of reach is due at the end of it.
    pub fn push(&mut self, event: Event) {
        let last = self.next_second + self.buckets.len() as u64 - 1;
        let second = (event.at_millis / 1000).clamp(self.next_second, last);
        let packed = (event.at_millis % 1000) << 32 | u64::from(event.device);
        let index = self.index(second);
        self.buckets[index].push(packed);
        self.due += 1;
    }

    /// The next second and its events in their order; `None` if nothing is due any more.
    pub fn advance(&mut self) -> Option<(u64, impl Iterator<Item = Event> + use<>)> {
        if self.due == 0 {
            return None;
        }
        let second = self.next_second;
        let index = self.index(second);
        // The bucket goes with its memory: what stays is what is due.
        let mut events = std::mem::take(&mut self.buckets[index]);
        events.sort_unstable();
        self.due -= events.len();
        self.next_second += 1;
        let event = move |packed: u64| Event {
            at_millis: second * 1000 + (packed >> 32),
            device: u32::try_from(packed & u64::from(u32::MAX)).unwrap_or_default(),
        };
        Some((second, events.into_iter().map(event)))
    }

    fn index(&self, second: u64) -> usize {
        usize::try_from(second).unwrap_or_default() & (self.buckets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_and_each_once() {
        let mut calendar = Calendar::new(10);
        for (at_millis, device) in [(1_500, 1), (1_499, 2), (0, 3), (9_999, 4), (1_500, 0)] {
            calendar.push(Event { at_millis, device });
        }
        let mut seen = Vec::new();
        while let Some((second, events)) = calendar.advance() {
            for event in events {
                assert_eq!(event.at_millis / 1000, second);
                seen.push((event.at_millis, event.device));
                if event.device == 3 {
                    let at_millis = 12_345;
                    calendar.push(Event {
                        at_millis,
                        device: 5,
                    });
                }
            }
        }
        let wanted = [
            (0, 3),
            (1_499, 2),
            (1_500, 0),
            (1_500, 1),
            (9_999, 4),
            (12_345, 5),
        ];
        assert_eq!(seen, wanted);
    }
}
