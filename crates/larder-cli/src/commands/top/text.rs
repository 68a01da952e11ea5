//! Formats numbers and names to fit a limited width.

use std::time::Duration;

use ratatui::text::Span;

const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns a count in at most six characters, if it is less than 10,000,000,000,000.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{} k", count / 1000),
        10_000_000..10_000_000_000 => format!("{} M", count / 1_000_000),
        _ => format!("{} G", count / 1_000_000_000),
    }
}

/// Returns a rate in at most as many characters as [`count`]. A low rate has a decimal, so that it does not
/// appear as zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate to show")]
pub(super) fn per_second(rate: f64) -> String {
    if rate <= 0.0 {
        "0".to_owned()
    } else if rate < 0.1 {
        "<0.1".to_owned()
    } else if rate < 10.0 && rate.fract() >= 0.05 {
        format!("{rate:.1}")
    } else {
        count(rate.round() as u64)
    }
}

/// Returns a size in at most eight characters, if it is less than 1,000 TiB.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((size, unit)) = UNITS.into_iter().find(|(size, _)| bytes >= *size) else {
        return format!("{bytes} B");
    };
    let (whole, tenths) = (bytes / size, (bytes % size) * 10 / size);
    if whole >= 100 || tenths == 0 { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

/// Returns a duration in at most seven characters, if it is less than 100,000 seconds. Zero is shown as a
/// dash.
pub(super) fn time(time: Duration) -> String {
    match time.as_micros() {
        0 => "–".to_owned(),
        us @ 1..1_000 => format!("{us} µs"),
        us @ 1_000..10_000 => format!("{}.{} ms", us / 1000, us / 100 % 10),
        us @ 10_000..10_000_000 => format!("{} ms", us / 1000),
        us => format!("{} s", us / 1_000_000),
    }
}

pub(super) fn percent(percent: Option<u64>) -> String {
    percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))
}

/// Returns a chart of percentages over time, with one character each and a space for a missing number. The
/// newest percentage is the first in the input and the last in the text.
pub(super) fn trend(newest_first: &[u64], width: usize) -> String {
    let marks = newest_first.iter().take(width).rev().map(|percent| {
        let at = usize::try_from(percent.saturating_mul(7) / 100).unwrap_or(usize::MAX);
        MARKS.get(at).copied().unwrap_or(' ')
    });
    marks.collect()
}

/// Returns a bar that shows how much of a capacity is used.
pub(super) fn bar(used: u64, of: u64, width: usize) -> String {
    let share = u128::from(used.min(of)) * width as u128;
    let full = usize::try_from(share.checked_div(of.into()).unwrap_or(0)).unwrap_or(0).min(width);
    "█".repeat(full) + &"░".repeat(width - full)
}

pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Shortens a text to `most` columns. Replaces the middle with `…`, because names often differ only at the
/// end.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let Some(room) = most.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let mut fits = |letter: &char, room: usize| {
        used += width(letter.encode_utf8(&mut [0; 4]));
        used <= room
    };
    let head: String = text.chars().take_while(|letter| fits(letter, room.div_ceil(2))).collect();
    let (left, mut used) = (room - width(&head), 0);
    let mut fits = |letter: &char| {
        used += width(letter.encode_utf8(&mut [0; 4]));
        used <= left
    };
    let tail: Vec<char> = text.chars().rev().take_while(|letter| fits(letter)).collect();
    head + "…" + &tail.into_iter().rev().collect::<String>()
}

/// Breaks a text into lines of `most` columns, between words where possible.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let most = most.max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let is_begun = lines.last().is_some_and(|line| !line.is_empty());
        if is_begun && lines.last().is_some_and(|line| width(line) + 1 + width(word) > most) {
            lines.push(String::new());
        } else if is_begun {
            lines.last_mut().into_iter().for_each(|line| line.push(' '));
        }
        for letter in word.chars() {
            let columns = width(letter.encode_utf8(&mut [0; 4]));
            if lines.last().is_some_and(|line| !line.is_empty() && width(line) + columns > most) {
                lines.push(String::new());
            }
            lines.last_mut().into_iter().for_each(|line| line.push(letter));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([9_999, 10_000, 12_345_678].map(count), ["9999", "10 k", "12 M"]);
        assert_eq!(
            [0.0, 0.02, 0.34, 3.0, 9.96, 1_234.4].map(per_second),
            ["0", "<0.1", "0.3", "3", "10.0", "1234"]
        );
        let sizes = [0, 1023, 1 << 20, 1_234_567, 1 << 30, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1 MiB", "1.1 MiB", "1 GiB", "16777215 TiB"]);
        let times = [0, 7, 1_550, 12_345, 60_000_000].map(|us| time(Duration::from_micros(us)));
        assert_eq!(times, ["–", "7 µs", "1.5 ms", "12 ms", "60 s"]);
        assert_eq!(trend(&[100, u64::MAX, 50, 0], 3), "▄ █");
        assert_eq!((bar(1, 2, 4), bar(9, 2, 4), bar(0, 0, 2)), ("██░░".into(), "████".into(), "░░".into()));
    }

    #[test]
    fn texts_fit_their_room() {
        assert_eq!(shortened("product", 7), "product");
        assert_eq!(shortened("product_lists", 8), "prod…sts");
        assert_eq!(shortened("商品カタログ", 8), "商品…グ");
        assert_eq!(["", "…", "p…"].map(width), [0, 1, 2].map(|most| width(&shortened("product", most))));
        assert_eq!(wrapped("no answer for 12 s: gone", 9), ["no answer", "for 12 s:", "gone"]);
        assert_eq!(wrapped("ab/cdefghij k", 4), ["ab/c", "defg", "hij", "k"]);
        assert_eq!(wrapped("商品", 0), ["商", "品"]);
    }
}
