//! Moments as people write them: RFC 3339, always in UTC.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use cvm_shared::time::UnixMillis;

const DAY: u64 = 86_400;

/// Reads a day (`2026-08-01`, its beginning) or a moment (`2026-08-01T12:34:56Z`), both in UTC.
pub fn moment(text: &str) -> Result<UnixMillis, String> {
    let whole = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let read = DateTime::from_str(&whole, Format::DateTime).ok();
    let millis = read.and_then(|moment| moment.to_millis().ok());
    let millis = millis.and_then(|millis| u64::try_from(millis).ok());
    millis
        .map(UnixMillis)
        .ok_or_else(|| "must be a day (2026-08-01) or a moment (2026-08-01T12:00:00Z)".to_owned())
}

/// `2026-08-01T12:34:56.789Z`.
pub fn rfc3339(moment: UnixMillis) -> String {
    let (seconds, millis) = (moment.0 / 1000, moment.0 % 1000);
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// In years that begin in March the leap day comes last, so that 400 years always have 146,097 days
/// and the months' lengths repeat every five (Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let january_or_february = u64::from(month <= 2);
    (era * 400 + year + january_or_february, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_people_write_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(UnixMillis(millis)), text);
        }
    }
}
