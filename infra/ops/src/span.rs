//! Spans of time as people write them: `90s`, `15m`, `2h`, `7d`.

use std::time::Duration;

/// The units, the longest first, with their seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads a whole number and its unit.
pub fn span(text: &str) -> Result<Duration, String> {
    let read = |(unit, seconds): (&str, u64)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(seconds).map(Duration::from_secs)
    };
    let found = UNITS.into_iter().find_map(read);
    found.ok_or_else(|| "must be a number with its unit: 90s, 15m, 2h or 7d".to_owned())
}

/// A span in its two longest units: `2d 3h`.
pub fn told(span: Duration) -> String {
    let seconds = span.as_secs();
    let first = UNITS.iter().position(|(_, unit)| seconds >= *unit);
    let first = first.unwrap_or(UNITS.len() - 1);
    let mut left = seconds;
    let mut parts = Vec::new();
    for (place, (name, unit)) in UNITS.iter().enumerate().skip(first).take(2) {
        let count = left / unit;
        left %= unit;
        if count > 0 || place == UNITS.len() - 1 && parts.is_empty() {
            parts.push(format!("{count}{name}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("7d", 604_800)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "5", "h", "-1h", "1.5h", "1w", "99999999999999999999s"] {
            assert!(span(text).is_err(), "{text}");
        }
        assert!(span("999999999999999999d").is_err(), "too long");
    }

    #[test]
    fn a_span_is_told_in_its_two_longest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_661, "1h 1m"),
            (86_400, "1d"),
            (183_600, "2d 3h"),
            (86_430, "1d"),
        ] {
            assert_eq!(told(Duration::from_secs(seconds)), text);
        }
    }
}
