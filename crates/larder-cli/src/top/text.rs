//! Numbers in little room.

use std::time::Duration;

const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A count in at most five letters.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{} k", count / 1000),
        10_000_000..10_000_000_000 => format!("{} M", count / 1_000_000),
        _ => format!("{} G", count / 1_000_000_000),
    }
}

/// A time in at most seven letters; none is a dash.
pub(super) fn time(time: Duration) -> String {
    match time.as_micros() {
        0 => "–".to_owned(),
        us @ 1..1_000 => format!("{us} µs"),
        us @ 1_000..10_000 => format!("{}.{} ms", us / 1000, us / 100 % 10),
        us @ 10_000..10_000_000 => format!("{} ms", us / 1000),
        us => format!("{} s", us / 1_000_000),
    }
}

/// Hundredths, or a dash.
pub(super) fn percent(percent: Option<u64>) -> String {
    percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))
}

/// Hundredths over time, a letter each, and a gap for what is no hundredth; the newest comes first and stands last.
pub(super) fn trend(newest_first: &[u64], width: usize) -> String {
    let marks = newest_first.iter().take(width).rev().map(|percent| {
        let at = usize::try_from(percent.saturating_mul(7) / 100).unwrap_or(usize::MAX);
        MARKS.get(at).copied().unwrap_or(' ')
    });
    marks.collect()
}

/// How much of a whole is used, as a bar.
pub(super) fn bar(used: u64, of: u64, width: usize) -> String {
    let share = u128::from(used.min(of)) * width as u128;
    let full = usize::try_from(share.checked_div(of.into()).unwrap_or(0)).unwrap_or(0).min(width);
    "█".repeat(full) + &"░".repeat(width - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([9_999, 10_000, 12_345_678].map(count), ["9999", "10 k", "12 M"]);
        let times = [0, 7, 1_550, 12_345, 60_000_000].map(|us| time(Duration::from_micros(us)));
        assert_eq!(times, ["–", "7 µs", "1.5 ms", "12 ms", "60 s"]);
        assert_eq!(trend(&[100, u64::MAX, 50, 0], 3), "▄ █");
        assert_eq!((bar(1, 2, 4), bar(9, 2, 4), bar(0, 0, 2)), ("██░░".into(), "████".into(), "░░".into()));
    }
}
