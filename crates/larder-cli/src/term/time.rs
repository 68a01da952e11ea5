//! Formats points in time and durations for people.
//!
//! `humantime` is not used, because it prints every unit down to the nanosecond, and uses other unit names.

use std::time::Duration;

use larder::Timestamp;

/// Returns a point in time in the format of RFC 3339, in UTC and with milliseconds.
///
/// A time after the year 9999, as in a damaged file, is shown as the last time that `jiff` can express.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let ms = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{at:.3}")
}

/// Returns the expiry of an entry in the format of RFC 3339, or `never`.
pub(crate) fn expiry(at: Timestamp) -> String {
    if at.is_never() { "never".to_owned() } else { rfc3339(at) }
}

/// Returns the expiry and the remaining TTL of an entry, or `never`.
pub(crate) fn expiry_in(at: Timestamp, now: Timestamp) -> String {
    if at.is_never() { "never".to_owned() } else { format!("{}, in {}", rfc3339(at), span(at.since(now))) }
}

/// Returns when an entry expires, as a part of a sentence.
pub(crate) fn expires(at: Timestamp, now: Timestamp) -> String {
    if at.is_never() { "never expires".to_owned() } else { format!("expires at {}", expiry_in(at, now)) }
}

pub(crate) fn seconds_left(at: Timestamp, now: Timestamp) -> String {
    if at.is_never() { "never".to_owned() } else { format!("{:.3}", at.since(now).as_secs_f64()) }
}

/// Returns a duration in its two largest units, or in one if it is less than a minute.
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

/// Returns the duration of an operation like [`span`], but shows short durations with tenths of a
/// millisecond.
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
            (68_169_600_000, "1972-02-29T00:00:00.000Z"),
            (68_255_999_999, "1972-02-29T23:59:59.999Z"),
            (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
            (13_574_563_200_000, "2400-02-29T00:00:00.000Z"),
            (32_503_679_999_999, "2999-12-31T23:59:59.999Z"),
            (253_402_207_199_999, "9999-12-30T21:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_millis(ms)), text);
        }
        assert_eq!(rfc3339(Timestamp::from_millis(u64::MAX)), "9999-12-30T22:00:00.999Z");
        let (now, later) = (Timestamp::ZERO, Timestamp::from_millis(1_500));
        assert_eq!([expiry(Timestamp::NEVER), seconds_left(Timestamp::NEVER, now)], ["never", "never"]);
        assert_eq!(expires(Timestamp::NEVER, now), "never expires");
        assert_eq!(expires(later, now), "expires at 1970-01-01T00:00:01.500Z, in 1 s");
        assert_eq!([expiry(later), seconds_left(later, now)], ["1970-01-01T00:00:01.500Z", "1.500"]);
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
