//! Points in time and spans of it, as people read them.

use std::time::Duration;

use larder::Timestamp;

const DAY_MS: u64 = 86_400_000;

/// A point in time as RFC 3339 has it, in UTC, to the millisecond.
///
/// The calendar: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let (days, ms) = (at.as_millis() / DAY_MS, at.as_millis() % DAY_MS);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// A span of time, in its two largest units.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// How long something took: as a span, but a short one to its tenths of a millisecond.
pub(crate) fn latency(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1_000.0;
    match ms {
        ..0.1 => "<0.1 ms".to_owned(),
        0.1..10.0 => format!("{ms:.1} ms"),
        _ => span(took),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_is_shown_by_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_millis(ms)), text);
        }
        assert!(rfc3339(Timestamp::from_millis(u64::MAX)).ends_with('Z'));
    }

    #[test]
    fn a_span_is_shown_in_two_units() {
        for (ms, text) in [(7, "7 ms"), (59_999, "59 s"), (61_000, "1 min 1 s"), (90_061_000, "1 d 1 h")] {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
        assert_eq!(span(Duration::from_mins(121)), "2 h 1 min");
        assert_eq!(latency(Duration::from_micros(1_250)), "1.2 ms");
        assert_eq!(latency(Duration::from_micros(40)), "<0.1 ms");
        assert_eq!(latency(Duration::from_millis(310)), "310 ms");
    }
}
